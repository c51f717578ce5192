"""What became of each operation, as clients of `POST /batch` see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.rest.exchange import Answer, json_answer
from app.rest.problems import STATUS
from app.rest.uploads.envelopes import CodedAnswer
from app.rest.work import replayed
from db.errors import Code
from db.plans import Undone

if TYPE_CHECKING:
    from app.rest.operations.envelope import Envelope
    from db.plans import Fate

FAILS_FROM = 400

WHY_UNDONE = {
    Code.ROLLED_BACK: "it was undone, because a later operation of the atomic batch failed",
    Code.NOT_ATTEMPTED: "it was not attempted, because an earlier operation of the atomic batch failed",
    Code.FAILED_DEPENDENCY: "it was not run, because an operation that it depends on failed",
}
_CODE_OF_STATUS = {status: code for code, status in reversed(STATUS.items())}


class ErrorShown(msgspec.Struct, frozen=True):
    """Why an operation failed."""

    code: str
    message: str


class ResultShown(msgspec.Struct, frozen=True):
    """One member of `results`."""

    response_code: int
    headers: dict[str, str]
    body: Raw | UnsetType = UNSET
    error: ErrorShown | UnsetType = UNSET


class BatchShown(msgspec.Struct, frozen=True):
    """The answer of `POST /batch`."""

    success: bool
    results: list[ResultShown]
    dry_run: bool | UnsetType = UNSET


@dataclass
class Result:
    """An operation's answer, and how later operations look into it."""

    answer: Answer

    @property
    def failed(self) -> bool:
        """Whether the operation failed."""
        return self.answer.status >= FAILS_FROM

    @cached_property
    def json(self) -> dict[str, Any]:
        """The result as JSON, for the pointers of references."""
        shown: dict[str, Any] = msgspec.to_builtins(
            ResultShown(self.answer.status, dict(self.answer.headers))
        )
        if self.answer.body:
            shown["body"] = msgspec.json.decode(self.answer.body)
        if self.failed:
            shown["error"] = msgspec.to_builtins(_error(self.answer))
        return shown


def rendered(fates: list[Fate[Result]], envelope: Envelope) -> Answer:
    """Return the answer of a batch."""
    results = [_shown(fate) for fate in fates]
    success = all(result.response_code < FAILS_FROM for result in results)
    return json_answer(200, BatchShown(success, results, True if envelope.dry_run else UNSET))


def _shown(fate: Fate[Result]) -> ResultShown:
    if isinstance(fate, Undone):
        error = ErrorShown(fate.code, WHY_UNDONE[fate.code])
        return ResultShown(STATUS[fate.code], {}, UNSET, error)
    answer = replayed(fate.result.answer) if fate.replayed else fate.result.answer
    return ResultShown(
        answer.status,
        dict(answer.headers),
        Raw(answer.body) if answer.body else UNSET,
        _error(answer) if fate.result.failed else UNSET,
    )


def _error(answer: Answer) -> ErrorShown:
    """Take the error out of a dialect's body: a problem document, or the upload dialect's envelope."""
    body = msgspec.json.decode(answer.body) if answer.body else None
    body = body if isinstance(body, dict) else {}
    message = body.get("detail") or body.get("message") or ""
    code = answer.code if isinstance(answer, CodedAnswer) else body.get("code")
    code = code or _CODE_OF_STATUS.get(answer.status, Code.INTERNAL)
    return ErrorShown(str(code), str(message))
