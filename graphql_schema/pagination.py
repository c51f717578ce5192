"""Lists as Relay's connections: pages in both directions, read only as far as they are asked for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from strawberry import UNSET, Parent

from db.reads import DEFAULT_LIMIT, MAX_LIMIT, Edge, Page, Slice
from graphql_schema.context import Info
from graphql_schema.errors import BadArgument

NodeT = TypeVar("NodeT")
T = TypeVar("T")

First = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many objects from the start, or from behind `after`: up to {MAX_LIMIT:,}; "
        f"{DEFAULT_LIMIT} if neither this nor `last` is given."
    ),
]
After = Annotated[str | None, strawberry.argument(description="Only what comes behind this cursor.")]
Last = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many objects from the end, or from before `before`: up to {MAX_LIMIT:,}. "
        "Not together with `first`."
    ),
]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a connection is made of; either part is read once, when the first field asks for it."""

    slice: Callable[[], Awaitable[Slice[Any]]]
    size: Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Listed:
    """A row in its list."""

    node: Any
    slice: Slice[Any]

    @property
    def cursor(self) -> str:
        """Where in the list this row is."""
        return self.slice.cursor(self.node)


@strawberry.type(description="Where in its list a page lies.")
class PageInfo:
    has_next: bool = strawberry.field(name="hasNextPage", description="Whether objects follow this page.")
    has_previous: bool = strawberry.field(
        name="hasPreviousPage", description="Whether objects precede this page."
    )

    @strawberry.field(description="The cursor of the first object of the page, `null` if it is empty.")
    @staticmethod
    def start_cursor(page: Parent[Slice[Any]]) -> str | None:
        return page.cursor(page.rows[0]) if page.rows else None

    @strawberry.field(description="The cursor of the last object of the page, `null` if it is empty.")
    @staticmethod
    def end_cursor(page: Parent[Slice[Any]]) -> str | None:
        return page.cursor(page.rows[-1]) if page.rows else None


@strawberry.type(name="Edge", description="An object in a list.")
class ListEdge(Generic[NodeT]):
    node: NodeT = strawberry.field(description="The object.")
    cursor: str = strawberry.field(
        description="The object's place in this list. It stays valid when the object is deleted."
    )


@strawberry.type(description="A page of a list, ordered by id.")
class Connection(Generic[NodeT]):
    @strawberry.field(graphql_type=list[ListEdge[NodeT]], description="The objects with their cursors.")
    @staticmethod
    async def edges(listing: Parent[Listing]) -> list[Listed]:
        page = await listing.slice()
        return [Listed(row, page) for row in page.rows]

    @strawberry.field(graphql_type=list[NodeT], description="The objects.")
    @staticmethod
    async def nodes(listing: Parent[Listing]) -> list[Any]:
        return (await listing.slice()).rows

    @strawberry.field(graphql_type=PageInfo, description="Where in its list this page lies.")
    @staticmethod
    async def page_info(listing: Parent[Listing]) -> Slice[Any]:
        return await listing.slice()

    @strawberry.field(
        description="How many objects the whole list has. They are counted only when this is asked for."
    )
    @staticmethod
    async def total_count(listing: Parent[Listing]) -> int:
        return await listing.size()


def page_of(first: int | None, after: str | None, last: int | None, before: str | None) -> Page:
    """Return the page that a connection's arguments mean."""
    first, after, last, before = given(first), given(after), given(last), given(before)
    for name, number in (("first", first), ("last", last)):
        if number is not None and not 0 <= number <= MAX_LIMIT:
            raise BadArgument(name, f"must be from 0 to {MAX_LIMIT:,}, not {number:,}")
    if last is None:
        return Page(DEFAULT_LIMIT if first is None else first, after, before)
    if first is not None:
        raise BadArgument("last", "can't be given together with first")
    return Page(last, after, before, backward=True)


def given(argument: T | None) -> T | None:
    """Return an argument's value: left out and null mean the same."""
    return None if argument is UNSET else argument


def to_many(edge: Edge[Any], description: str) -> Any:
    """Declare a connection to the children at an edge."""

    def resolve(
        row: Parent[Any],
        info: Info,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> Listing:
        parent = (row.id, row.root_id)
        slices, sizes = info.context.loaders.slices(edge), info.context.loaders.sizes(edge)
        page = page_of(first, after, last, before)
        return Listing(partial(slices.load, (parent, page)), partial(sizes.load, parent))

    return strawberry.field(resolver=resolve, description=description, metadata={"to_many": edge})
