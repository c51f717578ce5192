"""aiohttp ↔ the REST dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.http import caller_of, read_body, to_response
from app.rest import catalogue, operations, probes, tokens
from app.rest.exchange import Call
from app.rest.openapi import route as openapi
from app.rest.routes import Router
from app.rest.work import perform
from app.state import DATABASE
from db.access import NOBODY

if TYPE_CHECKING:
    from aiohttp import web

INNER = Router(catalogue.routes())
ROUTER = Router(
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
    ROUTER.match(method, path)
    call = Call(
        database=request.app[DATABASE],
        caller=caller,
        method=method,
        path=path,
        query=tuple(request.rel_url.query.items()),
        headers={name.lower(): ", ".join(request.headers.getall(name)) for name in request.headers},
        body=await read_body(request) if request.body_exists else b"",
    )
    return to_response(await perform(call, ROUTER.read(call)))
