"""The one place where the parts are joined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from app import explorer, graphql
from app.connections import Connections
from app.cors import Cors
from app.http import show_metrics
from app.lifespan import CONTEXTS
from app.limits import RateLimiter
from app.metrics import Metrics
from app.proxy import Proxies
from app.rest import door
from app.state import CONNECTIONS, CORS, HUB, METRICS, PROXIES, RATE_LIMITER, SETTINGS

if TYPE_CHECKING:
    from app.settings import Settings

EVERYTHING_ELSE = "/{path:.*}"
PROJECT = Path(__file__).parent.parent


def create_app(settings: Settings) -> web.Application:
    """Build the server; nothing is read, opened or listened to before it runs."""
    app = web.Application(client_max_size=settings.max_body_bytes)
    app[SETTINGS] = settings
    app[METRICS] = Metrics(slow_statement_ms=settings.slow_statement_ms)
    app[RATE_LIMITER] = RateLimiter(settings.rate_limit_per_s)
    app[CORS] = Cors(settings.cors_origins)
    app[PROXIES] = Proxies(settings.trusted_proxies)
    app[CONNECTIONS] = Connections(settings.max_streams)
    app.on_shutdown.append(_leave)
    app.cleanup_ctx.extend((*CONTEXTS, graphql.opened))
    app.router.add_get("/metrics", show_metrics)
    app.router.add_routes(explorer.routes(PROJECT / "explorer" / "dist"))
    app.router.add_routes(graphql.routes())
    app.router.add_route("*", EVERYTHING_ELSE, door.handle)
    return app


async def _leave(app: web.Application) -> None:
    """End what would otherwise wait for the server's patience to end."""
    app[HUB].leave()
    await app[CONNECTIONS].close()
