"""aiohttp ↔ the REST dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.http import caller_of, read_body, to_response
from app.limits import within
from app.rest import catalogue, operations, probes, tokens
from app.rest.exchange import Call
from app.rest.openapi import route as openapi
from app.rest.routes import Router
from app.rest.work import Read, perform
from app.state import DATABASE, ROUTE, SETTINGS
from db.access import NOBODY
from db.errors import SheafError

if TYPE_CHECKING:
    from aiohttp import web

INNER = Router(catalogue.routes())
ROUTER: Router = Router(
    [
        *INNER.routes,
        *tokens.routes(),
        *operations.routes(INNER),
        *probes.routes(),
        *openapi.routes(lambda: ROUTER.routes),
    ]
)


async def handle(request: web.Request) -> web.Response:
    """Answer any request that no other route takes."""
    path = request.rel_url.raw_path
    method = "GET" if request.method == "HEAD" else request.method
    try:
        # A missing route or method is told before the body is read.
        route, segments = ROUTER.match(method, path)
    except SheafError:
        # And to those only who may know what there is.
        if not ROUTER.is_public(path):
            await caller_of(request, narrowed=False)
        raise
    request[ROUTE] = route.template
    caller = NOBODY if route.operation.public else await caller_of(request)
    call = Call(
        database=request.app[DATABASE],
        caller=caller,
        method=method,
        path=path,
        query=tuple(request.rel_url.query.items()) if request.rel_url.raw_query_string else (),
        headers=_headers(request),
        body=await read_body(request) if request.body_exists else b"",
        segments=segments,
    )
    work = route.handle(call)
    if isinstance(work, Read):
        async with within(request.app[SETTINGS].time_limit_s):
            return to_response(await perform(call, work))
    return to_response(await perform(call, work))


def _headers(request: web.Request) -> dict[str, str]:
    """Return a request's headers by lower-case name, those sent several times as one list (RFC 9110 section 5.3)."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
