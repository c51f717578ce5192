"""Brings a database to the tables that this version needs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from db.database import check_url, sqlite_path
from db.database.versions import version_in_file, version_on_server

VERSIONS = Path(__file__).parent / "versions"


async def migrate(url: str) -> None:
    """Bring the database that a URL names to the newest version; harmless if it is there already.

    Raises `Unavailable` for one that can't be reached, or holds something else.
    """
    if await is_current(url):
        return
    # Hardly a start has anything to migrate, and what migrates takes a good part of a start to load.
    from db.migrations.upgrade import upgrade  # noqa: PLC0415

    await upgrade(url)


async def is_current(url: str) -> bool:
    """Tell whether a database is at the version that this code needs."""
    return await version(url) == newest()


async def version(url: str) -> str | None:
    """Return the version of a database's tables, `None` if it has none."""
    check_url(url)
    path = sqlite_path(url)
    if path is None:
        return await version_on_server(url)
    return await asyncio.to_thread(version_in_file, path)


def newest() -> str:
    """Return the version that this code needs."""
    return max(file.name.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))
