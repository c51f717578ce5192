"""Execute a query of 22,001 fields without a database or HTTP: plans beside graphql-core, in one process.

What is measured is processor time: medians of rounds taken in turns, and the least.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import strawberry
from graphql import DocumentNode, ExecutionResult, get_introspection_query, parse
from graphql.execution import execute
from strawberry import Parent
from strawberry.dataloader import DataLoader
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_schema.executor import BREADTH_FIRST, Batched, BreadthFirstExecutor, Keyed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

RESOURCES = 1_000
BUDGET_S = 12.0

Info = strawberry.Info["Loaders", None]


class KindRow(msgspec.Struct, frozen=True, gc=False):
    """A type or a scope."""

    id: str
    key: str
    name: str


class TagRow(msgspec.Struct, frozen=True, gc=False):
    """A tag."""

    id: str
    label: str


class ResourceRow(msgspec.Struct, frozen=True, gc=False):
    """A resource, with the ids of what it refers to."""

    id: str
    kind_id: str
    place_id: str
    external_id: str
    name: str | None
    revision: int
    created_at: str
    created_by: str
    updated_at: str | None
    locked: bool


KINDS = {f"kind_{i}": KindRow(f"kind_{i}", f"key-{i}", f"Kind {i}") for i in range(10)}
TAGS = [TagRow(f"tag_{i}", f"Tag {i}") for i in range(50)]
ROWS = [
    ResourceRow(
        f"resource_{i}", f"kind_{i % 10}", f"kind_{i % 7}", f"doc-{i}", f"Document {i}", i,
        "2026-01-01T00:00:00Z", "system", None, False,
    )
    for i in range(RESOURCES)
]  # fmt: skip

TAGS_OF = {row.id: [TAGS[(index + i) % 50] for i in range(3)] for index, row in enumerate(ROWS)}


async def kinds_of(ids: list[str]) -> list[KindRow]:
    """Return types or scopes by id."""
    return [KINDS[each] for each in ids]


async def tags_of(ids: list[str]) -> list[list[TagRow]]:
    """Return the three tags of each resource."""
    return [TAGS_OF[each] for each in ids]


class Loaders:
    """The loaders of one operation."""

    def __init__(self) -> None:
        self.kinds: DataLoader[str, KindRow] = DataLoader(kinds_of)
        self.tags: DataLoader[str, list[TagRow]] = DataLoader(tags_of)


def to_kind(column: str) -> Any:
    """Declare an edge by a column: a resolver with a loader, and what to do for all at once."""

    def resolve(row: Parent[Any], info: Info) -> Awaitable[Any]:
        return info.context.kinds.load(getattr(row, column))

    def load(_info: Info, ids: list[str]) -> Awaitable[Sequence[KindRow]]:
        return kinds_of(ids)

    return strawberry.field(resolver=resolve, metadata={BREADTH_FIRST: Keyed(attrgetter(column), load)})


@strawberry.type
class Kind:
    id: strawberry.ID
    key: str
    name: str


@strawberry.type
class Tag:
    id: strawberry.ID
    label: str


def _tags(row: Parent[Any], info: Info) -> Awaitable[Any]:
    return info.context.tags.load(row.id)


def _all_tags(rows: Sequence[ResourceRow], _info: Info) -> Awaitable[Sequence[list[TagRow]]]:
    return tags_of([row.id for row in rows])


def to_tags() -> Any:
    """Declare the edge to the tags, likewise."""
    return strawberry.field(resolver=_tags, metadata={BREADTH_FIRST: Batched(_all_tags)})


def _slug(row: Parent[Any]) -> str:
    return f"{row.id}-{row.revision}"


async def _later(row: Parent[Any]) -> str:
    return str(row.id)


@strawberry.type
class Resource:
    id: strawberry.ID
    external_id: str
    name: str | None
    revision: int
    created_at: str
    created_by: str
    updated_at: str | None
    locked: bool
    kind: Kind | None = to_kind("kind_id")
    place: Kind | None = to_kind("place_id")
    tags: list[Tag] = to_tags()
    slug: str = strawberry.field(resolver=_slug)
    later: str = strawberry.field(resolver=_later)


def all_of(rows: Sequence[ResourceRow]) -> Any:
    """Declare a field that answers rows."""
    return strawberry.field(resolver=lambda: rows)


@strawberry.type
class Query:
    resources: list[Resource] = all_of(ROWS)


SCALARS = "id externalId name revision createdAt createdBy updatedAt locked"
COMPILED = f"{{ resources {{ {SCALARS} kind {{ id key name }} place {{ id name }} tags {{ id label }} }} }}"
PLAIN = "{ resources { id slug later } }"
"""Resolvers that nothing is known about."""

schema = strawberry.Schema(Query)


@dataclass(eq=False)
class Contender:
    """A query, and what executes it."""

    name: str
    document: DocumentNode
    executor_class: type[StrawberryGraphQLCoreExecutionContext]
    times_ms: list[float] = field(default_factory=list)

    async def run(self) -> ExecutionResult:
        """Execute the query once."""
        answer: Any = execute(
            schema._schema,  # noqa: SLF001 - the one way to it
            self.document,
            context_value=Loaders(),
            executor_class=self.executor_class,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # as Strawberry does
            operation_extensions=None,
        )
        return answer if isinstance(answer, ExecutionResult) else await answer


def fields_of(value: object) -> int:
    """Return how many fields a result has."""
    if isinstance(value, dict):
        return sum(1 + fields_of(each) for each in value.values())
    return sum(map(fields_of, value)) if isinstance(value, list) else 0


async def compare(title: str, query: str, budget_s: float) -> None:
    """Measure stock execution and plans in turns, and print."""
    document = parse(query)
    stock = Contender("graphql-core", document, StrawberryGraphQLCoreExecutionContext)
    plans = Contender("breadth first", document, BreadthFirstExecutor)
    told = [await each.run() for each in (stock, plans)]
    if told[0].errors or told[0].data != told[1].data:
        raise RuntimeError(f"{title}: {told[0].errors}")
    until = time.monotonic() + budget_s
    while time.monotonic() < until or len(stock.times_ms) < 3:
        for each in (stock, plans):
            # Stock takes so long that one of each would leave few rounds for the other.
            for _ in range(1 if each is stock else 5):
                # Nothing waits, so what others do on the machine needn't count.
                began = time.process_time()
                await each.run()
                each.times_ms.append((time.process_time() - began) * 1_000)
    slow, fast = statistics.median(stock.times_ms), statistics.median(plans.times_ms)
    print(
        f"{title:<44}{fields_of(told[0].data):>8,} fields{slow:>10.2f} ms{fast:>10.3f} ms"
        f"  min {min(stock.times_ms):.2f} / {min(plans.times_ms):.3f} ms  {slow / fast:>6.1f} x"
    )


async def race(cases: Sequence[tuple[str, str]], compare: Callable[..., Awaitable[None]]) -> None:
    """Measure one case after the other."""
    for title, query in cases:
        await compare(title, query, BUDGET_S / len(cases))


def main() -> None:
    """Print how much time of a processor each case takes in graphql-core and in plans, and how many times as much."""
    cases = [
        ("all compiled", COMPILED),
        ("resolvers called object by object", PLAIN),
        ("not compiled: introspection", get_introspection_query()),
        ("one field", "{ __typename }"),
    ]
    print(f"{'':<44}{'':>15}{'graphql-core':>13}{'plans':>13}{'ratio':>30}")
    asyncio.run(race(cases, compare))


if __name__ == "__main__":
    main()
