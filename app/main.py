"""The one place where the parts are joined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from app import explorer, graphql
from app.http import around, healthy, ready
from app.lifespan import CONTEXTS
from app.rest import door
from app.state import SETTINGS

if TYPE_CHECKING:
    from app.settings import Settings

PROJECT = Path(__file__).parent.parent


def create_app(settings: Settings) -> web.Application:
    """Build the server; nothing is read, opened or listened to before it runs."""
    app = web.Application(middlewares=[around], client_max_size=settings.max_body_bytes)
    app[SETTINGS] = settings
    app.cleanup_ctx.extend(CONTEXTS)
    app.router.add_get("/healthz", healthy)
    app.router.add_get("/readyz", ready)
    app.router.add_routes(explorer.routes(PROJECT / "explorer" / "dist"))
    app.router.add_routes(graphql.routes())
    app.router.add_route("*", "/{path:.*}", door.handle)
    return app
