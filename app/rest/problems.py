"""Errors as problem documents (RFC 9457), and the one table from code to status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from db.errors import Code, SheafError, Throttled, Unauthorized, Unavailable
from db.idempotency import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.outcomes import Report

PROBLEM = "application/problem+json"

STATUS: dict[Code, int] = {
    Code.MALFORMED: 400,
    Code.MISSING_FIELD: 400,
    Code.UNKNOWN_FIELD: 400,
    Code.UNKNOWN_PARAMETER: 400,
    Code.INVALID_VALUE: 400,
    Code.IMMUTABLE_FIELD: 409,
    Code.DUPLICATE_IN_BATCH: 409,
    Code.ALREADY_EXISTS: 409,
    Code.ID_TAKEN: 409,
    Code.AMBIGUOUS_ID: 409,
    Code.UNKNOWN_REFERENCE: 422,
    Code.IN_USE: 409,
    Code.LOCKED: 409,
    Code.LIMIT_REACHED: 409,
    Code.TOO_MANY_ITEMS: 413,
    Code.TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.NOT_FOUND: 404,
    Code.UNAUTHORIZED: 401,
    Code.FORBIDDEN: 403,
    Code.PRECONDITION_REQUIRED: 428,
    Code.PRECONDITION_FAILED: 412,
    Code.KEY_REUSED: 422,
    Code.IN_PROGRESS: 409,
    Code.ROLLED_BACK: 424,
    Code.NOT_ATTEMPTED: 424,
    Code.FAILED_DEPENDENCY: 424,
    Code.DEPENDENCY_TIMEOUT: 422,
    Code.CANCELLED: 409,
    Code.OVERLOADED: 503,
    Code.INTERNAL: 500,
}

TITLE: dict[Code, str] = {code: code.value.replace("_", " ").capitalize() for code in Code}


class ItemError(msgspec.Struct, frozen=True):
    """One fault of one item; the pointer starts at the body (RFC 6901)."""

    index: int
    pointer: str
    code: Code
    detail: str


class Problem(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457 section 3)."""

    type: str
    code: Code
    title: str
    status: int
    detail: str
    errors: list[ItemError] | UnsetType = UNSET


class TooSlow(SheafError):
    """The request didn't arrive in the time it has."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.MALFORMED, detail)


class MethodNotAllowed(SheafError):
    """The path exists, with other methods."""

    def __init__(self, method: str, allowed: list[str]) -> None:
        super().__init__(Code.METHOD_NOT_ALLOWED, f"{method} is not allowed here, but {', '.join(allowed)}")
        self.allowed = allowed


THROTTLED = 429
# Errors whose status says more than their code does.
STATUS_OF_ERROR: dict[type[SheafError], int] = {Throttled: THROTTLED, TooSlow: 408}


def status_of(error: SheafError) -> int:
    """Return the status of a request that failed as a whole."""
    return STATUS_OF_ERROR.get(type(error)) or STATUS[error.code]


def problem(
    code: Code,
    detail: str,
    errors: list[ItemError] | None = None,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return the answer that tells a refusal, with its code's status unless another one says more."""
    status = status or STATUS[code]
    document = Problem(f"urn:sheaf:problem:{code}", code, TITLE[code], status, detail, errors or UNSET)
    return Answer(status, {"Content-Type": PROBLEM, **(headers or {})}, msgspec.json.encode(document))


def headers_of(error: SheafError) -> dict[str, str]:
    """Return the headers that go with a refusal, whatever its form."""
    if isinstance(error, MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}
    if isinstance(error, Unavailable):
        return {"Retry-After": str(error.retry_after_s)}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthorized) else {}


def of_error(error: SheafError) -> Answer:
    """Return the answer for a request that failed as a whole."""
    return problem(error.code, error.detail, status=status_of(error), headers=headers_of(error))


def of_report(report: Report[Any], *, single: bool = False) -> Answer:
    """Return the answer for items refused: every faulty one is named, the first one gives the status."""
    errors = [
        ItemError(index, fault.pointer if single else f"/{index}{fault.pointer}", fault.code, fault.detail)
        for index, result in enumerate(report.results)
        for fault in result.faults
    ]
    first = errors[0]
    if single:
        return problem(first.code, first.detail, errors)
    faulty = len({error.index for error in errors})
    total = len(report.results)
    detail = f"{faulty:,} of {total:,} items refused, nothing was stored; item {first.index}: {first.detail}"
    return problem(first.code, detail, errors)
