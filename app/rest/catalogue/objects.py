"""GET, PATCH, PUT and DELETE of one object."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from app.rest import problems
from app.rest.catalogue.shown import etag
from app.rest.etags import if_match, none_match
from app.rest.exchange import Answer, json_answer
from app.rest.parameters import Parameters
from app.rest.work import Read, Write, require_writer
from db.coalescing import Get
from db.commands import Delete, Target, Update, Updating
from db.errors import Code, Fault, Refused
from db.ids import namespace_of
from db.plans import missing
from db.shapes import decode_one

if TYPE_CHECKING:
    from app.rest.catalogue.doors import Door
    from app.rest.exchange import Call
    from db.outcomes import Report
    from db.shapes import Change, Item

MERGE_PATCH = "application/merge-patch+json"


def get_one(door: Door, call: Call) -> Read:
    """Read one object, unless the client has this revision of it."""
    Parameters(call.query).end()
    if_none_match = call.headers.get("if-none-match")
    return Read(Get(door.noun, _id(door, call)), partial(_render_found, door, if_none_match))


def patch_one(door: Door, call: Call) -> Write:
    """Change what is given (RFC 7396)."""
    require_writer(call)
    call.require_json(MERGE_PATCH)
    return _change(door, call, replace=False)


def put_one(door: Door, call: Call) -> Write:
    """Set all that may change; never creates."""
    require_writer(call)
    call.require_json()
    return _change(door, call, replace=True)


def delete_one(door: Door, call: Call) -> Write:
    """Delete one object, with what has no life of its own."""
    require_writer(call)
    Parameters(call.query).end()
    target = Target(_id(door, call), if_match(call.headers.get("if-match")))
    return Write(Delete(door.noun, [target]), _render_deleted)


def _change(door: Door, call: Call, *, replace: bool) -> Write:
    Parameters(call.query).end()
    target = Target(_id(door, call), if_match(call.headers.get("if-match")), must_match=replace)
    updating = Updating(target, _read_change(door, call), replace)
    return Write(Update(door.noun, [updating]), partial(_render_changed, door))


def _read_change(door: Door, call: Call) -> Item[Change]:
    """Read the body; what is wrong with it is told only of an object that exists, at its revision."""
    assert door.change is not None, "only nouns that change have these routes"
    try:
        return decode_one(call.body, door.change)
    except Refused as error:
        return (Fault(error.code, "", error.detail),)


def _id(door: Door, call: Call) -> str:
    wanted = call.segments["id"]
    if namespace_of(wanted) is not door.noun.namespace:
        raise missing(Get(door.noun, wanted))
    return wanted


def _render_found(door: Door, if_none_match: str | None, row: Any) -> Answer:
    headers = {"ETag": etag(row)}
    if none_match(if_none_match, row.revision):
        return Answer(304, headers, b"")
    return json_answer(200, door.show(row, False), headers)


def _render_changed(door: Door, report: Report[Any]) -> Answer:
    if not report.committed:
        return _refusal(report)
    row: Any = report.results[0].row
    return json_answer(200, door.show(row, False), {"ETag": etag(row)})


def _render_deleted(report: Report[Any]) -> Answer:
    return json_answer(200, {"success": True}) if report.committed else _refusal(report)


def _refusal(report: Report[Any]) -> Answer:
    """Tell of the object itself without blaming the body."""
    first = report.results[0].faults[0]
    about_the_object = {
        Code.NOT_FOUND,
        Code.PRECONDITION_FAILED,
        Code.PRECONDITION_REQUIRED,
        Code.AMBIGUOUS_ID,
    }
    if first.code in about_the_object:
        return problems.problem(first.code, first.detail)
    return problems.of_report(report, single=True)
