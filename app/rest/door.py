"""aiohttp ↔ the REST dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.bodies import read_body
from app.http import caller_of, to_response
from app.limits import within
from app.metrics import NO_ROUTE
from app.rest import catalogue, operations, probes, tokens, uploads
from app.rest.exchange import Call
from app.rest.openapi import route as openapi
from app.rest.routes import Router
from app.rest.work import Read, perform
from app.state import DATABASE, HUB, ROUTE, SETTINGS
from db.access import NOBODY
from db.errors import SheafError

if TYPE_CHECKING:
    from aiohttp import web

    from app.rest.routes import Found

INNER = Router([*catalogue.routes(), *uploads.routes()])
ROUTER: Router = Router(
    [
        *INNER.routes,
        *tokens.routes(),
        *operations.routes(INNER),
        *probes.routes(),
        *openapi.routes(lambda: ROUTER.routes),
    ]
)


def found(request: web.Request) -> Found | None:
    """Return the REST route of a request, `None` if it has none."""
    return ROUTER.find(_method(request), request.rel_url.raw_path)


async def handle(request: web.Request) -> web.Response:
    """Answer any request that no other route of aiohttp's takes."""
    path = request.rel_url.raw_path
    try:
        # A missing route or method is told before the body is read.
        matched = ROUTER.match(_method(request), path)
    except SheafError:
        # And to those only who may know what there is.
        if not ROUTER.is_public(path):
            await caller_of(request.app, request, narrowed=False)
        raise
    return await answer(request.app, request, matched)


def route_of(request: web.Request) -> str:
    """Return the template of the route that aiohttp found, for the numbers: whatever has none shares one name."""
    resource = request.match_info.route.resource
    if resource is None or request.match_info.handler is handle:
        return NO_ROUTE
    return resource.canonical


async def answer(app: web.Application, request: web.Request, matched: Found) -> web.Response:
    """Answer a request that has a REST route."""
    route, segments = matched
    request[ROUTE] = route.template
    caller = NOBODY if route.operation.public else await caller_of(app, request)
    call = Call(
        database=app[DATABASE],
        caller=caller,
        method=_method(request),
        path=request.rel_url.raw_path,
        query=tuple(request.rel_url.query.items()) if request.rel_url.raw_query_string else (),
        headers=_headers(request),
        body=await read_body(app, request) if request.body_exists else b"",
        segments=segments,
        max_queued_records=app[SETTINGS].max_queued_records,
        hub=app[HUB],
    )
    work = route.handle(call)
    if isinstance(work, Read):
        async with within(app[SETTINGS].time_limit_s):
            return to_response(await perform(call, work))
    return to_response(await perform(call, work))


def _method(request: web.Request) -> str:
    return "GET" if request.method == "HEAD" else request.method


def _headers(request: web.Request) -> dict[str, str]:
    """Return a request's headers by lower-case name, those sent several times as one list (RFC 9110 section 5.3)."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
