"""Where requests are told apart before aiohttp's own router, which takes longer than a small answer may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import graphql
from app.rest import door as rest

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.typedefs import Handler


def entrance(app: web.Application, otherwise: Handler) -> Handler:
    """Return what answers GraphQL's and REST's requests, and hands on any other."""

    async def enter(request: web.Request) -> web.StreamResponse:
        # aiohttp knows how to say 100 Continue.
        if "Expect" in request.headers:
            return await otherwise(request)
        if graphql.answers_at_once(request):
            return await graphql.answer(app, request)
        if (found := rest.found(request)) is not None:
            return await rest.answer(app, request, found)
        return await otherwise(request)

    return enter
