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
from app.rest.problems import MethodNotAllowed
from app.state import CONNECTIONS, CORS, HUB, METRICS, PROXIES, RATE_LIMITER, SETTINGS

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

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
    _refuse_other_methods(app)
    app.router.add_route("*", EVERYTHING_ELSE, door.handle)
    return app


def _refuse_other_methods(app: web.Application) -> None:
    """Name the methods of each path so far; else what takes everything would say that there is no such path."""
    for resource in app.router.resources():
        if isinstance(resource, web.Resource):
            resource.add_route("*", _refusing(sorted(route.method for route in resource)))


def _refusing(allowed: list[str]) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise MethodNotAllowed(request.method, allowed)

    return refuse


async def _leave(app: web.Application) -> None:
    """End what would otherwise wait for the server's patience to end."""
    app[HUB].leave()
    await app[CONNECTIONS].close()
