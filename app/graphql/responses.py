"""How a result becomes an answer."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from strawberry.types.execution import PreExecutionError

from app.http import to_response
from app.rest import problems
from app.rest.exchange import Answer
from db.errors import Code, SheafError, Unavailable
from graphql_schema.errors import OWN_CODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strawberry.types import ExecutionResult

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
REFUSED = problems.STATUS[Code.MALFORMED]
# What the code of an operation's error says of the whole answer, whatever else it says.
TELLING = (Code.METHOD_NOT_ALLOWED, Code.UNAUTHORIZED)


def status(result: ExecutionResult, media_type: str) -> int:
    """Choose the status: what never ran is the client's error, told as one by the newer media type only (6.4)."""
    if not result.errors and not isinstance(result, PreExecutionError):
        return 200
    codes = {(error.extensions or {}).get("code") for error in result.errors or ()}
    for code in TELLING:
        if code.name in codes:
            return problems.STATUS[code]
    if result.data is None and Code.OVERLOADED.name in codes:
        return problems.STATUS[Code.OVERLOADED]
    if Code.INTERNAL.name in codes and _never_ran(result):
        # A fault of ours in the middle of it all, not of a field.
        return problems.STATUS[Code.INTERNAL]
    return REFUSED if media_type == RESPONSE and _never_ran(result) else 200


def status_of_all(results: Sequence[ExecutionResult], media_type: str) -> int:
    """Choose the status of a list of results: that of each if they agree, else it is in the list that they are told."""
    statuses = {status(result, media_type) for result in results}
    return statuses.pop() if len(statuses) == 1 else 200


def _never_ran(result: ExecutionResult) -> bool:
    """Tell whether the errors were found before the first field: variables that don't fit, for one."""
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and all(
        error.path is None and (error.extensions or {}).get("code") != Code.OVERLOADED.name
        for error in result.errors or ()
    )


def response(result: ExecutionResult) -> dict[str, Any]:
    """Return the members of a response; it has data only if a field ran (GraphQL, October 2021, section 7.1)."""
    response: dict[str, Any] = {}
    if result.errors:
        response["errors"] = [error.formatted for error in result.errors]
    if not _never_ran(result):
        response["data"] = result.data
    if result.extensions:
        response["extensions"] = result.extensions
    return response


def respond(media_type: str, status: int, response: object, *, retry_after_s: int = 1) -> web.Response:
    """Write an answer down."""
    headers = {"Content-Type": f"{media_type}; charset=utf-8"}
    if status == problems.STATUS[Code.UNAUTHORIZED]:
        headers["WWW-Authenticate"] = "Bearer"
    if status == problems.STATUS[Code.METHOD_NOT_ALLOWED]:
        headers["Allow"] = "POST"
    if status in {problems.STATUS[Code.OVERLOADED], problems.THROTTLED}:
        headers["Retry-After"] = str(retry_after_s)
    return to_response(Answer(status, headers, encoded(response)))


def encoded(response: object) -> bytes:
    """Return a response as JSON."""
    try:
        return orjson.dumps(response)
    except TypeError:
        # An error may quote a lone surrogate of the client's, which has no UTF-8 but an escape.
        return json.dumps(response).encode()


def refuse(media_type: str, error: SheafError) -> web.Response:
    """Return the answer to a request that couldn't be read, or whose sender may not send it."""
    retry_after_s = error.retry_after_s if isinstance(error, Unavailable) else 1
    return respond(media_type, problems.status_of(error), request_error(error), retry_after_s=retry_after_s)


def request_error(error: SheafError) -> dict[str, Any]:
    """Return the response to a request that couldn't be read."""
    extensions: dict[str, Any] = {"code": OWN_CODES.get(type(error), error.code.upper())}
    if isinstance(error, Unavailable):
        extensions["retryAfter"] = error.retry_after_s
    return {"errors": [{"message": error.detail, "extensions": extensions}]}


def not_acceptable() -> web.Response:
    """Say what the client could accept."""
    return web.Response(status=406, text=f"this answers {JSON} or {RESPONSE}\n")


@lru_cache(maxsize=64)
def negotiated(accept: str) -> str | None:
    """Choose the media type of the answer: the one that the client likes best, the first among equals."""
    best, liking = None, 0.0
    for part in accept.split(","):
        media_range, _, parameters = part.partition(";")
        offered = _offered(media_range.strip().lower())
        weight = _weight(parameters)
        if offered is not None and weight > liking:
            best, liking = offered, weight
    return best


def _offered(media_range: str) -> str | None:
    if media_range in {JSON, RESPONSE}:
        return media_range
    return JSON if media_range in {"*/*", "application/*", ""} else None


def _weight(parameters: str) -> float:
    """Return the weight of a media range (RFC 9110 section 12.4.2)."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
