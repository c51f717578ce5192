"""Brings a database to the tables that this version needs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from db.database import check_url, sqlite_path
from db.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

# Two processes that start together migrate one after the other.
LOCK = 0x5EAF


async def migrate(url: str) -> None:
    """Bring the database that a URL names to the newest version; harmless if it is there already.

    Raises `Unavailable` for one that can't be reached, or holds something else.
    """
    check_url(url)
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


async def _upgrade_shared(url: str) -> None:
    engine = _engine(url)
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


async def is_current(url: str) -> bool:
    """Tell whether a database is at the version that this code needs."""
    return await version(url) == newest()


async def version(url: str) -> str | None:
    """Return the version of a database's tables, `None` if it has none."""
    return await inspected(url, _version)


async def inspected(url: str, look: Callable[[Connection], T]) -> T:
    """Let a function look at a database through a connection of SQLAlchemy, and return what it found."""
    engine = _engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(look)
    finally:
        await engine.dispose()


def newest() -> str | None:
    """Return the version that this code needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _engine(url: str) -> AsyncEngine:
    check_url(url)
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        return create_async_engine(f"sqlite+aiosqlite:///{path}", poolclass=NullPool)
    return create_async_engine("postgresql+asyncpg://" + url.partition("://")[2], poolclass=NullPool)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
