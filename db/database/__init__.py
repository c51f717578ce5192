"""The only room that knows SQLite from PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from db.database.facts import Facts
from db.database.interface import (
    Database,
    Load,
    Meter,
    Observer,
    Reader,
    Retry,
    Row,
    Statement,
    Transaction,
)
from db.database.joining import Joining
from db.database.postgresql import PostgresqlDatabase
from db.database.sqlite import SqliteDatabase
from db.database.statements import (
    any_of,
    first_links_of_each,
    first_of_all,
    first_of_each,
    key_rows,
    looked_up,
    member_equals,
    unordered,
)

__all__ = [
    "Database",
    "Facts",
    "Load",
    "Meter",
    "Observer",
    "Reader",
    "Retry",
    "Row",
    "Statement",
    "Transaction",
    "any_of",
    "check_url",
    "first_links_of_each",
    "first_of_all",
    "first_of_each",
    "key_rows",
    "looked_up",
    "member_equals",
    "open_database",
    "sqlite_path",
    "unordered",
]

SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgres://")


def open_database(
    url: str,
    *,
    pool_size: int = 10,
    time_limit_s: float = 30.0,
    join_reads: bool = True,
    join_creates: bool = True,
) -> Database:
    """Return the database that a URL names (`sqlite:///path` or `postgresql://…`); it connects at first use."""
    check_url(url)
    path = sqlite_path(url)
    database: Database
    if path is None:
        database = PostgresqlDatabase(url, pool_size=pool_size, time_limit_s=time_limit_s)
    else:
        # Reads of SQLite are work of this machine's processors: more threads would only wait.
        database = SqliteDatabase(path, pool_size=min(pool_size, 4), time_limit_s=time_limit_s)
    database.joining = Joining() if join_reads else None
    database.join_creates = join_creates
    return database


def check_url(url: str) -> None:
    """Raise `ValueError` for a URL that names no kind of database we know."""
    if not url.startswith((SQLITE, *POSTGRESQL)):
        raise ValueError("SHEAF_DATABASE_URL must begin with sqlite:/// or postgresql://")


def sqlite_path(url: str) -> Path | None:
    """Return the file that a SQLite URL names, `None` for other databases."""
    if not url.startswith(SQLITE):
        return None
    if not (name := url.removeprefix(SQLITE)) or name == ":memory:":
        raise ValueError("SHEAF_DATABASE_URL must name a file: sqlite:///path")
    return Path(name)
