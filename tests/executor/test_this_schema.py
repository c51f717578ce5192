"""Random operations on this project's schema: executed alike by graphql-core and by plans."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    is_required_argument,
    is_required_input_field,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from db.access import SYSTEM
from db.database import open_database
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, NewTagGroup
from db.tags import TAGS
from graphql_schema.context import Context
from graphql_schema.execution import Executor
from graphql_schema.schema import schema
from tests import factories
from tests.executor.comparison import compare
from tests.executor.queries import Query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphql import GraphQLField

    from db.database import Database

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

STOCK: Any = SimpleNamespace(
    _schema=schema._schema, execution_context_class=StrawberryGraphQLCoreExecutionContext
)
COMPILED: Any = SimpleNamespace(_schema=schema._schema, execution_context_class=Executor)
SCALARS = {"JSON": st.just(nodes.String("x")), "DateTime": st.just(nodes.String("2024-01-15T10:30:00Z"))}
SOAK_OPERATIONS = 10_000


@dataclass
class Catalogue:
    """A small catalogue, and a loop to ask it in."""

    runner: asyncio.Runner
    database: Database
    ids: list[str]

    def compare(self, text: str, variables: dict[str, Any]) -> bool | None:
        """Compare an operation; return whether it had errors, `None` if it isn't valid."""

        async def context() -> Context:
            context = Context(self.database, SYSTEM)
            await context.begin()
            return context

        both = (STOCK, COMPILED)
        result = self.runner.run(compare(both, text, variables, context, in_order=False))
        return None if result is None else bool(result.errors)


@pytest.fixture
def catalogue(sqlite_url: str) -> Iterator[Catalogue]:
    """Return a small catalogue."""
    with asyncio.Runner() as runner:
        database = open_database(sqlite_url)
        runner.run(_filled(database))
        yield Catalogue(runner, database, runner.run(_ids(database)))
        runner.run(database.close())


async def _filled(database: Database) -> None:
    await factories.catalogue(database)
    await factories.resources(database, "a", "b", "c")
    caller = await factories.caller_in(database, "scope_acme")
    group = NewTagGroup(id="tag_group_local", scope_id="scope_engineering", key="local", name="Local")
    await factories.create(database, TAG_GROUPS, group, caller=caller)
    tag = factories.new_tag("local", "tag_group_local", scope_id="scope_engineering")
    await factories.create(database, TAGS, tag, caller=caller)
    pairs = [("tag_local", "resource_a"), ("tag_high", "resource_a"), ("tag_high", "resource_b")]
    assignments = [NewTagAssignment(tag_id=tag_id, resource_id=resource) for tag_id, resource in pairs]
    await factories.create(database, TAG_ASSIGNMENTS, *assignments, caller=caller)


async def _ids(database: Database) -> list[str]:
    context = Context(database, SYSTEM)
    await context.begin()
    lists = ("scopes", "resourceTypes", "resources", "tagGroups", "tags", "tagAssignments")
    document = " ".join(f"{name} {{ nodes {{ id }} }}" for name in lists)
    result = await schema.execute(f"{{ {document} }}", None, context)
    assert result.data is not None
    return [node["id"] for name in lists for node in result.data[name]["nodes"]]


class Asked(Query):
    """A query with arguments that mean something here, and some that don't."""

    ids: list[str]

    def arguments(self, definition: GraphQLField) -> str:
        """Draw the arguments of a field."""
        drawn = [
            f"{name}: {self._value(argument.type)}"
            for name, argument in definition.args.items()
            if is_required_argument(argument) or self.random.random() < 0.15
        ]
        return f"({', '.join(drawn)})" if drawn else ""

    def _value(self, kind: Any) -> str:
        random = self.random
        if isinstance(kind, GraphQLNonNull):
            return self._value(kind.of_type)
        if isinstance(kind, GraphQLList):
            return f"[{', '.join(self._value(kind.of_type) for _ in range(random.randrange(4)))}]"
        if isinstance(kind, GraphQLInputObjectType):
            members = [
                f"{name}: {self._value(each.type)}"
                for name, each in kind.fields.items()
                if is_required_input_field(each) or random.random() < 0.5
            ]
            return f"{{{', '.join(members)}}}"
        if isinstance(kind, GraphQLEnumType):
            name: str = random.choice([*kind.values])
            return name
        if kind is GraphQLInt:
            number = random.choice((0, 1, 2, 3, 3, 10, 100, -1, 1_001))
            return str(number) if random.random() < 0.5 else f"${self.variable('Int', number)}"
        if kind is GraphQLBoolean:
            return random.choice(("true", "false"))
        if kind is GraphQLID:
            text = random.choice([*self.ids, "resource_none", "nothing"])
            return json.dumps(text) if random.random() < 0.5 else f"${self.variable('ID!', text)}"
        return json.dumps(random.choice(("a", "/a", "", "2024-01-15T10:30:00Z")))


def drawn(seed: int, ids: list[str]) -> tuple[str, dict[str, Any]]:
    """Draw an operation and its variables."""
    query = Asked(Random(seed), schema._schema)
    query.ids = ids
    return query.text(), query.variables


FEW = settings(
    max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@FEW
@given(seed=st.integers(0, 2**32))
def test_that_plans_answer_about_the_catalogue_what_graphql_core_answers(
    catalogue: Catalogue, seed: int
) -> None:
    catalogue.compare(*drawn(seed, catalogue.ids))


@FEW
@given(text=queries(schema.as_str(), custom_scalars=SCALARS))
def test_that_plans_answer_whatever_the_schema_allows(catalogue: Catalogue, text: str) -> None:
    catalogue.compare(text, {})


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_that_plans_answer_about_the_catalogue_to_ten_thousand(catalogue: Catalogue) -> None:
    told = [catalogue.compare(*drawn(seed, catalogue.ids)) for seed in range(SOAK_OPERATIONS)]
    compared = [each for each in told if each is not None]
    print(f"{len(compared):,} operations compared, {sum(compared):,} of them with errors")  # noqa: T201
    assert len(compared) > SOAK_OPERATIONS / 2
    assert sum(compared) > len(compared) / 50
