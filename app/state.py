"""What the parts of a running server share, under typed keys of the aiohttp application."""

from __future__ import annotations

from aiohttp import web

from app.auth import Authenticator
from app.settings import Settings
from db.database import Database

SETTINGS = web.AppKey("settings", Settings)
DATABASE = web.AppKey("database", Database)
AUTHENTICATOR = web.AppKey("authenticator", Authenticator)
