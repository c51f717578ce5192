"""SQLite: one writer behind a lock, reads on a pool, write-ahead log, every commit on the disk."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, TypeVar

import aiosqlite
import msgspec
from sqlalchemy.dialects import sqlite

from db.announcements import CHANNEL
from db.database import facts
from db.database.interface import Compiled, Compiler, Database, Load, Reader, Retry, Transaction
from db.database.pool import Pool
from db.errors import Code, Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from sqlalchemy import Table

    from db.database.facts import Facts
    from db.database.interface import Row, Statement

T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0
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

PRAGMAS = """
pragma journal_mode = wal;
pragma synchronous = full;
pragma foreign_keys = on;
pragma temp_store = memory;
pragma mmap_size = 268435456;
pragma cache_size = -65536;
"""


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

    def __init__(self, database: SqliteDatabase, connection: aiosqlite.Connection, name: str) -> None:
        self._database = database
        self._connection = connection
        self.name = name

    async def fetch(self, statement: Statement, parameters: Mapping[str, object]) -> Sequence[Row]:
        """Run one statement and return all its rows."""
        text = compiled(statement)
        with self._observed(text.sql):
            rows = await self._connection.execute_fetchall(text.sql, _bound(text, parameters))
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

    def __init__(self, database: SqliteDatabase, connection: aiosqlite.Connection, name: str) -> None:
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

    async def notify(self, channel: str, payload: str) -> None:
        """Tell this process's listeners, once this transaction is committed."""
        self.notes.append((channel, payload))


class SqliteDatabase(Database):
    """A catalogue in one file."""

    def __init__(self, path: Path, *, pool_size: int, time_limit_s: float) -> None:
        super().__init__()
        self.path = path
        self._time_limit_s = time_limit_s
        self._writing = asyncio.Lock()
        self._writer: aiosqlite.Connection | None = None
        self._locks: set[str] = set()
        self._waiting = 0
        self._opening = asyncio.Lock()
        self._brief_reader: aiosqlite.Connection | None = None
        self._readers: Pool[aiosqlite.Connection] = Pool(
            self._connect_reader, lambda _connection: True, size=pool_size, wait_limit_s=time_limit_s
        )

    async def _connect(self) -> aiosqlite.Connection:
        connection = aiosqlite.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, detect_types=sqlite3.PARSE_DECLTYPES
        )
        # A reader that is abandoned must not keep the process alive.
        connection._thread.daemon = True  # noqa: SLF001 - aiosqlite has no word for it
        await connection
        try:
            await connection.executescript(PRAGMAS)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _connect_reader(self) -> aiosqlite.Connection:
        connection = await self._connect()
        await connection.execute("pragma query_only = on")
        return connection

    def read(self, name: str, *, brief: bool = False) -> AbstractAsyncContextManager[Reader]:
        """Open a short reading session, on a pooled connection or, if brief, on the one that those share."""
        return self._read_briefly(name) if brief else self._read(name)

    @asynccontextmanager
    async def _read_briefly(self, name: str) -> AsyncIterator[Reader]:
        """Join the line of one thread: handing each look-up to a thread of its own costs several times as much."""
        with translated_reads():
            connection = self._brief_reader or await self._open_brief_reader()
            try:
                yield SqliteReader(self, connection, name)
            except sqlite3.DatabaseError:
                if self._brief_reader is connection:
                    self._brief_reader = None
                    await connection.close()
                raise

    async def _open_brief_reader(self) -> aiosqlite.Connection:
        async with self._opening:
            if self._brief_reader is None:
                self._brief_reader = await self._connect_reader()
            return self._brief_reader

    @asynccontextmanager
    async def _read(self, name: str) -> AsyncIterator[Reader]:
        with translated_reads():
            connection = await self._readers.take()
            broken = False
            try:
                async with asyncio.timeout(self._time_limit_s):
                    yield SqliteReader(self, connection, name)
            except (TimeoutError, asyncio.CancelledError):
                # The thread still runs the statement; without this the next user of the connection waits for it.
                await connection.interrupt()
                raise
            except sqlite3.DatabaseError:
                broken = True
                raise
            finally:
                if broken:
                    await self._readers.discard(connection)
                else:
                    self._readers.give_back(connection)

    async def _once(self, name: str, work: Callable[[Transaction], Awaitable[T]], lock: str | None) -> T:
        if lock is None:
            return await self._transact(name, work)
        if lock in self._locks:
            raise Conflict(Code.IN_PROGRESS, "a request with this key is still running")
        self._locks.add(lock)
        try:
            return await self._transact(name, work)
        finally:
            self._locks.discard(lock)

    async def _transact(self, name: str, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async with self._turn():
            try:
                with translated():
                    if self._writer is None:
                        self._writer = await self._connect()
                    tx = SqliteTransaction(self, self._writer, name)
                    await self._writer.execute("begin immediate")
                    try:
                        answer = await work(tx)
                        await self._writer.execute("commit")
                    except BaseException:
                        await self._roll_back()
                        raise
            except Unusable:
                await self._drop_writer()
                raise
        for channel, payload in tx.notes:
            self._heard(channel, payload)
        return answer

    async def listens(self) -> None:
        """Return at once: there is one process, which tells itself."""

    def _announce(self, payloads: list[str]) -> None:
        for payload in payloads:
            self._heard(CHANNEL, payload)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Be the one writer; whoever waits longer than the time limit is refused, nothing being begun."""
        self._waiting += 1
        try:
            async with asyncio.timeout(self._time_limit_s):
                await self._writing.acquire()
        except TimeoutError as error:
            raise Unavailable("too many writers wait for their turn") from error
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._writing.release()

    async def _roll_back(self) -> None:
        if self._writer is None:
            return
        try:
            if self._writer.in_transaction:
                await self._writer.execute("rollback")
        except sqlite3.Error:
            # Whatever state it is in, closing the connection undoes what wasn't committed.
            await self._drop_writer()

    async def _drop_writer(self) -> None:
        """Close the writer; the next transaction opens the file anew, as it is then."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(sqlite3.Error, ValueError):
                await writer.close()

    async def _close(self) -> None:
        await self._drop_writer()
        if self._brief_reader is not None:
            await self._brief_reader.close()
        await self._readers.close()

    async def facts(self) -> Facts:
        """Ask the file about itself."""
        with translated_reads():
            connection = await self._connect()
            try:
                return await facts.of_sqlite(connection, self.path)
            finally:
                await connection.close()

    def load(self) -> Load:
        """Tell how busy the connections are, the writer among them."""
        writing = self._writing.locked()
        return Load(
            self._readers.opened + (self._writer is not None) + (self._brief_reader is not None),
            self._readers.in_use + writing,
            self._readers.waiting,
            self._waiting,
        )


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
