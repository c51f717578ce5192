"""HTTP ↔ GraphQL (GraphQL over HTTP, draft of 2025)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from app.graphql import door, sockets, streams
from app.graphql.documents import DOCUMENTS, PersistedDocuments, trusted_documents
from app.graphql.runs import LIMITS, limits_of
from app.state import ROUTE, SETTINGS
from graphql_schema.schema import print_schema

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATH = "/graphql"


def routes() -> list[web.RouteDef]:
    """Return the routes of the GraphQL door."""
    return [
        web.get(PATH, handle, allow_head=False),
        web.post(PATH, handle),
        web.get("/schema.graphql", schema_text),
    ]


async def opened(app: web.Application) -> AsyncIterator[None]:
    """Get ready: the limits, and the documents that clients may name."""
    app[LIMITS] = limits_of(app[SETTINGS])
    app[DOCUMENTS] = PersistedDocuments(trusted_documents(app[SETTINGS].trusted_documents))
    yield


def answers_at_once(request: web.Request) -> bool:
    """Tell whether a request is one of the many: sent by POST, to be answered at once."""
    return request.rel_url.raw_path == PATH and request.method == "POST" and not streams.wanted(request)


async def answer(app: web.Application, request: web.Request) -> web.Response:
    """Answer one of these."""
    request[ROUTE] = PATH
    return await door.handle(app, request)


async def handle(request: web.Request) -> web.StreamResponse:
    """Answer in the way the request asks for: over a socket, by a stream of events, or at once."""
    if sockets.wanted(request):
        return await sockets.handle(request)
    if streams.wanted(request):
        return await streams.handle(request)
    return await door.handle(request.app, request)


async def schema_text(_request: web.Request) -> web.Response:
    """Serve the schema in its own language."""
    return web.Response(text=print_schema(), content_type="text/plain", charset="utf-8")
