"""What an operation has read is let go of when it is answered, not when the garbage collector finds it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from db.access import SYSTEM
from graphql_schema.context import Context
from graphql_schema.schema import execute
from tests import factories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from db.database import Database

QUERIES = {
    "lists": "{ resources { nodes { id scope { id } tags { nodes { id tagGroup { id } } totalCount } } totalCount } }",
    "one": '{ resource(id: "resource_a") { id resourceType { id } assignments { edges { cursor } } } }',
    "scopes": '{ scope(id: "scope_platform") { ancestors { id } children { nodes { id } } } }',
    "a mutation": """mutation { createScopes(input: [{name: "New", parentScopeId: "scope_acme"}]) {
        results { scope { id parent { id } } } } }""",
}


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Switch the garbage collector off."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@pytest.mark.usefixtures("uncollected")
async def test_nothing_that_was_read_outlives_the_answer(acme: Database, query: str) -> None:
    await factories.resources(acme, "a", "b")
    left: list[weakref.ref[Any]] = []
    for _ in range(2):
        context = Context(acme, SYSTEM)
        result = await execute(query, None, None, context)
        assert not result.errors
        left = [weakref.ref(context), weakref.ref(context.loaders)]
        del context, result
        # A task's last turn of the event loop.
        await asyncio.sleep(0)
    assert [each() for each in left] == [None, None]
