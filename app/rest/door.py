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
    caller = NOBODY if ROUTER.is_public(path) else await caller_of(request)
    method = "GET" if request.method == "HEAD" else request.method
    # A missing route or method is told before the body is read.
    route, _ = ROUTER.match(method, path)
    request[ROUTE] = route.template
    call = Call(
        database=request.app[DATABASE],
        caller=caller,
        method=method,
        path=path,
        query=tuple(request.rel_url.query.items()),
        headers={name.lower(): ", ".join(request.headers.getall(name)) for name in request.headers},
        body=await read_body(request) if request.body_exists else b"",
    )
    work = ROUTER.read(call)
    if isinstance(work, Read):
        async with within(request.app[SETTINGS].time_limit_s):
            return to_response(await perform(call, work))
    return to_response(await perform(call, work))


def template_of(request: web.Request) -> str | None:
    """Return the template of the route that a request would take; `None` where there is none."""
    method = "GET" if request.method == "HEAD" else request.method
    try:
        return ROUTER.match(method, request.rel_url.raw_path)[0].template
    except SheafError:
        return None
