"""Lists of resources: the arguments that say which, and in which order."""

from enum import StrEnum
from types import NoneType
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from db.reads import Member, Order
from db.resources import RESOURCES
from graphql_schema.context import Info
from graphql_schema.errors import BadArgument
from graphql_schema.inputs import encodable
from graphql_schema.nodes import MAX_IDS
from graphql_schema.pagination import After, Before, First, Last, Listing, given, page_of
from graphql_schema.scalars import JSON, DateTime
from graphql_schema.selections import Ids, InScope, WithDescendants, listing, selection

MAX_MEMBERS = 10


class ResourceOrderField(StrEnum):
    """What resources can be ordered by."""

    ID = "id"
    DISPLAY_NAME = "display_name"
    EXTERNAL_RESOURCE_ID = "external_resource_id"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


COLUMNS: dict[ResourceOrderField, tuple[str, ...]] = {
    ResourceOrderField.ID: (),
    ResourceOrderField.DISPLAY_NAME: ("display_name",),
    ResourceOrderField.EXTERNAL_RESOURCE_ID: ("external_resource_id",),
    ResourceOrderField.CREATED_AT: ("created_at",),
    ResourceOrderField.UPDATED_AT: ("updated_at", "created_at"),
}


class OrderDirection(StrEnum):
    """Which end comes first."""

    ASC = "asc"
    DESC = "desc"


def _published(enum: type[StrEnum], description: str, values: dict[str, str]) -> None:
    strawberry.enum(enum, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by strawberry.enum
        value.description = values[value.name]


_published(
    ResourceOrderField,
    "What resources can be ordered by. Whatever is equal in it is ordered by id.",
    {
        "ID": "The id, compared as bytes: server ids in the order in which they were made.",
        "DISPLAY_NAME": "The name, compared as bytes; no name comes first.",
        "EXTERNAL_RESOURCE_ID": "The external id, compared as bytes.",
        "CREATED_AT": "When it was created.",
        "UPDATED_AT": "When it was last changed, or created if it never was changed.",
    },
)
_published(
    OrderDirection,
    "Which end comes first.",
    {"ASC": "The smallest or oldest first.", "DESC": "The largest or newest first."},
)


@strawberry.input(description="The order of a list of resources.")
class ResourceOrder:
    field: ResourceOrderField = strawberry.field(description="What to order by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="Which end comes first."
    )


@strawberry.input(description="A member of the resources' own data, and what it must equal.")
class DataFilter:
    path: str = strawberry.field(
        description="Where the member is: a JSON pointer (RFC 6901) through objects, for example `/address/city`."
    )
    equals: JSON | None = strawberry.field(description="A text, a number, `true`, `false` or `null`.")


def _tags(description: str) -> Any:
    return Annotated[
        list[strawberry.ID] | None,
        strawberry.argument(description=f"{description} Up to {MAX_IDS} ids of tags."),
    ]


def _moment(description: str) -> Any:
    return Annotated[DateTime | None, strawberry.argument(description=description)]


def _text(description: str) -> Any:
    return Annotated[str | None, strawberry.argument(description=description)]


def _id(description: str) -> Any:
    return Annotated[strawberry.ID | None, strawberry.argument(description=description)]


def list_resources(
    info: Info,
    *,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
    scope_id: InScope = UNSET,
    with_descendants: WithDescendants = False,
    ids: Ids = UNSET,
    resource_type_id: _id("Only resources of this type.") = UNSET,  # type: ignore[valid-type]  # made at run time
    external_resource_id: _text("Only resources with exactly this external id.") = UNSET,  # type: ignore[valid-type]
    tag_id: _id("Only resources that carry this tag.") = UNSET,  # type: ignore[valid-type]
    tags_any: _tags("Only resources that carry at least one of these tags.") = UNSET,  # type: ignore[valid-type]
    tags_all: _tags("Only resources that carry every one of these tags.") = UNSET,  # type: ignore[valid-type]
    tags_none: _tags("Only resources that carry none of these tags.") = UNSET,  # type: ignore[valid-type]
    display_name_prefix: _text("Only resources whose name begins with this, case and all.") = UNSET,  # type: ignore[valid-type]
    display_name_contains: _text("Only resources whose name has this in it, case and all.") = UNSET,  # type: ignore[valid-type]
    created_since: _moment("Only what was created then or later.") = UNSET,  # type: ignore[valid-type]
    created_before: _moment("Only what was created before.") = UNSET,  # type: ignore[valid-type]
    updated_since: _moment("Only what was created or changed then or later.") = UNSET,  # type: ignore[valid-type]
    updated_before: _moment("Only what was last changed, or created, before.") = UNSET,  # type: ignore[valid-type]
    data: Annotated[
        list[DataFilter] | None,
        strawberry.argument(
            description=f"Only resources whose own data has all of these members: up to {MAX_MEMBERS}."
        ),
    ] = UNSET,
    order_by: Annotated[
        ResourceOrder | None, strawberry.argument(description="The order; by id if it is left out.")
    ] = UNSET,
) -> Listing:
    """Select resources by the arguments, which all must hold."""
    page = page_of(first, after, last, before)
    texts = {
        "resourceTypeId": resource_type_id,
        "externalResourceId": external_resource_id,
        "tagId": tag_id,
        "displayNamePrefix": display_name_prefix,
        "displayNameContains": given(display_name_contains) or None,
        "createdSince": created_since,
        "createdBefore": created_before,
        "updatedSince": updated_since,
        "updatedBefore": updated_before,
    }
    lists = {"tagsAny": tags_any, "tagsAll": tags_all, "tagsNone": tags_none}
    selected = selection(scope_id, with_descendants, ids, texts, lists)
    return listing(
        info, RESOURCES, selected.refined(data=_members(given(data)), order=_order(given(order_by))), page
    )


def _order(order: ResourceOrder | None) -> Order:
    if order is None:
        return Order()
    return Order(COLUMNS[order.field], descending=order.direction is OrderDirection.DESC)


def _members(wanted: list[DataFilter] | None) -> tuple[Member, ...]:
    if wanted is not None and len(wanted) > MAX_MEMBERS:
        raise BadArgument("data", f"can name {MAX_MEMBERS} members, not {len(wanted):,}")
    return tuple(_member(each, f"data.{index}") for index, each in enumerate(wanted or ()))


def _member(wanted: DataFilter, place: str) -> Member:
    steps = wanted.path.split("/")
    path, equals = f"{place}.path", f"{place}.equals"
    if steps[0] or len(steps) < 2:
        raise BadArgument(path, "must begin with a slash: /address/city")
    if any(character in wanted.path for character in '"\\\0') or not encodable(wanted.path):
        raise BadArgument(path, "can't name members with quotes, backslashes or the character U+0000")
    value: object = wanted.equals
    if not isinstance(value, (str, int, float, NoneType)):
        raise BadArgument(equals, "must be a text, a number, true, false or null")
    if isinstance(value, str) and ("\0" in value or not encodable(value)):
        raise BadArgument(equals, "must not contain the character U+0000 or a lone surrogate")
    return Member(tuple(step.replace("~1", "/").replace("~0", "~") for step in steps[1:]), value)
