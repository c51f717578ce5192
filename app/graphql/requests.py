"""What a request asks to be executed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from app.graphql.responses import JSON
from app.http import read_body
from db.errors import Code, Refused
from db.shapes import loads

if TYPE_CHECKING:
    from aiohttp import web


@dataclass(frozen=True)
class Operation:
    """What a request asks to be executed (GraphQL over HTTP section 5.1)."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


async def from_body(request: web.Request) -> Operation:
    """Read the operation of a POST; raises `Refused`."""
    media_type = request.content_type.lower()
    if media_type != JSON or "Content-Type" not in request.headers:
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, f"the body must be {JSON}, not {media_type}")
    body = await read_body(request)
    try:
        parameters = orjson.loads(body)
    except orjson.JSONDecodeError:
        # Slower, and says what is wrong; lone surrogates and long numbers come through to be told per field.
        parameters = loads(body)
    if not isinstance(parameters, dict):
        raise Refused(Code.MALFORMED, "the body must be an object with a query")
    return operation(parameters)


def from_query(request: web.Request) -> Operation:
    """Read the operation of a GET; raises `Refused`."""
    parameters: dict[str, Any] = dict(request.query)
    for name in ("variables", "extensions"):
        if text := parameters.get(name):
            parameters[name] = loads(text.encode("utf-8", "surrogatepass"))
    return operation(parameters)


def operation(parameters: dict[str, Any]) -> Operation:
    """Read the members of a request; raises `Refused`."""
    query = parameters.get("query")
    variables = parameters.get("variables")
    name = parameters.get("operationName")
    if not isinstance(query, str):
        raise Refused(Code.MALFORMED, "query must be a string")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(Code.MALFORMED, "variables must be an object")
    if name is not None and not isinstance(name, str):
        raise Refused(Code.MALFORMED, "operationName must be a string")
    extensions = parameters.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise Refused(Code.MALFORMED, "extensions must be an object")
    return Operation(query, variables, name or None)
