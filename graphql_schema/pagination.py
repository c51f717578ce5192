"""Lists as Relay's connections: pages in both directions, read only as far as they are asked for."""

from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import strawberry
from strawberry import UNSET, Parent

from db.reads import DEFAULT_LIMIT, MAX_LIMIT, Edge, Page, Slice
from graphql_schema.context import Info
from graphql_schema.errors import BadArgument
from graphql_schema.executor import BREADTH_FIRST, Batched
from graphql_schema.fields import resolved_by, stored
from graphql_schema.key_loaders import KeyLoader
from graphql_schema.loaders import Loaders

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


ReadBy = tuple[KeyLoader[Any, Slice[Any]], KeyLoader[Any, int]]
"""The loaders of a page of each parent's objects, and of their number."""


class Listing(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What a connection is made of; either part is read once, when the first field asks for it."""

    slices: KeyLoader[Any, Slice[Any]]
    sizes: KeyLoader[Any, int]
    key: Any
    """Of the page in the one, of the number in the other."""

    def slice(self) -> Awaitable[Slice[Any]]:
        """Return the page."""
        return self.slices.load(self.key)

    def size(self) -> Awaitable[int]:
        """Return how many objects the whole list has."""
        return self.sizes.load(self.key)


class Listed(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A row in its list."""

    node: Any
    slice: Slice[Any]

    @property
    def cursor(self) -> str:
        """Where in the list this row is."""
        return self.slice.cursor(self.node)


def _start_cursor(page: Parent[Slice[Any]]) -> str | None:
    return page.cursor(page.rows[0]) if page.rows else None


def _end_cursor(page: Parent[Slice[Any]]) -> str | None:
    return page.cursor(page.rows[-1]) if page.rows else None


@strawberry.type(description="Where in its list a page lies.")
class PageInfo:
    has_next: bool = stored("Whether objects follow this page.", name="hasNextPage")
    has_previous: bool = stored("Whether objects precede this page.", name="hasPreviousPage")
    start_cursor: str | None = resolved_by(
        _start_cursor, "The cursor of the first object of the page, `null` if it is empty."
    )
    end_cursor: str | None = resolved_by(
        _end_cursor, "The cursor of the last object of the page, `null` if it is empty."
    )


@strawberry.type(name="Edge", description="An object in a list.")
class ListEdge(Generic[NodeT]):
    node: NodeT = stored("The object.")
    cursor: str = stored("The object's place in this list. It stays valid when the object is deleted.")


async def _edges(listing: Parent[Listing]) -> list[Listed]:
    return _listed(await listing.slice())


async def _nodes(listing: Parent[Listing]) -> list[object]:
    return (await listing.slice()).rows


# Strawberry reads the annotation of a generic type's resolver, and doesn't know what a slice is.
async def _page_info(listing: Parent[Listing]) -> object:
    return await listing.slice()


async def _total_count(listing: Parent[Listing]) -> int:
    return await listing.size()


def _listed(page: Slice[Any]) -> list[Listed]:
    return [Listed(row, page) for row in page.rows]


def _of_slices(told: Callable[[Slice[Any]], object]) -> dict[str, object]:
    """Mark a field as what can be told of its connection's page."""

    def resolve(listings: Sequence[Listing], _info: Info) -> Awaitable[Sequence[object]] | Sequence[object]:
        # They are of one field: with the same page of the same edge.
        found = listings[0].slices.load_many([listing.key for listing in listings])
        return _told(found, told) if isinstance(found, list) else _told_later(found, told)

    return {BREADTH_FIRST: Batched(resolve)}


async def _told_later(
    found: Awaitable[Sequence[Any]], told: Callable[[Slice[Any]], object]
) -> Sequence[object]:
    return _told(await found, told)


def _told(found: Sequence[Any], told: Callable[[Slice[Any]], object]) -> Sequence[object]:
    return [told(each) if isinstance(each, Slice) else each for each in found]


def _sizes(
    listings: Sequence[Listing], _info: Info
) -> Awaitable[Sequence[int | BaseException]] | Sequence[int | BaseException]:
    return listings[0].sizes.load_many([listing.key for listing in listings])


@strawberry.type(description="A page of a list, ordered by id.")
class Connection(Generic[NodeT]):
    edges: list[ListEdge[NodeT]] = resolved_by(
        _edges, "The objects with their cursors.", metadata=_of_slices(_listed)
    )
    nodes: list[NodeT] = resolved_by(_nodes, "The objects.", metadata=_of_slices(attrgetter("rows")))
    page_info: PageInfo = resolved_by(
        _page_info, "Where in its list this page lies.", metadata=_of_slices(lambda page: page)
    )
    total_count: int = resolved_by(
        _total_count,
        "How many objects the whole list has. They are counted only when this is asked for.",
        metadata={BREADTH_FIRST: Batched(_sizes)},
    )


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
    return connection(lambda loaders, page: (loaders.slices(edge, page), loaders.sizes(edge)), description)


def connection(read_by: Callable[[Loaders, Page], ReadBy], description: str) -> Any:
    """Declare a connection that is read by the parent's id and root, through the loaders that are chosen for a page."""

    def resolve(
        row: Parent[Any],
        info: Info,
        *,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> Listing:
        return resolve_all([row], info, first=first, after=after, last=last, before=before)[0]

    def resolve_all(
        rows: Sequence[Any],
        info: Info,
        *,
        first: int | None = UNSET,
        after: str | None = UNSET,
        last: int | None = UNSET,
        before: str | None = UNSET,
    ) -> list[Listing]:
        slices, sizes = read_by(info.context.loaders, page_of(first, after, last, before))
        return [Listing(slices, sizes, (row.id, row.root_id)) for row in rows]

    return resolved_by(resolve, description, metadata={BREADTH_FIRST: Batched(resolve_all)})
