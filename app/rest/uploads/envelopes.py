"""The envelope of the upload dialect: every answer under `/api` and `/partner` wears it, refusals too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from app.rest.exchange import Answer, json_answer
from app.rest.problems import STATUS, headers_of, status_of
from db.errors import Code, Fault, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from db.errors import SheafError
    from db.outcomes import Report

PREFIXES = ("/api/", "/partner/")
DataT = TypeVar("DataT")


class Envelope(msgspec.Struct, Generic[DataT], frozen=True):
    """What was asked for, done."""

    success: Literal[True]
    message: str
    data: DataT


class Done(msgspec.Struct, frozen=True):
    """What was asked for, done, with nothing to show."""

    success: Literal[True]
    message: str


class Absence(msgspec.Struct, frozen=True):
    """What isn't there."""

    error: str


class UploadRefusal(msgspec.Struct, frozen=True):
    """Why nothing was done."""

    success: Literal[False]
    message: str
    errors: list[str] | UnsetType
    data: Absence | UnsetType


class CodedAnswer(Answer, frozen=True):
    """A refusal, whose code is no member of its body."""

    code: Code


class Faulty(Refused):
    """A request with several things wrong with it, all of them told."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        first = _weightiest(faults)
        alone = len(faults) == 1 or first.code is Code.NOT_FOUND
        detail = first.detail if alone else f"{len(faults)} faults; the first: {first.detail}"
        super().__init__(first.code, detail)
        self.faults = faults


def belongs(path: str) -> bool:
    """Tell whether a path is one of this dialect's."""
    return path.startswith(PREFIXES) or path + "/" in PREFIXES


def done(status: int, message: str, data: object = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer that something was done."""
    shown = Done(True, message) if data is None else Envelope(True, message, data)
    return json_answer(status, shown, headers)


def of_error(error: SheafError) -> Answer:
    """Return the answer for a request that failed as a whole."""
    faults = error.faults if isinstance(error, Faulty) else ()
    status, errors = status_of(error), [fault.detail for fault in faults]
    absent = Absence(error.detail) if status == STATUS[Code.NOT_FOUND] else UNSET
    shown = json_answer(
        status, UploadRefusal(False, error.detail, errors or UNSET, absent), headers_of(error)
    )
    return CodedAnswer(shown.status, shown.headers, shown.body, error.code)


def of_report(report: Report[Any]) -> Answer:
    """Return the answer for what a command refused."""
    return of_error(Faulty(tuple(fault for result in report.results for fault in result.faults)))


def refuse(faults: Iterable[Fault]) -> None:
    """Raise `Faulty` if there is any fault."""
    if found := tuple(faults):
        raise Faulty(found)


def _weightiest(faults: tuple[Fault, ...]) -> Fault:
    """Return the fault that gives the status: what isn't there can't be asked in a better way."""
    return next((fault for fault in faults if fault.code is Code.NOT_FOUND), faults[0])
