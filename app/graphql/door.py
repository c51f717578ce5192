"""Requests that are answered at once, over POST and GET."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strawberry.types.graphql import OperationType

from app.graphql import requests, responses
from app.graphql.runs import LIMITS, results
from app.http import caller_of
from app.rest import problems
from db.errors import SheafError
from graphql_schema.budgets import Budget, LimitReached
from graphql_schema.schema import ANY_OPERATION

if TYPE_CHECKING:
    from aiohttp import web


async def handle(app: web.Application, request: web.Request) -> web.Response:
    """Execute the operations of a request, one or several; GET takes one, and a query only."""
    media_type = responses.negotiated(request.headers.get("Accept", "*/*"))
    if media_type is None:
        return responses.not_acceptable()
    budget = Budget(app[LIMITS])
    try:
        # Anonymous callers may ask what the schema itself answers; the first field with data tells them 401.
        caller = await caller_of(app, request) if "Authorization" in request.headers else None
        batch = await requests.read(app, request, budget)
    except SheafError as error:
        refusal = responses.refuse(media_type, error)
        if isinstance(error, problems.TooSlow):
            refusal.force_close()
        return refusal
    except LimitReached as error:
        return responses.respond(media_type, responses.REFUSED, {"errors": [error.formatted]})
    allowed = (OperationType.QUERY,) if request.method == "GET" else ANY_OPERATION
    answers = await results(app, batch, caller, budget, allowed)
    if batch.listed:
        return responses.respond(
            media_type, responses.status_of_all(answers, media_type), [*map(responses.response, answers)]
        )
    return responses.respond(
        media_type, responses.status(answers[0], media_type), responses.response(answers[0])
    )
