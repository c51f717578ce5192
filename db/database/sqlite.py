"""SQLite: one writer behind a lock, reads on a pool, write-ahead log, every commit on the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import aiosqlite

from db.announcements import CHANNEL
from db.database import facts
from db.database.interface import Database, Load
from db.database.pool import Pool
from db.database.sqlite_sessions import (
    SqliteReader,
    SqliteTransaction,
    Unusable,
    translated,
    translated_reads,
)
from db.errors import Code, Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from db.database.facts import Facts
    from db.database.interface import Reader, Transaction

T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0
PRAGMAS = """
pragma journal_mode = wal;
pragma synchronous = full;
pragma foreign_keys = on;
pragma temp_store = memory;
pragma mmap_size = 268435456;
pragma cache_size = -65536;
"""


class SqliteDatabase(Database):
    """A catalogue in one file."""

    def __init__(self, path: Path, *, pool_size: int, time_limit_s: float) -> None:
        super().__init__()
        self.path = path
        self.time_limit_s = time_limit_s
        self._writing = asyncio.Lock()
        self._writer: aiosqlite.Connection | None = None
        self._locks: set[str] = set()
        self._waiting = 0
        self._opening = asyncio.Lock()
        self._connecting = asyncio.Lock()
        self._brief_reader: aiosqlite.Connection | None = None
        self._readers: Pool[aiosqlite.Connection] = Pool(
            self._connect_reader, lambda _connection: True, size=pool_size, wait_limit_s=time_limit_s
        )

    async def _connect(self) -> aiosqlite.Connection:
        # One at a time: the first one makes a new file's log, and SQLite refuses whoever opens it meanwhile.
        async with self._connecting:
            return await self._open()

    async def _open(self) -> aiosqlite.Connection:
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
        return _BriefSession(self, name) if brief else self._read(name)

    async def brief_reader(self) -> aiosqlite.Connection:
        """Return the connection that brief sessions share."""
        if self._brief_reader is not None:
            return self._brief_reader
        with translated_reads():
            async with self._opening:
                if self._brief_reader is None:
                    self._brief_reader = await self._connect_reader()
                return self._brief_reader

    async def drop_brief_reader(self, broken: aiosqlite.Connection) -> None:
        """Close the connection that brief sessions share, unless that was done; the next session opens another."""
        if self._brief_reader is broken:
            self._brief_reader = None
            await broken.close()

    @asynccontextmanager
    async def _read(self, name: str) -> AsyncIterator[Reader]:
        with translated_reads():
            connection = await self._readers.take()
            broken = False
            try:
                async with asyncio.timeout(self.time_limit_s):
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

    async def _once(
        self, name: str, work: Callable[[Transaction], Awaitable[T]], lock: str | None, hasty: bool
    ) -> T:
        del hasty  # there are no rows that another holds
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
            async with asyncio.timeout(self.time_limit_s):
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


class _BriefSession:
    """A session in the line of one thread: handing each look-up to a thread of its own costs several times as much.

    A class, since context managers made of generators cost as much as the look-up itself.
    """

    __slots__ = ("_connection", "_database", "_name", "_timer")

    def __init__(self, database: SqliteDatabase, name: str) -> None:
        self._database = database
        self._name = name

    async def __aenter__(self) -> Reader:
        """Join the line."""
        self._connection = await self._database.brief_reader()
        # `asyncio.timeout` costs as much as a small read. Whoever is interrupted with it took as long.
        self._timer = asyncio.get_running_loop().call_later(
            self._database.time_limit_s,
            self._connection._conn.interrupt,  # noqa: SLF001 - its own is a coroutine
        )
        return SqliteReader(self._database, self._connection, self._name)

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Tell what went wrong in our words."""
        self._timer.cancel()
        if isinstance(error, sqlite3.DatabaseError):
            await self._database.drop_brief_reader(self._connection)
            with translated_reads():
                raise error
