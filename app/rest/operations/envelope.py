"""What `POST /batch` takes: the envelope as a whole is well formed or refused; an operation is faulty alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from db.errors import Code, Refused
from db.plans import MAX_OPERATIONS
from db.shapes import checked_text, loads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_ITEMS_OF_ALL = 10_000
MAX_ID_CHARACTERS = 128
METHODS = ("GET", "POST", "PUT", "DELETE")
FLAGS = ("stop_on_error", "atomic", "dry_run")
MEMBERS = frozenset({"method", "url", "headers", "body", "params", "id", "depends_on"})
# The envelope is authenticated, and narrowed, as a whole (seed 003); what frames a message has no meaning in here.
IGNORED_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "reach-tenant-id",
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
    }
)


@dataclass(frozen=True)
class Request:
    """One operation, its form checked; values of earlier answers are still to be filled in."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    has_body: bool = False


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
    stop_on_error: bool
    atomic: bool
    dry_run: bool

    @property
    def takes_values(self) -> bool:
        """Whether `$ref:` means anything: only where some operation has an id to refer to."""
        return any(entry.id is not None for entry in self.entries)


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
    entries = [_entry(request) for request in requests]
    _require_distinct_ids(entries)
    _require_few_items(entries)
    return Envelope(_checked_dependencies(entries), **flags)


def _flag(envelope: dict[str, Any], name: str) -> bool:
    value = envelope.get(name, False)
    if not isinstance(value, bool):
        raise Refused(Code.INVALID_VALUE, f"{name} must be true or false")
    return value


def _require_distinct_ids(entries: Iterable[Entry]) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise Refused(Code.INVALID_VALUE, f"two operations have the id {entry.id!a}")
        if entry.id is not None:
            seen.add(entry.id)


def _require_few_items(entries: Iterable[Entry]) -> None:
    items = sum(_items(entry.request) for entry in entries)
    if items > MAX_ITEMS_OF_ALL:
        detail = f"the operations have {items:,} items together; the limit is {MAX_ITEMS_OF_ALL:,}"
        raise Refused(Code.TOO_MANY_ITEMS, detail)


def _items(request: Request | Refused) -> int:
    if isinstance(request, Refused):
        return 0
    if isinstance(request.body, dict):
        lists = [value for value in request.body.values() if isinstance(value, list)]
        return max((len(each) for each in lists), default=1)
    return len(request.body) if isinstance(request.body, list) else 1


def _checked_dependencies(entries: list[Entry]) -> list[Entry]:
    """Make an operation faulty that depends on one which doesn't come before it."""
    earlier: set[str] = set()
    checked: list[Entry] = []
    for entry in entries:
        unknown = [each for each in entry.depends_on if each not in earlier]
        if unknown:
            refusal = Refused(
                Code.INVALID_VALUE, f"depends_on: no earlier operation has the id {unknown[0]!a}"
            )
            checked.append(Entry(refusal, entry.id))
        else:
            checked.append(entry)
        if entry.id is not None:
            earlier.add(entry.id)
    return checked


def _entry(value: object) -> Entry:
    if not isinstance(value, dict):
        return Entry(Refused(Code.MALFORMED, "an operation must be an object"))
    own_id = value.get("id")
    if own_id is not None and not (isinstance(own_id, str) and 1 <= len(own_id) <= MAX_ID_CHARACTERS):
        detail = f"id must be a string of 1 to {MAX_ID_CHARACTERS} characters"
        return Entry(Refused(Code.INVALID_VALUE, detail))
    depends_on = value.get("depends_on") or []
    if not isinstance(depends_on, list) or not all(isinstance(each, str) for each in depends_on):
        return Entry(Refused(Code.INVALID_VALUE, "depends_on must be an array of ids"), own_id)
    try:
        return Entry(_request(value), own_id, tuple(depends_on))
    except Refused as refusal:
        return Entry(refusal, own_id)


def _request(value: dict[str, Any]) -> Request:
    for name in value:
        if name not in MEMBERS:
            raise Refused(Code.UNKNOWN_FIELD, f"{name[:100]!a} is not a member of an operation")
    method, url = value.get("method"), value.get("url")
    if not isinstance(method, str) or method.upper() not in METHODS:
        raise Refused(Code.INVALID_VALUE, f"method must be one of {', '.join(METHODS)}")
    if not isinstance(url, str) or not url.startswith("/") or url.startswith("//"):
        raise Refused(Code.INVALID_VALUE, "url must begin with one / and name a route of this server")
    refuse_nested(url)
    headers = _texts("headers", value.get("headers"))
    return Request(
        method.upper(),
        url,
        {name.lower(): text for name, text in headers.items() if name.lower() not in IGNORED_HEADERS},
        _texts("params", value.get("params")),
        _body(value.get("body")),
        has_body=value.get("body") is not None,
    )


def refuse_nested(url: str) -> None:
    """Refuse a batch inside a batch, and GraphQL, however the path is written."""
    path = unquote(url.partition("?")[0].partition("#")[0], errors="replace")
    kept: list[str] = []
    for segment in path.replace("\\", "/").split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in {"", "."}:
            kept.append(segment.lower())
    if kept in (["batch"], ["graphql"]):
        raise Refused(Code.INVALID_VALUE, f"/{kept[0]} can't be an operation of a batch")


def _texts(name: str, value: object) -> dict[str, str]:
    """Read an object whose members stand in a header or a query: texts, numbers, true and false."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(Code.INVALID_VALUE, f"{name} must be an object")
    texts: dict[str, str] = {}
    for key, each in value.items():
        if isinstance(each, bool):
            texts[key] = "true" if each else "false"
        elif isinstance(each, (str, int, float)):
            texts[key] = str(each)
        elif each is not None:
            raise Refused(
                Code.INVALID_VALUE, f"{name}: {key[:100]!a} must be a string, a number, true or false"
            )
    if wrong := checked_text("".join([*texts, *texts.values()])):
        raise Refused(Code.INVALID_VALUE, f"{name} {wrong}")
    return texts


def _body(value: object) -> object:
    """Read a body: any JSON, or a string of JSON."""
    if not isinstance(value, str) or value.startswith(("$ref:", "$$ref:")):
        return value
    try:
        return loads(value.encode("utf-8", "surrogatepass"))
    except Refused as error:
        raise Refused(Code.MALFORMED, f"the string in body is not JSON: {error.detail}") from error
