"""What a request asks to be executed (GraphQL over HTTP section 5.1, and its appendix on persisted documents)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from app.bodies import read_body
from app.graphql.responses import JSON
from db.errors import Code, Refused
from db.shapes import loads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from graphql_schema.budgets import Budget

UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})
SHA_256 = re.compile(r"[0-9a-fA-F]{64}\Z")


class Operation(msgspec.Struct, frozen=True):
    """One operation: its document, or what names that, and what it is executed with."""

    query: str | None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    document_id: str | None = None
    sha256: str | None = None
    """The hash that names the document, in lower case (Apollo's automatic persisted queries)."""


class _Sent(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An operation as it is sent. What msgspec doesn't know it skips unread, be it JSON in UTF-8 or not."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    document_id: str | None = None
    extensions: dict[str, Any] | None = None


_SENT = msgspec.json.Decoder(_Sent)


@dataclass(frozen=True)
class Batch:
    """The operations of a request, in order."""

    operations: tuple[Operation, ...]
    listed: bool
    """Whether the answer is a list, too."""


async def read(app: web.Application, request: web.Request, budget: Budget) -> Batch:
    """Read all operations of a request; raises `Refused`, or `LimitReached` for too many of them."""
    if request.method == "GET":
        return Batch((from_query(request),), listed=False)
    body = await _body(app, request)
    try:
        # Most are one operation, of whose members nothing more needs to be said.
        sent = _SENT.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _batch(decode(body, "the body"), budget)
    if sent.extensions is not None or sent.document_id is not None or sent.query is None:
        return _batch(decode(body, "the body"), budget)
    budget.spend("operations", 1)
    return Batch((Operation(sent.query, sent.variables, sent.operation_name or None),), listed=False)


async def from_body(request: web.Request) -> Operation:
    """Read the only operation of a POST; raises `Refused`."""
    return operation(decode(await _body(request.app, request), "the body"))


def from_query(request: web.Request) -> Operation:
    """Read the operation of a GET; raises `Refused`."""
    parameters: dict[str, Any] = dict(request.query)
    for name in ("variables", "extensions"):
        if text := parameters.get(name):
            parameters[name] = decode(text.encode("utf-8", "surrogatepass"), name)
    return operation(parameters)


def operation(parameters: object) -> Operation:
    """Read the members of one operation; raises `Refused`."""
    members = _members(parameters)
    variables = members.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(Code.MALFORMED, "variables must be an object")
    return _operation(members, variables)


def decode(text: bytes, what: str) -> Any:
    """Read JSON of any form, in which no number is infinite; raises `Refused`.

    Lone surrogates come through, and numbers too long for 64 bits exactly, to be told per field.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Slower, and says what is wrong.
        value = loads(text, what)
    if (place := _infinite(value, what)) is not None:
        raise Refused(Code.MALFORMED, f"{place} is too large a number")
    return value


async def _body(app: web.Application, request: web.Request) -> bytes:
    media_type = request.content_type.lower()
    # Nothing that a form of another site could send (CSRF): that takes a preflight.
    if media_type != JSON or "Content-Type" not in request.headers:
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, f"the body must be {JSON}, not {media_type}")
    if (request.charset or "utf-8").lower() not in UTF_8:
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, f"the body must be in UTF-8, not {request.charset}")
    return await read_body(app, request)


def _batch(parameters: object, budget: Budget) -> Batch:
    """Read one operation, a list of them, or one with a list of variables."""
    if isinstance(parameters, list):
        budget.spend("operations", len(parameters))
        return Batch(tuple(_each(_some(parameters, "the body"))), listed=True)
    members = _members(parameters)
    variables = members.get("variables")
    if not isinstance(variables, list):
        budget.spend("operations", 1)
        return Batch((operation(parameters),), listed=False)
    budget.spend("operations", len(variables))
    if not all(isinstance(each, dict) for each in _some(variables, "variables")):
        raise Refused(Code.MALFORMED, "variables must be an object, or a list of objects")
    return Batch(tuple(_operation(members, each) for each in variables), listed=True)


def _each(listed: list[Any]) -> Iterator[Operation]:
    """Read the operations of a list; raises `Refused`, which says which one is faulty."""
    for index, parameters in enumerate(listed):
        try:
            yield operation(parameters)
        except Refused as error:
            raise Refused(error.code, f"operation {index}: {error.detail}") from error


def _some(listed: list[Any], what: str) -> list[Any]:
    if not listed:
        raise Refused(Code.MALFORMED, f"{what} must not be an empty list")
    return listed


def _members(parameters: object) -> dict[str, Any]:
    if not isinstance(parameters, dict):
        raise Refused(Code.MALFORMED, "an operation must be an object with a query")
    for name in ("query", "operationName", "documentId"):
        if not isinstance(parameters.get(name), str | None):
            raise Refused(Code.MALFORMED, f"{name} must be a string")
    if not isinstance(parameters.get("extensions"), dict | None):
        raise Refused(Code.MALFORMED, "extensions must be an object")
    return parameters


def _operation(members: dict[str, Any], variables: dict[str, Any] | None) -> Operation:
    query, document_id = members.get("query"), members.get("documentId")
    sha256 = _hash((members.get("extensions") or {}).get("persistedQuery"))
    if query is None and document_id is None and sha256 is None:
        raise Refused(Code.MALFORMED, "query must be a string")
    return Operation(query, variables, members.get("operationName") or None, document_id, sha256)


def _hash(persisted: object) -> str | None:
    if persisted is None:
        return None
    if isinstance(persisted, dict) and persisted.get("version") == 1:
        told = persisted.get("sha256Hash")
        if isinstance(told, str) and SHA_256.match(told):
            return told.lower()
    raise Refused(Code.MALFORMED, "persistedQuery must have version 1 and the document's sha256Hash")


def _infinite(value: object, place: str) -> str | None:
    """Return where in a value a number is infinite, which no JSON can say."""
    pending = [(value, place)]
    while pending:
        part, place = pending.pop()
        match part:
            case dict():
                pending.extend((inner, f"{place}.{name}") for name, inner in part.items())
            case list():
                pending.extend((inner, f"{place}.{index}") for index, inner in enumerate(part))
            case float() if not isfinite(part):
                return place
            case _:
                pass
    return None
