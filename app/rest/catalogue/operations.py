"""The operations of each noun, as `openapi.json` describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from app.rest import headers
from app.rest.catalogue import examples
from app.rest.catalogue.creates import BATCH_PARAMETERS, ON_CONFLICT, OutcomeShown
from app.rest.catalogue.objects import MERGE_PATCH
from app.rest.catalogue.pages import PARAMETERS
from app.rest.exchange import Success
from app.rest.openapi.operations import REFUSED_BODIES, Body, Link, Operation, PathParameter, Reply
from db.errors import Code
from db.ids import pattern
from db.nouns import camel
from db.shapes import MAX_ITEMS

if TYPE_CHECKING:
    from app.rest.catalogue.doors import Door

JSON = "application/json"
WRITE = frozenset({Code.FORBIDDEN, Code.KEY_REUSED, Code.IN_PROGRESS})
CREATE = (
    WRITE
    | REFUSED_BODIES
    | {Code.ALREADY_EXISTS, Code.ID_TAKEN, Code.IMMUTABLE_FIELD, Code.UNKNOWN_REFERENCE}
)
CREATE_MANY = CREATE | {Code.TOO_MANY_ITEMS, Code.DUPLICATE_IN_BATCH}
CHANGE = WRITE | REFUSED_BODIES | {Code.IMMUTABLE_FIELD, Code.PRECONDITION_FAILED}


def listing(door: Door) -> Operation:
    """Describe GET of a list."""
    return Operation(
        id=f"list{_plural(door)}",
        summary=f"List {_title(door)}s, by id, page by page",
        tag=door.path[1:],
        parameters=(*PARAMETERS, *door.filters),
        replies=(
            Reply(
                status=200,
                says="a page",
                shapes=(list[door.shape],),  # type: ignore[name-defined]  # a type made at run time
                example=examples.answered(door),
                headers=(headers.LINK,),
                link=_link(door, "$response.body#/0/id"),
            ),
        ),
    )


def creation(door: Door) -> Operation:
    """Describe POST of one object."""
    example = examples.answered(door)[0]
    reply = {
        "shapes": (door.shape,),
        "example": example,
        "headers": (headers.LOCATION, headers.ETAG, headers.IDEMPOTENCY_REPLAYED),
        "link": _link(door, "$response.body#/id", etag=True),
    }
    return Operation(
        id=f"create{door.shape.__name__}",
        summary=f"Create one {_title(door)}",
        tag=door.path[1:],
        parameters=(ON_CONFLICT, headers.IDEMPOTENCY_KEY),
        body=Body(shape=door.new, example=examples.asked(door)[0]),
        replies=(
            Reply(status=201, says="created", **reply),
            Reply(status=200, says="there already, perhaps merged (`onConflict`)", **reply),
        ),
        refusals=CREATE | door.create_rules,
    )


def batch_creation(door: Door) -> Operation:
    """Describe POST of many objects."""
    objects: Any = list[door.shape]  # type: ignore[name-defined]  # a type made at run time
    outcomes: Any = list[OutcomeShown[door.shape]]  # type: ignore[name-defined]  # the same
    link = _link(door, "$response.body#/0/id")
    sent = (headers.IDEMPOTENCY_REPLAYED,)
    example = examples.answered(door)
    return Operation(
        id=f"create{_plural(door)}",
        summary=f"Create {_title(door)}s, all of them or none",
        tag=door.path[1:],
        parameters=(*BATCH_PARAMETERS, headers.IDEMPOTENCY_KEY),
        body=Body(shape=door.new, max_items=MAX_ITEMS, example=examples.asked(door)),
        replies=(
            Reply(
                status=201,
                says="at least one was created: the stored objects in the order of the items, or their outcomes",
                shapes=(objects, outcomes),
                example=example,
                headers=sent,
                link=link,
            ),
            Reply(
                status=200, says="none had to be created", shapes=(objects, outcomes), headers=sent, link=link
            ),
            Reply(
                status=207,
                says="what became of each item (`onError=continue`)",
                shapes=(outcomes,),
                headers=sent,
            ),
        ),
        refusals=CREATE_MANY | door.create_rules,
    )


def reading(door: Door) -> Operation:
    """Describe GET of one object."""
    return Operation(
        id=f"get{door.shape.__name__}",
        summary=f"Read one {_title(door)}",
        tag=door.path[1:],
        parameters=(_id(door), headers.IF_NONE_MATCH),
        replies=(
            Reply(
                status=200,
                says="the object",
                shapes=(door.shape,),
                example=examples.answered(door)[0],
                headers=(headers.ETAG,),
                link=Link(_one(door), {"id": "$request.path.id", "If-Match": "$response.header.ETag"}),
            ),
            Reply(status=304, says="the client has this revision", headers=(headers.ETAG,)),
        ),
    )


def change(door: Door) -> Operation:
    """Describe PATCH of one object."""
    return _change(
        door,
        verb="update",
        summary=f"Change what is given of one {_title(door)} (RFC 7396)",
        if_match=headers.IF_MATCH,
        body=Body(
            shape=_changing(door),
            example=examples.changed(door),
            media_types=(JSON, MERGE_PATCH),
            fixed=_fixed(door),
            not_null=_needed(door),
        ),
        refusals=_change_refusals(door),
    )


def replacement(door: Door) -> Operation:
    """Describe PUT of one object."""
    return _change(
        door,
        verb="replace",
        summary=f"Set all that may change of one {_title(door)}; what is left out is cleared",
        if_match=headers.IF_MATCH_NEEDED,
        body=Body(
            shape=_changing(door),
            named=f"{door.shape.__name__}Replacement",
            example=examples.changed(door),
            fixed=_fixed(door),
            not_null=_needed(door),
            required=_needed(door),
        ),
        refusals=_change_refusals(door) | {Code.PRECONDITION_REQUIRED},
    )


def deletion(door: Door) -> Operation:
    """Describe DELETE of one object."""
    in_use = {Code.IN_USE} if door.noun.dependants else set()
    return Operation(
        id=f"delete{door.shape.__name__}",
        summary=f"Delete one {_title(door)}, with what has no life of its own",
        tag=door.path[1:],
        parameters=(_id(door), headers.IF_MATCH, headers.IDEMPOTENCY_KEY),
        replies=(
            Reply(
                status=200,
                says="deleted",
                shapes=(Success,),
                example={"success": True},
                headers=(headers.IDEMPOTENCY_REPLAYED,),
            ),
        ),
        refusals=WRITE | {Code.PRECONDITION_FAILED} | in_use | door.change_rules,
    )


def _change(
    door: Door, *, verb: str, summary: str, if_match: headers.Header, body: Body, refusals: frozenset[Code]
) -> Operation:
    return Operation(
        id=f"{verb}{door.shape.__name__}",
        summary=summary,
        tag=door.path[1:],
        parameters=(_id(door), if_match, headers.IDEMPOTENCY_KEY),
        body=body,
        replies=(
            Reply(
                status=200,
                says="the object as it is stored now",
                shapes=(door.shape,),
                example=examples.answered(door)[-1],
                headers=(headers.ETAG, headers.IDEMPOTENCY_REPLAYED),
                link=Link(_one(door), {"id": "$request.path.id", "If-Match": "$response.header.ETag"}),
            ),
        ),
        refusals=refusals,
    )


def _change_refusals(door: Door) -> frozenset[Code]:
    noun = door.noun
    keys_change = any(not noun.mutable.isdisjoint(key.columns) for key in noun.unique)
    return CHANGE | door.change_rules | ({Code.ALREADY_EXISTS} if keys_change else frozenset())


def _changing(door: Door) -> type[msgspec.Struct]:
    assert door.change is not None, "only nouns that change have these routes"
    return door.change


def _fixed(door: Door) -> frozenset[str]:
    members = {field.encode_name for field in msgspec.structs.fields(_changing(door))}
    return frozenset(members - examples.mutable(door))


def _needed(door: Door) -> frozenset[str]:
    return frozenset(camel(column) for column in door.noun.required)


def _id(door: Door) -> PathParameter:
    return PathParameter(
        "id", f"the {_title(door)}'s id", {"type": "string", "pattern": pattern(door.noun.namespace)}
    )


def _link(door: Door, found: str, *, etag: bool = False) -> Link:
    if_match = {"If-Match": "$response.header.ETag"} if etag else {}
    return Link(_one(door), {"id": found, **if_match})


def _one(door: Door) -> str:
    return f"{door.path}/{{id}}"


def _title(door: Door) -> str:
    return door.noun.title


def _plural(door: Door) -> str:
    return "".join(word.capitalize() for word in door.path[1:].split("-"))
