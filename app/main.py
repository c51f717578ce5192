"""The one place where the parts are joined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from app import explorer, graphql
from app.connections import Connections
from app.cors import Cors
from app.http import around, show_metrics
from app.lifespan import CONTEXTS
from app.limits import RateLimiter
from app.metrics import NO_ROUTE, Metrics
from app.proxy import Proxies
from app.rest import door
from app.state import CONNECTIONS, CORS, METRICS, PROXIES, RATE_LIMITER, SETTINGS

if TYPE_CHECKING:
    from app.settings import Settings

EVERYTHING_ELSE = "/{path:.*}"
PROJECT = Path(__file__).parent.parent


def create_app(settings: Settings) -> web.Application:
    """Build the server; nothing is read, opened or listened to before it runs."""
    numbers = Metrics(slow_statement_ms=settings.slow_statement_ms)
    app = web.Application(
        middlewares=[around(settings, numbers, _route_of)], client_max_size=settings.max_body_bytes
    )
    app[SETTINGS] = settings
    app[METRICS] = numbers
    app[RATE_LIMITER] = RateLimiter(settings.rate_limit_per_s)
    app[CORS] = Cors(settings.cors_origins)
    app[PROXIES] = Proxies(settings.trusted_proxies)
    app[CONNECTIONS] = Connections(settings.max_streams)
    app.on_shutdown.append(_leave)
    app.cleanup_ctx.extend((*CONTEXTS, graphql.opened))
    app.router.add_get("/metrics", show_metrics)
    app.router.add_routes(explorer.routes(PROJECT / "explorer" / "dist"))
    app.router.add_routes(graphql.routes())
    for path in (*door.ROUTER.paths(), EVERYTHING_ELSE):
        app.router.add_route("*", path, door.handle)
    return app


async def _leave(app: web.Application) -> None:
    """End what would otherwise wait for the server's patience to end."""
    await app[CONNECTIONS].close()


def _route_of(request: web.Request) -> str:
    """Return the template of a request's route, for the numbers: whatever has none shares one name."""
    resource = request.match_info.route.resource
    # The REST door names the route of what it takes; what it doesn't take has none.
    if resource is None or request.match_info.handler is door.handle:
        return NO_ROUTE
    return resource.canonical
