"""One operation of a batch: what would be a request of its own, and where it may lead."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.rest.operations.references import refers
from db.errors import Code, Refused
from db.shapes import loads
from db.storable import MAX_DEPTH, checked_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METHODS = ("GET", "POST", "PUT", "DELETE")
MEMBERS = frozenset({"method", "url", "headers", "body", "params", "id", "depends_on"})
MAX_ID_CHARACTERS = 128
# What the server takes of a direct request.
MAX_URL_CHARACTERS = 16_384
MAX_HEADER_CHARACTERS = 8_192
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
BEYOND_ALL_BITS = 10**400
# In the bodies of uploads and deletes, and of a tag group that brings its tags.
LISTS_OF_ITEMS = ("resources", "externalIds", "tags")
NESTED = ("/batch", "/graphql")


@dataclass(frozen=True, slots=True)
class Request:
    """An operation whose form is checked; values of earlier answers are still to be filled in."""

    method: str
    url: str
    headers: Mapping[str, str]
    """By lower-case name."""
    params: Mapping[str, str]
    body: Any
    """The body's JSON value."""
    sent: bytes
    """The body, letter by letter, as the direct request would have it; empty where there is none."""
    items: int


class _Bodied(msgspec.Struct):
    body: Raw | UnsetType = UNSET


class _Requests(msgspec.Struct):
    requests: list[Raw]


_requests = msgspec.json.Decoder(_Requests)
_bodied = msgspec.json.Decoder(_Bodied)


def bodies_of(envelope: bytes, requests: Sequence[object]) -> list[bytes | None]:
    """Return each operation's body as it was written, so that it is read as the direct request's is: numbers too."""
    try:
        bodies = [
            _bodied.decode(raw).body if isinstance(value, dict) else UNSET
            for raw, value in zip(_requests.decode(envelope).requests, requests, strict=True)
        ]
    except (msgspec.MsgspecError, RecursionError):
        # It takes no lone surrogates, in whichever operation they stand.
        return [encoded(value.get("body")) if isinstance(value, dict) else None for value in requests]
    return [None if isinstance(body, UnsetType) else bytes(body) for body in bodies]


def encoded(body: object) -> bytes:
    """Write a body that can't be sent as it came; numbers of any size, and lone surrogates, stay what they are."""
    try:
        text = json.dumps(body)
        return (json.dumps(_finite(body)) if "Infinity" in text else text).encode()
    except RecursionError as error:
        raise Refused(Code.MALFORMED, f"the body is nested deeper than {MAX_DEPTH} levels") from error


def _finite(value: Any) -> Any:
    """Return a JSON value in which a number that was too large for Python is another such one."""
    match value:
        case float() if not isfinite(value):
            return BEYOND_ALL_BITS if value > 0 else -BEYOND_ALL_BITS
        case list():
            return [_finite(each) for each in value]
        case dict():
            return {name: _finite(each) for name, each in value.items()}
        case _:
            return value


def id_of(value: object) -> str | None:
    """Return an operation's id, `None` if it has none that can be one."""
    own_id = value.get("id") if isinstance(value, dict) else None
    return own_id if isinstance(own_id, str) and 1 <= len(own_id) <= MAX_ID_CHARACTERS else None


def read_request(value: dict[str, Any], sent: bytes | None, *, takes_values: bool) -> Request:
    """Check an operation's form; raises `Refused`."""
    if unknown := value.keys() - MEMBERS:
        raise Refused(Code.UNKNOWN_FIELD, f"{min(unknown)[:100]!a} is not a member of an operation")
    method, url = value.get("method"), value.get("url")
    if not isinstance(method, str) or method.upper() not in METHODS:
        raise Refused(Code.INVALID_VALUE, f"method must be one of {', '.join(METHODS)}")
    if not isinstance(url, str) or not url.startswith("/") or url.startswith("//"):
        raise Refused(Code.INVALID_VALUE, "url must begin with one / and name a route of this server")
    if len(url) > MAX_URL_CHARACTERS:
        raise Refused(Code.INVALID_VALUE, f"url is longer than {MAX_URL_CHARACTERS:,} characters")
    if wrong := checked_text(url):
        raise Refused(Code.INVALID_VALUE, f"url {wrong}")
    refuse_nested(url)
    params = _texts("params", value.get("params"), MAX_URL_CHARACTERS)
    body, sent = _body(value.get("body"), sent, takes_values=takes_values)
    return Request(method.upper(), url, _headers(value.get("headers")), params, body, sent, items_in(body))


def refuse_nested(url: str) -> None:
    """Refuse a batch inside a batch, and GraphQL, however the path is written."""
    path = url.partition("?")[0].partition("#")[0].lower()
    if "%" in path or "." in path or "\\" in path or "//" in path or path.endswith("/"):
        path = _normalised(path)
    if path in NESTED:
        raise Refused(Code.INVALID_VALUE, f"{path} can't be an operation of a batch")


def _normalised(path: str) -> str:
    kept: list[str] = []
    for segment in unquote(path, errors="replace").lower().replace("\\", "/").split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept)


def items_in(body: object) -> int:
    """Count what a body asks for: the items of a list, or of an object's member that holds such a list."""
    if isinstance(body, list):
        return len(body)
    if not isinstance(body, dict):
        return 1
    lists = [each for name in LISTS_OF_ITEMS if isinstance(each := body.get(name), list)]
    return max(map(len, lists)) if lists else 1


def _headers(value: object) -> dict[str, str]:
    """Read headers as the server reads those of a message: by lower-case name, a repeated one as a list."""
    headers: dict[str, str] = {}
    for name, text in _texts("headers", value, MAX_HEADER_CHARACTERS).items():
        name, text = name.lower(), text.strip(" \t")
        if name not in IGNORED_HEADERS:
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _texts(name: str, value: object, limit: int) -> dict[str, str]:
    """Read an object whose members stand in a header or a query: texts, numbers, true and false."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(Code.INVALID_VALUE, f"{name} must be an object")
    texts: dict[str, str] = {}
    for key, each in value.items():
        if isinstance(each, (str, int, float)):
            texts[key] = as_text(each)
        elif each is not None:
            raise Refused(
                Code.INVALID_VALUE, f"{name}: {key[:100]!a} must be a string, a number, true or false"
            )
    whole = "".join([*texts, *texts.values()])
    if len(whole) > limit:
        raise Refused(Code.INVALID_VALUE, f"{name} are longer than {limit:,} characters")
    if wrong := checked_text(whole):
        raise Refused(Code.INVALID_VALUE, f"{name} {wrong}")
    return texts


def as_text(value: str | float) -> str:
    """Write a JSON value as it stands in a header or a query."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _body(value: object, sent: bytes | None, *, takes_values: bool) -> tuple[object, bytes]:
    """Read a body: any JSON, or a string of JSON."""
    if value is None or sent is None:
        return None, b""
    if not isinstance(value, str) or (takes_values and refers(value)):
        return value, sent
    text = value.encode("utf-8", "surrogatepass")
    try:
        return loads(text), text
    except Refused as error:
        raise Refused(Code.MALFORMED, f"the string in body is not JSON: {error.detail}") from error
