"""What this project adds to the executor: the end of time, and a setting that turns plans off."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from strawberry.types.execution import PreExecutionError

from app.settings import BadSetting, Settings
from db.access import SYSTEM
from db.database import open_database
from graphql_schema.context import Context
from graphql_schema.execution import Executor, OutOfTime
from graphql_schema.schema import admit, execute
from tests import factories

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.database import Database

TEXT = "{{ scopes {{ nodes {{ id {0}: name parent {{ id }} resourceTypes {{ nodes {{ id }} }} }} }} }}"


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """Return a small catalogue."""
    database = open_database(sqlite_url)
    await factories.catalogue(database)
    yield database
    await database.close()


@pytest.mark.parametrize("counted", [True, False], ids=["known", "through Strawberry"])
@pytest.mark.parametrize("compiled", [True, False])
async def test_that_a_setting_turns_plans_off(database: Database, *, compiled: bool, counted: bool) -> None:
    text = TEXT.format(f"name{compiled}{counted}")
    answers: list[Any] = []
    for each in (compiled, True):
        context = Context(database, SYSTEM, compiled=each)
        if counted:
            assert admit(text, None, None, context) is None
        before = len(Executor.operations)
        result = await execute(text, None, None, context)
        assert len(Executor.operations) - before == (each and not (compiled and answers))
        answers.append((result.data, result.errors, result.extensions))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("compiled", [True, False])
async def test_that_the_end_of_time_ends_what_never_waits(database: Database, *, compiled: bool) -> None:
    context = Context(database, SYSTEM, compiled=compiled)
    context.deadline = -math.inf
    text = TEXT.format("late")
    assert admit(text, None, None, context) is None
    result = await execute(text, None, None, context)
    assert isinstance(result, PreExecutionError)
    assert result.errors is not None
    assert [type(error.original_error) for error in result.errors] == [OutOfTime]


@pytest.mark.parametrize(("text", "on"), [("true", True), ("False", False)])
def test_that_the_setting_is_read(text: str, *, on: bool) -> None:
    assert Settings().compiled_executor
    assert Settings.read({"SHEAF_COMPILED_EXECUTOR": text}).compiled_executor is on
    with pytest.raises(BadSetting):
        Settings.read({"SHEAF_COMPILED_EXECUTOR": "perhaps"})


@pytest.mark.parametrize("compiled", [True, False])
async def test_that_a_condition_of_null_fails_its_place_and_not_what_was_stored(
    database: Database, *, compiled: bool
) -> None:
    text = """mutation($if: Boolean = true) {
        createScopes(input: [{name: "New", parentScopeId: "scope_acme"}]) {
            count results { outcome scope { id @include(if: $if) } } } }"""
    context = Context(database, SYSTEM, compiled=compiled)
    assert admit(text, {"if": None}, None, context) is None
    result = await execute(text, {"if": None}, None, context)
    assert result.data == {"createScopes": {"count": 1, "results": [{"outcome": "CREATED", "scope": None}]}}
    assert result.errors is not None
    told = [(error.path, error.extensions) for error in result.errors]
    assert told == [(["createScopes", "results", 0, "scope"], {"code": "BAD_USER_INPUT"})]
