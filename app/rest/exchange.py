"""A request and its answer without a socket, so that a sub-request of `/batch` takes the same way as a direct one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from db.access import Principal
from db.batches import DEFAULT_MAX_QUEUED_RECORDS
from db.database import Database
from db.errors import Code, Refused
from db.events import Hub
from db.idempotency import Answer

JSON = "application/json; charset=utf-8"


class Call(msgspec.Struct, frozen=True):
    """One request to a REST route, by a caller who is known."""

    database: Database
    caller: Principal
    method: str
    path: str
    """As it was sent, percent-encoding and all."""
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = {}
    """By lower-case name."""
    body: bytes = b""
    segments: Mapping[str, str] = {}
    """What the route's template left open: `id`."""
    max_queued_records: int = DEFAULT_MAX_QUEUED_RECORDS
    hub: Hub | None = None
    """Where to hear of what happens; `None` for an operation of `/batch`, which never waits."""

    def require_json(self, *also: str) -> None:
        """Refuse a body of another media type (RFC 9110 section 15.5.16)."""
        declared = self.headers.get("content-type")
        media_type = (declared or "application/json").partition(";")[0].strip().lower()
        if media_type not in ("application/json", *also):
            accepted = " or ".join(("application/json", *also))
            raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, f"the body must be {accepted}, not {declared!a}")


class Success(msgspec.Struct, frozen=True):
    """The answer to a delete."""

    success: Literal[True] = True


def json_answer(status: int, value: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer whose body is JSON."""
    return Answer(status, {"Content-Type": JSON, **(headers or {})}, msgspec.json.encode(value))


__all__ = ["JSON", "Answer", "Call", "json_answer"]
