"""The one tree of errors. Whole requests raise, items return: an item's `Fault` is a value."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Every reason for a refusal, a closed list that clients may switch over."""

    MALFORMED = "malformed"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_PARAMETER = "unknown_parameter"
    INVALID_VALUE = "invalid_value"
    IMMUTABLE_FIELD = "immutable_field"
    DUPLICATE_IN_BATCH = "duplicate_in_batch"
    ALREADY_EXISTS = "already_exists"
    ID_TAKEN = "id_taken"
    AMBIGUOUS_ID = "ambiguous_id"
    UNKNOWN_REFERENCE = "unknown_reference"
    IN_USE = "in_use"
    LOCKED = "locked"
    LIMIT_REACHED = "limit_reached"
    TOO_MANY_ITEMS = "too_many_items"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_FOUND = "not_found"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    PRECONDITION_REQUIRED = "precondition_required"
    PRECONDITION_FAILED = "precondition_failed"
    KEY_REUSED = "key_reused"
    IN_PROGRESS = "in_progress"
    ROLLED_BACK = "rolled_back"
    NOT_ATTEMPTED = "not_attempted"
    FAILED_DEPENDENCY = "failed_dependency"
    DEPENDENCY_TIMEOUT = "dependency_timeout"
    CANCELLED = "cancelled"
    OVERLOADED = "overloaded"
    INTERNAL = "internal"


class Fault(msgspec.Struct, frozen=True, gc=False):
    """One thing wrong with one item; `pointer` is a JSON pointer (RFC 6901) from the item: `/displayName`."""

    code: Code
    pointer: str
    detail: str


class SheafError(Exception):
    """A request as a whole that can't be served."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Refused(SheafError):
    """The caller asked for something that the rules don't allow."""


class NotFound(SheafError):
    """What was asked for doesn't exist within the caller's reach."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.NOT_FOUND, detail)


class Conflict(SheafError):
    """The request contradicts what is stored or running."""


class Unauthorized(SheafError):
    """Nobody we know sent this request."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.UNAUTHORIZED, detail)


class Unavailable(SheafError):
    """The database can't serve the request now; the same request may succeed later."""

    def __init__(self, detail: str, *, retry_after_s: int = 1) -> None:
        super().__init__(Code.OVERLOADED, detail)
        self.retry_after_s = retry_after_s


class Throttled(Unavailable):
    """The caller asks for more than its share; the server itself could go on."""
