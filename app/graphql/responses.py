"""How a result becomes an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from strawberry.types.execution import PreExecutionError

from app.rest import problems
from db.errors import Code, SheafError

if TYPE_CHECKING:
    from strawberry.types import ExecutionResult

JSON = "application/json"
RESPONSE = "application/graphql-response+json"


def status(result: ExecutionResult, media_type: str) -> int:
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


def response(result: ExecutionResult) -> dict[str, Any]:
    """Return the members of a response (GraphQL specification, October 2021, section 7.1)."""
    response: dict[str, Any] = {}
    if result.errors:
        response["errors"] = [error.formatted for error in result.errors]
    if not isinstance(result, PreExecutionError):
        response["data"] = result.data
    if result.extensions:
        response["extensions"] = result.extensions
    return response


def respond(media_type: str, status: int, response: object) -> web.Response:
    """Write an answer down."""
    headers = {"Content-Type": f"{media_type}; charset=utf-8"}
    if status == problems.STATUS[Code.UNAUTHORIZED]:
        headers["WWW-Authenticate"] = "Bearer"
    if status == problems.STATUS[Code.METHOD_NOT_ALLOWED]:
        headers["Allow"] = "POST"
    answer = web.Response(status=status, headers=headers, body=orjson.dumps(response))
    answer.enable_compression()
    return answer


def request_error(error: SheafError) -> dict[str, Any]:
    """Return the response to a request that couldn't be read."""
    return {"errors": [{"message": error.detail, "extensions": {"code": error.code.upper()}}]}


def not_acceptable() -> web.Response:
    """Say what the client could accept."""
    return web.Response(status=406, text=f"this answers {JSON} or {RESPONSE}\n")


def negotiated(accept: str) -> str | None:
    """Choose the media type of the answer, the first that the client names and we have."""
    for part in accept.split(","):
        media_range = part.partition(";")[0].strip().lower()
        if media_range in {JSON, RESPONSE}:
            return media_range
        if media_range in {"*/*", "application/*", ""}:
            return JSON
    return None
