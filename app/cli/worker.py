"""`sheaf worker`: a process that applies uploads and serves nothing."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import structlog

from app.lifespan import upload_engine
from app.telemetry import configure_logging
from db.database import open_database, sqlite_path
from db.migrations import migrate

if TYPE_CHECKING:
    import argparse

    from app.settings import Settings

log = structlog.get_logger("sheaf.worker")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "worker", help="apply uploads, beside servers and other workers on PostgreSQL"
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace, settings: Settings) -> int:
    """Apply uploads until SIGTERM or SIGINT."""
    if sqlite_path(settings.database_url):
        raise ValueError(
            "SQLite serves one process, and `sheaf serve` applies its uploads: a worker needs PostgreSQL"
        )
    configure_logging(settings.log_level, settings.log_format)
    asyncio.run(_work(settings))
    return 0


async def _work(settings: Settings) -> None:
    await migrate(settings.database_url)
    opened = open_database(
        settings.database_url, pool_size=settings.pool_size, time_limit_s=settings.time_limit_s
    )
    engine = upload_engine(opened, settings)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopped.set)
    engine.start()
    log.info("worker_started", lanes=settings.upload_lanes)
    await stopped.wait()
    await engine.stop()
    await opened.close()
