"""Statements of SQLite: one reading session, the one write transaction, and the driver's errors in our words."""

from __future__ import annotations

import sqlite3
import time
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy.dialects import sqlite

from db.database.interface import Compiled, Compiler, Reader, Retry, Transaction
from db.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence

    import aiosqlite
    from sqlalchemy import Table

    from db.database.interface import Database, Row, Statement

LOCKED = "the database is locked by another process"
NOT_NOW = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_INTERRUPT,
    }
)
compiled = Compiler(sqlite.dialect())
savepoints = count()
sqlite3.register_converter("BOOLEAN", lambda stored: stored == b"1")


@contextmanager
def translated_reads() -> Iterator[None]:
    """Turn the driver's errors of a read into ours: there is nothing to repeat, so a locked file is a refusal."""
    try:
        with translated():
            yield
    except Retry as error:
        raise Unavailable(LOCKED) from error
    except TimeoutError as error:
        raise Unavailable("the query took longer than the time limit") from error


def _bound(statement: Compiled, parameters: Mapping[str, object]) -> list[object]:
    values = {**statement.constants, **parameters}
    return [_value(values[name]) for name in statement.names]


def _value(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return msgspec.json.encode(value).decode()
    return value


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise Retry(str(error), given_up=LOCKED) from error
        if code in NOT_NOW:
            raise Unusable(f"the database can't be used now: {error}", retry_after_s=5) from error
        raise
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise Unusable("the database file is damaged", retry_after_s=60) from error
        raise


class Unusable(Unavailable):
    """The file or its disk is at fault; a new connection finds out when that is over."""


class SqliteReader(Reader):
    """Statements on one connection; each is one hop to the connection's thread."""

    def __init__(self, database: Database, connection: aiosqlite.Connection, name: str) -> None:
        self._database = database
        self._connection = connection
        self.name = name

    async def fetch(self, statement: Statement, parameters: Mapping[str, object]) -> Sequence[Row]:
        """Run one statement and return all its rows."""
        text = compiled(statement)
        # Not `_observed`, which costs more than a small read may.
        began = time.perf_counter()
        try:
            rows = await self._connection.execute_fetchall(text.sql, _bound(text, parameters))
        finally:
            if self._database.observer:
                self._database.observer.statement(self.name, text.sql, time.perf_counter() - began)
        return list(rows)

    @contextmanager
    def _observed(self, sql: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            if self._database.observer:
                self._database.observer.statement(self.name, sql, time.perf_counter() - began)


class SqliteTransaction(SqliteReader, Transaction):
    """The one write transaction there can be."""

    def is_lost(self, error: Exception) -> bool:
        """Tell whether an error leaves nothing to go on with: the database's own."""
        return isinstance(error, (Retry, sqlite3.OperationalError))

    def __init__(self, database: Database, connection: aiosqlite.Connection, name: str) -> None:
        super().__init__(database, connection, name)
        self.notes: list[tuple[str, str]] = []

    async def execute(self, statement: Statement, parameters: Mapping[str, object]) -> int:
        """Run one statement and return the number of rows it touched."""
        text = compiled(statement)
        with self._observed(text.sql):
            cursor = await self._connection.execute(text.sql, _bound(text, parameters))
        return cursor.rowcount

    async def insert(self, table: Table, rows: Sequence[Row]) -> set[tuple[str, str]] | None:
        """Insert rows, skipping those that meet a unique key; `None` when all were inserted."""
        names = [column.name for column in table.columns]
        sql = (
            f"insert into {table.name} ({', '.join(names)}) values ({', '.join('?' * len(names))})"
            " on conflict do nothing"
        )
        with self._observed(sql):
            cursor = await self._connection.executemany(sql, rows)
        if cursor.rowcount == len(rows):
            return None
        # executemany can't return rows. Ours are those that carry the revision they were given here.
        i, r, v = names.index("id"), names.index("root_id"), names.index("revision")
        sql = (
            f"select id, root_id from {table.name} where (id, root_id, revision) in (select"
            " json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')"
            " from json_each(?))"
        )
        wanted = msgspec.json.encode([(row[i], row[r], row[v]) for row in rows]).decode()
        with self._observed(sql):
            return {(row[0], row[1]) for row in await self._connection.execute_fetchall(sql, (wanted,))}

    async def update(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Set columns of existing rows, each row given as (id, root_id, *values)."""
        sets = ", ".join(f"{name} = ?{i}" for i, name in enumerate(columns, 3))
        sql = f"update {table.name} set {sets} where id = ?1 and root_id = ?2"
        with self._observed(sql):
            await self._connection.executemany(sql, rows)

    @asynccontextmanager
    async def _savepoint(self) -> AsyncIterator[None]:
        name = f"s{next(savepoints)}"
        await self._connection.execute(f"savepoint {name}")
        try:
            yield
        except BaseException:
            await self._connection.execute(f"rollback to {name}")
            await self._connection.execute(f"release {name}")
            raise
        await self._connection.execute(f"release {name}")

    async def claim(self, lock: str) -> None:
        """Do nothing: no other transaction runs beside this one."""

    async def claim_free(self, locks: Collection[str]) -> set[str]:
        """Return all: no other transaction runs beside this one."""
        return set(locks)

    async def fence(self, shared: Collection[str], exclusive: Collection[str] = ()) -> None:
        """Do nothing: no other transaction runs beside this one."""

    async def notify(self, channel: str, payload: str) -> None:
        """Tell this process's listeners, once this transaction is committed."""
        self.notes.append((channel, payload))
