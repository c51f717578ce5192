"""HTTP ↔ GraphQL (GraphQL over HTTP, draft of 2025)."""

from __future__ import annotations

from aiohttp import web

from app.graphql.door import handle
from graphql_schema.schema import print_schema

PATH = "/graphql"


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
