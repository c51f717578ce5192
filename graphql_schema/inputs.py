"""Items as clients write them, and the way from there to the data layer's typed items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, get_args

import msgspec
import strawberry
from strawberry import UNSET

from db.commands import ANY_REVISION, Target
from db.errors import Code, Refused
from db.shapes import MAX_ITEMS, checked, decode_batch
from graphql_schema.executor import as_it_came

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from db.shapes import Item

    ShapeT = TypeVar("ShapeT", bound=msgspec.Struct)
    ClassT = TypeVar("ClassT", bound=type)

IF_MATCH = "The ETag that the object must have, with or without its quotes; `*` or nothing for any."
ID_OF_NEW = "The id, if the server shouldn't make one: `{}_` and 1 to 128 of `A-Z a-z 0-9 . _ -`."
ID_OF_CHANGED = "The id of the object to change."

Items = list[dict[str, Any]]
"""Items by the names of the schema; what a client left out is absent, what it set to null is `None`."""


def input_type(description: str) -> Callable[[ClassT], ClassT]:
    """Declare an input type whose values reach the resolvers as plain dicts.

    The data layer checks and types the items for all doors alike, in one pass over their JSON: an object for each
    in between would be the slowest part of a large mutation.
    """

    def declare(cls: ClassT) -> ClassT:
        made = strawberry.input(cls, description=description)
        made.__strawberry_definition__.from_input = as_it_came  # type: ignore[attr-defined]  # set by strawberry.input
        return made

    return declare


def required(description: str) -> Any:
    """Declare a field that an item must have."""
    return strawberry.field(description=description)


def optional(description: str) -> Any:
    """Declare a field that an item may leave out."""
    return strawberry.field(description=description, default=UNSET)


def limits_of(annotated: object) -> str:
    """Return what the data layer says of a value's length: `1 to 1,000 characters`."""
    text: str = get_args(annotated)[1].description
    return text


@input_type(description="An object to delete.")
class DeleteInput:
    id: strawberry.ID = required("The object's id.")
    if_match: str | None = optional(IF_MATCH)


@input_type(description="A tag and a resource that carries it, or is to carry it.")
class ResourceTagInput:
    tag_id: strawberry.ID = required("The tag's id.")
    resource_id: strawberry.ID = required("The resource's id.")


def bounded(items: Items) -> Items:
    """Refuse more items than one mutation may have."""
    if len(items) > MAX_ITEMS:
        raise Refused(Code.TOO_MANY_ITEMS, f"{len(items):,} items; the limit is {MAX_ITEMS:,}")
    return items


def typed(items: Items, shape: type[ShapeT]) -> list[Item[ShapeT]]:
    """Turn items into `shape`s, each of them or the tuple of its faults."""
    try:
        return decode_batch(msgspec.json.encode(items), shape)
    except (UnicodeEncodeError, OverflowError, RecursionError):
        # What JSON in UTF-8 can't hold is the fault of one item, not of all.
        return [checked(item, shape) for item in items]


def target(item: Mapping[str, Any]) -> Target:
    """Return the object that an item names by `id` and `ifMatch`."""
    etag = item.get("ifMatch")
    return Target(findable(item["id"]), None if etag is None else _revisions(etag))


def _revisions(etag: str) -> frozenset[str]:
    if len(etag) < 2 or not etag.startswith('"') or not etag.endswith('"'):
        return frozenset({etag})
    # In quotes it is a revision, which none has, and not all of them.
    return frozenset({etag[1:-1]} - {ANY_REVISION})


def encodable(text: str) -> bool:
    """Tell whether a text has no lone surrogate."""
    return text.isascii() or text.encode("utf-8", "ignore").decode() == text


def findable(wanted: str) -> str:
    """Return an id as the databases take it: one with other characters names nothing anyway."""
    return wanted.replace("\0", "?").encode("utf-8", "replace").decode()
