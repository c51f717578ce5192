"""HTTP ↔ GraphQL (GraphQL over HTTP, draft of 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from graphql_schema.schema import execute, print_schema

from app.http import caller_of, read_body
from app.rest import problems
from app.state import DATABASE
from app.telemetry import request_id
from db.errors import Code, Refused, SheafError
from db.shapes import loads
from graphql_schema.context import Context

if TYPE_CHECKING:
    from graphql_schema.schema import Execution

PATH = "/graphql"
JSON = "application/json"
RESPONSE = "application/graphql-response+json"


@dataclass(frozen=True)
class Operation:
    """What a request asks to be executed (GraphQL over HTTP section 5.1)."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


def routes() -> list[web.RouteDef]:
    """Return the routes of the GraphQL door."""
    return [
        web.get(PATH, handle, allow_head=False),
        web.post(PATH, handle),
        web.get("/schema.graphql", schema_text),
    ]


async def schema_text(_request: web.Request) -> web.Response:
    """Serve the schema in its own language."""
    return web.Response(text=print_schema(), content_type="application/graphql", charset="utf-8")


async def handle(request: web.Request) -> web.Response:
    """Execute one operation; GET takes queries only."""
    media_type = _negotiated(request.headers.get("Accept", "*/*"))
    if media_type is None:
        return _plain(406, f"this answers {JSON} or {RESPONSE}")
    # Anonymous callers may ask what the schema itself answers; the first field with data tells them 401.
    caller = await caller_of(request) if "Authorization" in request.headers else None
    try:
        operation = _from_query(request) if request.method == "GET" else await _from_body(request)
    except SheafError as error:
        return _respond(media_type, problems.STATUS[error.code], _request_error(error))
    context = Context(database=request.app[DATABASE], caller=caller, request_id=request_id.get())
    done = await execute(
        operation.query,
        operation.variables,
        operation.operation_name,
        context,
        queries_only=request.method == "GET",
    )
    return _respond(media_type, _status(done, media_type), done.response)


def _status(done: Execution, media_type: str) -> int:
    """Choose the status: what never ran is a client's error, told as one by the newer media type only (6.4)."""
    if done.mutation_by_get:
        return 405
    if done.unauthorized:
        return 401
    if done.executed:
        return 200
    return 400 if media_type == RESPONSE else 200


def _respond(media_type: str, status: int, response: object) -> web.Response:
    headers = {"Content-Type": f"{media_type}; charset=utf-8"}
    if status == problems.STATUS[Code.UNAUTHORIZED]:
        headers["WWW-Authenticate"] = "Bearer"
    if status == problems.STATUS[Code.METHOD_NOT_ALLOWED]:
        headers["Allow"] = "POST"
    answer = web.Response(status=status, headers=headers, body=orjson.dumps(response))
    answer.enable_compression()
    return answer


def _request_error(error: SheafError) -> dict[str, Any]:
    return {"errors": [{"message": error.detail, "extensions": {"code": error.code.upper()}}]}


def _plain(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text + "\n")


def _negotiated(accept: str) -> str | None:
    """Choose the media type of the answer, the first that the client names and we have."""
    for part in accept.split(","):
        media_range = part.partition(";")[0].strip().lower()
        if media_range in {JSON, RESPONSE}:
            return media_range
        if media_range in {"*/*", "application/*", ""}:
            return JSON
    return None


async def _from_body(request: web.Request) -> Operation:
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
    return _operation(parameters)


def _from_query(request: web.Request) -> Operation:
    parameters: dict[str, Any] = dict(request.query)
    for name in ("variables", "extensions"):
        if text := parameters.get(name):
            parameters[name] = loads(text.encode("utf-8", "surrogatepass"))
    return _operation(parameters)


def _operation(parameters: dict[str, Any]) -> Operation:
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
