"""Runs the migrations that a database lacks; what it needs takes long to load."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from db.database import check_url, sqlite_path
from db.errors import Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

# Two processes that start together migrate one after the other.
LOCK = 0x5EAF


async def upgrade(url: str) -> None:
    """Bring a database to the newest version; raises `Unavailable` as `migrate` does."""
    path = sqlite_path(url)
    try:
        if path is not None:
            # Not by aiosqlite, whose thread may outlive an event loop that ends with a refusal.
            await asyncio.to_thread(_upgrade_file, path)
        else:
            await _upgrade_shared(url)
    except DBAPIError as error:
        raise Unavailable(f"the database can't be brought to this version: {error.orig}") from error
    except CommandError as error:
        raise Unavailable(f"the database is not one of this version's: {error}") from error


def engine_of(url: str) -> AsyncEngine:
    """Return SQLAlchemy's engine for the database that a URL names."""
    check_url(url)
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        return create_async_engine(f"sqlite+aiosqlite:///{path}", poolclass=NullPool)
    return create_async_engine("postgresql+asyncpg://" + url.partition("://")[2], poolclass=NullPool)


def config() -> Config:
    """Return what Alembic must know to find the migrations."""
    told = Config()
    told.set_main_option("script_location", str(Path(__file__).parent))
    return told


async def _upgrade_shared(url: str) -> None:
    engine = engine_of(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"select pg_advisory_xact_lock({LOCK})"))
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as connection:
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    told = config()
    told.attributes["connection"] = connection
    command.upgrade(told, "head")
