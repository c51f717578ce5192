"""What the parts of a running server share, under typed keys of the aiohttp application."""

from __future__ import annotations

from aiohttp import web

from app.auth import Authenticator
from app.connections import Connections
from app.cors import Cors
from app.limits import RateLimiter
from app.metrics import Metrics
from app.proxy import Proxies
from app.settings import Settings
from db.database import Database
from db.events import Hub
from db.roots import Roots

SETTINGS = web.AppKey("settings", Settings)
DATABASE = web.AppKey("database", Database)
CORS = web.AppKey("cors", Cors)
PROXIES = web.AppKey("proxies", Proxies)
METRICS = web.AppKey("metrics", Metrics)
RATE_LIMITER = web.AppKey("rate_limiter", RateLimiter)
# The template of the REST route that a request took.
ROUTE = web.RequestKey("route", str)
# The sockets and event streams.
CONNECTIONS = web.AppKey("connections", Connections)
HUB = web.AppKey("hub", Hub)
ROOTS = web.AppKey("roots", Roots)
AUTHENTICATOR = web.AppKey("authenticator", Authenticator)
