"""What an operator wants to know of a database and can't read from its tables."""

from __future__ import annotations

import shutil
import sqlite3
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import aiosqlite
    import asyncpg

# What a commit's promise rests on, and the values that keep it.
POSTGRESQL_PROMISES = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "remote_apply"},
}
SQLITE_PROMISES = {"journal_mode": {"wal"}, "synchronous": {"2", "3"}}


@dataclass(frozen=True)
class Facts:
    """A database as it is; `None` where it has no such thing, or doesn't tell us."""

    product: str
    clock_s: float
    """Its time, in seconds since the epoch."""
    broken_promises: Mapping[str, str] = field(default_factory=dict)
    """Settings by which a commit may be lost, with the values they have."""
    writable: bool = True
    indexes: frozenset[str] = frozenset()
    """The names of its indexes."""
    max_connections: int | None = None
    log_bytes: int | None = None
    """The size of its write-ahead log."""
    free_bytes: int | None = None
    """The room that is left on its disk."""


async def of_postgresql(connection: asyncpg.Connection[Any]) -> Facts:
    """Ask a PostgreSQL server."""
    names = list(POSTGRESQL_PROMISES)
    rows = await connection.fetch("select name, setting from pg_settings where name = any($1::text[])", names)
    row = await connection.fetchrow(
        "select current_setting('server_version') as version, extract(epoch from clock_timestamp()) as clock,"
        " current_setting('max_connections')::int as connections,"
        " current_setting('transaction_read_only') = 'off' and not pg_is_in_recovery() as writable,"
        " has_function_privilege('pg_ls_waldir()', 'execute') as may_see_log"
    )
    indexes = await connection.fetch(
        "select indexname from pg_indexes where schemaname = any(current_schemas(false))"
    )
    log_bytes = None
    if row["may_see_log"]:
        log_bytes = int(await connection.fetchval("select coalesce(sum(size), 0) from pg_ls_waldir()"))
    return Facts(
        product=f"PostgreSQL {row['version']}",
        clock_s=float(row["clock"]),
        broken_promises=_broken(POSTGRESQL_PROMISES, {row["name"]: row["setting"] for row in rows}),
        writable=row["writable"],
        indexes=frozenset(row["indexname"] for row in indexes),
        max_connections=row["connections"],
        log_bytes=log_bytes,
    )


async def of_sqlite(connection: aiosqlite.Connection, path: Path) -> Facts:
    """Ask a SQLite file; the connection is set up as the server's are."""
    found: dict[str, str] = {}
    for name in SQLITE_PROMISES:
        for (value,) in await connection.execute_fetchall(f"pragma {name}"):
            found[name] = str(value)
    indexes = await connection.execute_fetchall("select name from sqlite_master where type = 'index'")
    log = path.with_name(path.name + "-wal")
    return Facts(
        product=f"SQLite {sqlite3.sqlite_version}",
        clock_s=time.time(),
        broken_promises=_broken(SQLITE_PROMISES, found),
        writable=await _may_write(connection),
        indexes=frozenset(name for (name,) in indexes),
        log_bytes=log.stat().st_size if log.exists() else 0,
        free_bytes=shutil.disk_usage(path.parent).free,
    )


async def _may_write(connection: aiosqlite.Connection) -> bool:
    """Try what a write begins with; a file that somebody else is writing to can be written to."""
    try:
        await connection.execute("begin immediate")
        await connection.execute("rollback")
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return True


def _broken(promises: Mapping[str, set[str]], found: Mapping[str, str]) -> dict[str, str]:
    return {name: found[name] for name, kept in promises.items() if name in found and found[name] not in kept}
