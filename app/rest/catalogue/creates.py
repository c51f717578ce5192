"""POST one and POST many."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.rest import problems
from app.rest.catalogue.pages import ETAGS
from app.rest.catalogue.shown import Shown, etag
from app.rest.exchange import json_answer
from app.rest.parameters import Parameters, choice, flag
from app.rest.problems import STATUS
from app.rest.work import Write, require_writer
from db.commands import Create, OnConflict, OnError
from db.errors import Code
from db.outcomes import Outcome
from db.shapes import decode_batch, decode_one

if TYPE_CHECKING:
    from app.rest.catalogue.doors import Door
    from app.rest.exchange import Answer, Call
    from db.outcomes import Report, Result


class OnFault(StrEnum):
    """The words of `?onError=`."""

    REJECT = "reject"
    CONTINUE = "continue"


ON_CONFLICT = choice(
    "onConflict",
    "what becomes of an item that meets a stored object, by id or by unique key: "
    "`error` refuses it, `skip` leaves the object as it is, `merge` applies the item's members as a PATCH would",
    OnConflict.ERROR,
)
ON_ERROR = choice(
    "onError",
    "what a faulty item does to the others: `reject` stores nothing, `continue` stores the good ones",
    OnFault.REJECT,
)
OUTCOMES = flag(
    "outcomes", "whether the answer lists what became of each item; `onError=continue` implies it"
)
BATCH_PARAMETERS = (ON_ERROR, ON_CONFLICT, OUTCOMES, ETAGS)


@dataclass(frozen=True)
class Wishes:
    """How the answer of a batch should look."""

    continues: bool
    outcomes: bool
    etags: bool


class OutcomeFault(msgspec.Struct, frozen=True):
    """One fault of an item in a list of outcomes; the pointer starts at the item."""

    pointer: str
    code: Code
    detail: str


class OutcomeError(msgspec.Struct, frozen=True):
    """Why an item failed."""

    code: Code
    detail: str
    errors: list[OutcomeFault]


ShownT = TypeVar("ShownT", bound=Shown)
Status = Annotated[int, Meta(ge=200, le=599)]
Fate = Annotated[
    str,
    Meta(extra_json_schema={"enum": [Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.FAILED]}),
]


class OutcomeShown(msgspec.Struct, Generic[ShownT], frozen=True):
    """What became of one item."""

    index: Annotated[int, Meta(ge=0)]
    status: Status
    outcome: Fate
    value: ShownT | UnsetType = UNSET
    error: OutcomeError | UnsetType = UNSET


def create_many(door: Door, call: Call) -> Write:
    """Create a batch: an array in, the stored objects out, in the same order."""
    require_writer(call)
    call.require_json()
    parameters = Parameters(call.query)
    continues = parameters.take(ON_ERROR) is OnFault.CONTINUE
    outcomes = parameters.take(OUTCOMES)
    wishes = Wishes(continues, continues or outcomes, parameters.take(ETAGS))
    on_conflict = parameters.take(ON_CONFLICT)
    parameters.end()
    items = decode_batch(call.body, door.new)
    on_error = OnError.REJECT_FAILED if continues else OnError.REJECT_ALL
    command = Create(door.noun, items, on_error, on_conflict)
    return Write(command, partial(_render_many, door, wishes))


def _render_many(door: Door, wishes: Wishes, report: Report[Any]) -> Answer:
    if not report.committed:
        return problems.of_report(report)
    created = any(result.outcome is Outcome.CREATED for result in report.results)
    status = 201 if created else 200
    if not wishes.outcomes:
        return json_answer(status, [door.show(result.row, wishes.etags) for result in report.results])
    outcomes = [_outcome(door, wishes, index, result) for index, result in enumerate(report.results)]
    return json_answer(207 if wishes.continues and outcomes else status, outcomes)


def _outcome(door: Door, wishes: Wishes, index: int, result: Result[Any]) -> OutcomeShown[Shown]:
    if result.row is not None and not result.faults:
        status = 201 if result.outcome is Outcome.CREATED else 200
        return OutcomeShown(index, status, result.outcome, door.show(result.row, wishes.etags))
    first = result.faults[0]
    faults = [OutcomeFault(fault.pointer, fault.code, fault.detail) for fault in result.faults]
    return OutcomeShown(
        index, STATUS[first.code], Outcome.FAILED, UNSET, OutcomeError(first.code, first.detail, faults)
    )


def create_one(door: Door, call: Call) -> Write:
    """Create one object: a batch of one."""
    require_writer(call)
    call.require_json()
    parameters = Parameters(call.query)
    on_conflict = parameters.take(ON_CONFLICT)
    parameters.end()
    command = Create(door.noun, [decode_one(call.body, door.new)], OnError.REJECT_ALL, on_conflict)
    return Write(command, partial(_render_one, door))


def _render_one(door: Door, report: Report[Any]) -> Answer:
    if not report.committed:
        return problems.of_report(report, single=True)
    result = report.results[0]
    row: Any = result.row
    status = 201 if result.outcome is Outcome.CREATED else 200
    return json_answer(
        status, door.show(row, False), {"Location": f"{door.path}/{row.id}", "ETag": etag(row)}
    )
