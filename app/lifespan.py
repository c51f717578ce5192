"""What a server holds while it runs: one context per resource, in order of dependency."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from app.auth import Authenticator, root_token, verification
from app.state import AUTHENTICATOR, DATABASE, HUB, METRICS, RATE_LIMITER, ROOTS, SETTINGS
from db import idempotency
from db.clock import instant
from db.database import open_database, sqlite_path
from db.errors import SheafError
from db.events import Hub
from db.roots import Roots
from db.uploads.engine import UploadEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import web

    from app.limits import RateLimiter
    from app.metrics import Metrics
    from app.settings import Settings
    from db.database import Database, Transaction

log = structlog.get_logger("sheaf.lifespan")

HOUSEKEEPING_EVERY_S = 600


async def database(app: web.Application) -> AsyncIterator[None]:
    """Open the database; running writes end before it closes."""
    settings = app[SETTINGS]
    opened = open_database(
        settings.database_url,
        pool_size=settings.pool_size,
        time_limit_s=settings.time_limit_s,
        join_reads=settings.join_reads,
        join_creates=settings.join_creates,
    )
    app[DATABASE] = opened
    opened.observer = app[METRICS]
    opened.meter = _Meter(app[METRICS], app[RATE_LIMITER])
    yield
    await opened.close()


class _Meter:
    """Counts what commands did, and takes it from their caller's share."""

    def __init__(self, metrics: Metrics, limiter: RateLimiter) -> None:
        self._metrics = metrics
        self._limiter = limiter

    def items(self, token_hash: str | None, noun: str, outcomes: Mapping[str, int]) -> None:
        """Note how many items of a caller's command met which outcome."""
        self._metrics.items(noun, outcomes)
        self._limiter.charge(token_hash, sum(outcomes.values()))

    def reads(self, token_hash: str | None, count: int) -> None:
        """Note how many reads stood in a caller's batch."""
        self._limiter.charge(token_hash, count)


async def authentication(app: web.Application) -> AsyncIterator[None]:
    """Get ready to know callers by their tokens, and the root that is meant by whoever reaches all of them."""
    settings = app[SETTINGS]
    verify = verification(settings)
    app[AUTHENTICATOR] = Authenticator(
        app[DATABASE], root_token(settings), verify, cache_s=settings.token_cache_s
    )
    app[ROOTS] = Roots(app[DATABASE], remember_s=settings.token_cache_s)
    yield


async def events(app: web.Application) -> AsyncIterator[None]:
    """Hear what commits announce, here and in other processes."""
    # Behind the authenticator, which should have forgotten who was revoked before anybody asks for him again.
    app[HUB] = Hub(app[DATABASE])
    yield
    await app[HUB].close()


async def watching(app: web.Application) -> AsyncIterator[None]:
    """Keep the numbers up to date that change by themselves."""
    task = asyncio.create_task(app[METRICS].keep_looking(app[DATABASE]))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def housekeeping(app: web.Application) -> AsyncIterator[None]:
    """Drop what is kept only for a time."""
    task = asyncio.create_task(_keep_house(app[DATABASE]))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _keep_house(opened: Database) -> None:
    while True:
        await asyncio.sleep(HOUSEKEEPING_EVERY_S)

        async def work(tx: Transaction) -> int:
            return await idempotency.forget_old(tx, instant(time.time() - idempotency.KEPT_S))

        try:
            await opened.write("forget_idempotency_keys", work)
        except SheafError as error:
            log.warning("housekeeping_failed", error=error.detail)


async def uploads(app: web.Application) -> AsyncIterator[None]:
    """Apply uploads, unless other processes do that; the turn that runs ends before the database closes."""
    settings = app[SETTINGS]
    if not settings.upload_engine:
        yield
        return
    engine = upload_engine(app[DATABASE], settings)
    engine.start()
    yield
    await engine.stop()


def upload_engine(opened: Database, settings: Settings) -> UploadEngine:
    """Return an engine as the settings want it."""
    lanes = 1 if sqlite_path(settings.database_url) else settings.upload_lanes
    keep_s = settings.batch_retention_days * 86_400 or None
    return UploadEngine(opened, lanes=lanes, keep_s=keep_s)


CONTEXTS = (database, authentication, events, watching, housekeeping, uploads)
