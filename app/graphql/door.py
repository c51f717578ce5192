"""Requests that are answered at once, over POST and GET."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strawberry.types.graphql import OperationType

from app.graphql import requests, responses
from app.http import caller_of
from app.rest import problems
from app.state import DATABASE
from app.telemetry import request_id
from db.errors import SheafError
from graphql_schema.context import Context
from graphql_schema.schema import ANY_OPERATION, execute

if TYPE_CHECKING:
    from aiohttp import web


async def handle(request: web.Request) -> web.Response:
    """Execute one operation; GET takes queries only."""
    media_type = responses.negotiated(request.headers.get("Accept", "*/*"))
    if media_type is None:
        return responses.not_acceptable()
    # Anonymous callers may ask what the schema itself answers; the first field with data tells them 401.
    caller = await caller_of(request) if "Authorization" in request.headers else None
    try:
        operation = (
            requests.from_query(request) if request.method == "GET" else await requests.from_body(request)
        )
    except SheafError as error:
        return responses.respond(media_type, problems.status_of(error), responses.request_error(error))
    context = Context(request.app[DATABASE], caller, request_id=request_id.get())
    result = await execute(
        operation.query,
        operation.variables,
        operation.operation_name,
        context,
        allowed=(OperationType.QUERY,) if request.method == "GET" else ANY_OPERATION,
    )
    return responses.respond(media_type, responses.status(result, media_type), responses.response(result))
