"""Which version's tables a database has, asked by one statement."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Alembic's table; of several rows, which are branches of versions, we have none.
VERSIONS = "select version_num from alembic_version"


async def version_on_server(url: str) -> str | None:
    """Return the version of a database of PostgreSQL, `None` if it can't be told; `OSError` if nobody is there."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
        connection = await asyncpg.connect(url)
        try:
            return _only(await connection.fetch(VERSIONS))
        finally:
            await connection.close()
    return None


def version_in_file(path: Path) -> str | None:
    """Return the version of a file of SQLite, `None` if it can't be told; makes no file."""
    if path.is_file():
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
            return _only(connection.execute(VERSIONS).fetchall())
    return None


def _only(rows: Sequence[Sequence[str]]) -> str | None:
    return rows[0][0] if len(rows) == 1 else None
