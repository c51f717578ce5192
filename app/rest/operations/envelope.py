"""What `POST /batch` takes: the envelope as a whole is well formed or refused; an operation is faulty alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.rest.operations.requests import MAX_ID_CHARACTERS, bodies_of, id_of, read_request
from db.errors import Code, Refused
from db.plans import MAX_OPERATIONS
from db.shapes import loads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.rest.operations.requests import Request

MAX_ITEMS_OF_ALL = 10_000
FLAGS = ("stop_on_error", "atomic", "dry_run")


@dataclass(frozen=True)
class Entry:
    """An operation at its index: what it asks for, or why it can't be read."""

    request: Request | Refused
    id: str | None = None
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Envelope:
    """A well-formed batch."""

    entries: list[Entry]
    takes_values: bool
    """Whether `$ref:` means anything: only where some operation has an id to refer to."""
    stop_on_error: bool
    atomic: bool
    dry_run: bool


def read_envelope(body: bytes) -> Envelope:
    """Read a batch; raises `Refused` for what is wrong with it as a whole."""
    envelope = loads(body)
    if not isinstance(envelope, dict):
        raise Refused(Code.MALFORMED, 'the body must be an object: {"requests": [...]}')
    for name in envelope:
        if name != "requests" and name not in FLAGS:
            raise Refused(Code.UNKNOWN_FIELD, f"{name[:100]!a} is not a member of a batch")
    flags = {name: _flag(envelope, name) for name in FLAGS}
    requests = envelope.get("requests")
    if not isinstance(requests, list):
        raise Refused(Code.MALFORMED, "requests must be an array of operations")
    if len(requests) > MAX_OPERATIONS:
        raise Refused(Code.MALFORMED, f"{len(requests):,} operations; the limit is {MAX_OPERATIONS}")
    takes_values = _require_distinct_ids(requests)
    known: set[str] = set()
    entries = [
        _entry(value, sent, takes_values=takes_values, earlier=known)
        for value, sent in zip(requests, bodies_of(body, requests), strict=True)
    ]
    require_few_items(entry.request.items for entry in entries if not isinstance(entry.request, Refused))
    return Envelope(entries, takes_values, **flags)


def _flag(envelope: dict[str, Any], name: str) -> bool:
    value = envelope.get(name, False)
    if not isinstance(value, bool):
        raise Refused(Code.INVALID_VALUE, f"{name} must be true or false")
    return value


def _require_distinct_ids(requests: Iterable[object]) -> bool:
    """Refuse two operations of one id; tells whether there are ids at all."""
    seen: set[str] = set()
    for request in requests:
        own_id = id_of(request)
        if own_id in seen:
            raise Refused(Code.INVALID_VALUE, f"two operations have the id {own_id!a}")
        if own_id is not None:
            seen.add(own_id)
    return bool(seen)


def require_few_items(counts: Iterable[int]) -> None:
    """Refuse more items than the operations of one batch may have together."""
    items = sum(counts)
    if items > MAX_ITEMS_OF_ALL:
        detail = f"the operations have {items:,} items together; the limit is {MAX_ITEMS_OF_ALL:,}"
        raise Refused(Code.TOO_MANY_ITEMS, detail)


def _entry(value: object, sent: bytes | None, *, takes_values: bool, earlier: set[str]) -> Entry:
    """Read one operation, and add its id to those of the earlier ones."""
    if not isinstance(value, dict):
        return Entry(Refused(Code.MALFORMED, "an operation must be an object"))
    own_id = id_of(value)
    try:
        if own_id is None and value.get("id") is not None:
            raise Refused(Code.INVALID_VALUE, f"id must be a string of 1 to {MAX_ID_CHARACTERS} characters")
        depends_on = _dependencies(value.get("depends_on"), earlier)
        return Entry(read_request(value, sent, takes_values=takes_values), own_id, depends_on)
    except Refused as refusal:
        return Entry(refusal, own_id)
    finally:
        if own_id is not None:
            earlier.add(own_id)


def _dependencies(value: object, earlier: set[str]) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Refused(Code.INVALID_VALUE, "depends_on must be an array of ids")
    for each in value:
        if each not in earlier:
            raise Refused(Code.INVALID_VALUE, f"depends_on: no earlier operation has the id {each[:200]!a}")
    return tuple(value)
