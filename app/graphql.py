"""HTTP ↔ GraphQL (GraphQL over HTTP, draft of 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from app.http import caller_of, read_body
from app.rest import problems
from app.state import DATABASE
from app.telemetry import request_id
from db.errors import Code, Refused, SheafError
from db.shapes import loads
from graphql_schema.context import Context
from graphql_schema.schema import ANY_OPERATION, execute, print_schema

if TYPE_CHECKING:
    from strawberry.types import ExecutionResult

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
        return _respond(media_type, problems.status_of(error), _request_error(error))
    context = Context(request.app[DATABASE], caller, request_id=request_id.get())
    result = await execute(
        operation.query,
        operation.variables,
        operation.operation_name,
        context,
        allowed=(OperationType.QUERY,) if request.method == "GET" else ANY_OPERATION,
    )
    return _respond(media_type, _status(result, media_type), _response(result))


def _status(result: ExecutionResult, media_type: str) -> int:
    """Choose the status: what never ran is the client's error, told as one by the newer media type only (6.4)."""
    codes = {(error.extensions or {}).get("code") for error in result.errors or ()}
    if Code.METHOD_NOT_ALLOWED.name in codes:
        return problems.STATUS[Code.METHOD_NOT_ALLOWED]
    if Code.UNAUTHORIZED.name in codes:
        return problems.STATUS[Code.UNAUTHORIZED]
    never_ran = isinstance(result, PreExecutionError) or (result.data is None and _before_execution(result))
    return problems.STATUS[Code.MALFORMED] if never_ran and media_type == RESPONSE else 200


def _before_execution(result: ExecutionResult) -> bool:
    """Tell whether the errors were found before the first field: variables that don't fit, for one."""
    return all(error.path is None for error in result.errors or ())


def _response(result: ExecutionResult) -> dict[str, Any]:
    """Return the members of a response (GraphQL specification, October 2021, section 7.1)."""
    response: dict[str, Any] = {}
    if result.errors:
        response["errors"] = [error.formatted for error in result.errors]
    if not isinstance(result, PreExecutionError):
        response["data"] = result.data
    if result.extensions:
        response["extensions"] = result.extensions
    return response


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
