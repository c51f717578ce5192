"""PostgreSQL: a pool of asyncpg connections, READ COMMITTED, lists as parameters, LISTEN and NOTIFY."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import structlog
from sqlalchemy.dialects.postgresql.base import PGDialect

from db.announcements import CHANNEL
from db.database import facts
from db.database.announcer import Announcer
from db.database.interface import (
    Compiled,
    Compiler,
    Database,
    Load,
    Reader,
    Retry,
    Transaction,
    columns_of,
)
from db.database.listener import Listener
from db.database.pool import Pool
from db.database.row_statements import inserted, insertion, updating
from db.database.statements import PART, packed
from db.database.statistics import Statistics
from db.errors import Code, Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence

    from sqlalchemy import Table

    from db.database.facts import Facts
    from db.database.interface import Row, Statement

T = TypeVar("T")

log = structlog.get_logger(__name__)

LOCK_TIMEOUT_S = 10
CONNECT_LIMIT_S = 10
# A server that doesn't answer at all can't keep its own time limit.
SILENCE_S = LOCK_TIMEOUT_S + 5
compiled = Compiler(PGDialect(paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call]  # untyped

_BEGIN = "begin isolation level read committed"
_BEGIN_HASTY = f"{_BEGIN}; set local lock_timeout = 20"
_FENCE = (
    "select case when exclusive then pg_advisory_xact_lock(key) else pg_advisory_xact_lock_shared(key) end"
    " from unnest($1::bigint[], $2::bool[]) as k(key, exclusive)"
)
_CLAIM = (
    "select name from unnest($1::text[], $2::bigint[]) as k(name, key) where pg_try_advisory_xact_lock(key)"
)
_NOTIFY = "select pg_notify($1, payload) from unnest($2::text[]) as payload"

WORTH_REPEATING = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.UniqueViolationError,  # somebody came between a look-up and an update; the next look-up sees it
)
NOT_NOW = (
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,  # out of disk, memory, connections
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,  # input and output on the server's side
    asyncpg.InvalidAuthorizationSpecificationError,  # the operator is changing the password
    asyncpg.InvalidCatalogNameError,  # or restoring the database
)
DISCONNECTED = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # the server is stopped or starting
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


def _bound(statement: Compiled, parameters: Mapping[str, Any]) -> list[object]:
    values = {**statement.constants, **parameters}
    columns: dict[str, list[tuple[Any, ...]]] = {}
    bound: list[object] = []
    for name in statement.names:
        whole, found, position = name.rpartition(PART)
        if not found:
            value = values[name]
            bound.append(packed(value) if isinstance(value, (list, tuple)) else value)
            continue
        if whole not in columns:
            columns[whole] = list(columns_of(values[whole]))
        bound.append(packed(columns[whole][int(position)] if columns[whole] else ()))
    return bound


def _number(lock: str) -> int:
    return int.from_bytes(hashlib.blake2b(lock.encode(), digest_size=8).digest(), signed=True)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except WORTH_REPEATING as error:
        raise Retry(str(error)) from error
    except NOT_NOW as error:
        raise Unavailable(f"the database refused: {error}", retry_after_s=5) from error
    except DISCONNECTED as error:
        if isinstance(error, ValueError):
            raise  # asyncpg's word for a value that doesn't fit its column: a bug
        raise Disconnected(str(error) or type(error).__name__) from error


class Disconnected(Unavailable):
    """The connection is gone; whether to repeat depends on what had been sent."""


class PostgresqlReader(Reader):
    """Statements on one connection."""

    def __init__(self, database: PostgresqlDatabase, connection: asyncpg.Connection[Any], name: str) -> None:
        self._database = database
        self._connection = connection
        self.name = name

    async def fetch(self, statement: Statement, parameters: Mapping[str, object]) -> Sequence[Row]:
        """Run one statement and return all its rows."""
        text = compiled(statement)
        return await self._fetch(text.sql, *_bound(text, parameters))

    async def _fetch(self, sql: str, *values: object) -> list[Any]:
        began = time.perf_counter()
        try:
            rows: list[Any] = await self._connection.fetch(sql, *values)
        finally:
            if self._database.observer:
                self._database.observer.statement(self.name, sql, time.perf_counter() - began)
        return rows


class PostgresqlTransaction(PostgresqlReader, Transaction):
    """One write transaction at READ COMMITTED."""

    def __init__(self, database: PostgresqlDatabase, connection: asyncpg.Connection[Any], name: str) -> None:
        super().__init__(database, connection, name)
        self.notes: list[tuple[str, str]] = []

    def is_lost(self, error: Exception) -> bool:
        """Tell whether an error leaves nothing to go on with: the database's own, save what a statement broke."""
        return isinstance(error, (Retry, *WORTH_REPEATING, *NOT_NOW, *DISCONNECTED))

    async def execute(self, statement: Statement, parameters: Mapping[str, object]) -> int:
        """Run one statement and return the number of rows it touched."""
        text = compiled(statement)
        began = time.perf_counter()
        status = await self._connection.execute(text.sql, *_bound(text, parameters))
        if self._database.observer:
            self._database.observer.statement(self.name, text.sql, time.perf_counter() - began)
        return int(status.rpartition(" ")[2])

    async def insert(self, table: Table, rows: Sequence[Row]) -> set[tuple[str, str]] | None:
        """Insert rows, skipping those that meet a unique key; `None` when all were inserted."""
        if not rows:
            return None
        self._database.statistics.inserted(table.name, len(rows))
        sql, values = insertion(table, rows)
        return inserted(await self._fetch(sql, *values), len(rows))

    async def update(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Set columns of existing rows, each row given as (id, root_id, *values)."""
        if rows:
            sql, values = updating(table, columns, rows)
            await self._fetch(sql, *values)

    @asynccontextmanager
    async def _savepoint(self) -> AsyncIterator[None]:
        # By hand: asyncpg's own transactions refuse to nest in one that was begun by hand.
        await self._connection.execute("savepoint s")
        try:
            yield
        except BaseException:
            await self._connection.execute("rollback to savepoint s; release savepoint s")
            raise
        await self._connection.execute("release savepoint s")

    async def claim(self, lock: str) -> None:
        """Let no other transaction hold the lock of this name until the end; `Conflict` at once if one does."""
        if not await self._connection.fetchval("select pg_try_advisory_xact_lock($1)", _number(lock)):
            raise Conflict(Code.IN_PROGRESS, "a request with this key is still running")

    async def claim_free(self, locks: Collection[str]) -> set[str]:
        """Claim those of some locks by name that no other transaction holds, and return them."""
        names = list(locks)
        return {name for (name,) in await self._fetch(_CLAIM, names, list(map(_number, names)))}

    async def fence(self, shared: Collection[str], exclusive: Collection[str] = ()) -> None:
        """Hold locks by name until the end, taken in the order of their numbers."""
        held = dict.fromkeys(map(_number, shared), False) | dict.fromkeys(map(_number, exclusive), True)
        if held:
            await self._fetch(_FENCE, *columns_of(sorted(held.items())))

    async def notify(self, channel: str, payload: str) -> None:
        """Tell the listeners of a channel in every process, once this transaction is committed."""
        await self._fetch("select pg_notify($1, $2)", channel, payload)
        self.notes.append((channel, payload))


class PostgresqlDatabase(Database):
    """A catalogue on a PostgreSQL server, shared by any number of processes."""

    def __init__(self, url: str, *, pool_size: int, time_limit_s: float) -> None:
        super().__init__()
        self._url = url
        self._time_limit_s = time_limit_s
        self._listener = Listener(self._connect, self._heard)
        self._announcer = Announcer(self._notify)
        self.statistics = Statistics(self._analyze)
        self._pool: Pool[asyncpg.Connection[Any]] = Pool(
            self._connect, _is_usable, size=pool_size, wait_limit_s=time_limit_s
        )

    async def _connect(self) -> asyncpg.Connection[Any]:
        return await asyncpg.connect(
            self._url,
            timeout=CONNECT_LIMIT_S,
            command_timeout=self._time_limit_s + SILENCE_S,
            statement_cache_size=512,
            server_settings={
                "application_name": "sheaf",
                "statement_timeout": f"{int(self._time_limit_s * 1000)}",
                "lock_timeout": f"{LOCK_TIMEOUT_S * 1000}",
                "idle_in_transaction_session_timeout": "60000",
                "jit": "off",
                # A plan made for a few keys is kept for a thousand otherwise, and reads a table for each of them.
                "plan_cache_mode": "force_custom_plan",
            },
        )

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        with translated():
            connection = await self._pool.take()
        try:
            with translated():
                yield connection
        except (Disconnected, asyncio.CancelledError):
            # An answer may still be in the pipe.
            connection.terminate()
            raise
        finally:
            self._pool.give_back(connection)

    @asynccontextmanager
    async def read(self, name: str, *, brief: bool = False) -> AsyncIterator[Reader]:
        """Open a short reading session on a pooled connection, brief or not: one serves one session at a time."""
        del brief
        async with self._connection() as connection:
            yield PostgresqlReader(self, connection, name)

    async def _once(
        self, name: str, work: Callable[[Transaction], Awaitable[T]], lock: str | None, hasty: bool
    ) -> T:
        committing = False
        try:
            async with self._connection() as connection:
                await connection.execute(_BEGIN_HASTY if hasty else _BEGIN)
                try:
                    tx = PostgresqlTransaction(self, connection, name)
                    if lock is not None:
                        await tx.claim(lock)
                    answer = await work(tx)
                    committing = True
                    await connection.execute("commit")
                except BaseException:
                    with suppress(Exception):
                        await connection.execute("rollback")
                    raise
                # This process needn't wait for its own messages to come back.
                for channel, payload in tx.notes:
                    self._heard(channel, payload)
                return answer
        except Disconnected as error:
            if committing:
                raise Unavailable(
                    "the connection broke during the commit: it may have been stored"
                ) from error
            raise Retry(str(error), given_up="the database can't be reached") from error

    def _announce(self, payloads: list[str]) -> None:
        self._announcer.add(payloads)

    async def _analyze(self, table: str) -> None:
        async with self._connection() as connection:
            await connection.execute(f"analyze {table}")

    async def _notify(self, payloads: Sequence[str]) -> None:
        # In a transaction of its own: whoever notifies commits one after the other, through one lock of the server.
        async with self._connection() as connection:
            await connection.execute(_NOTIFY, CHANNEL, payloads)

    def listen(self, channel: str, heard: Callable[[str | None], None]) -> None:
        """Call `heard` with each payload of a channel; with `None` when payloads may have been missed."""
        super().listen(channel, heard)
        self._listener.listen(channel)

    async def listens(self) -> None:
        """Wait until what is told from now on, in any process, is heard."""
        await self._listener.ready()

    async def _close(self) -> None:
        await self.statistics.close()
        await self._announcer.close()
        await self._listener.close()
        await self._pool.close()

    async def facts(self) -> Facts:
        """Ask the server about itself."""
        async with self._connection() as connection:
            return await facts.of_postgresql(connection)

    def load(self) -> Load:
        """Tell how busy the connections are."""
        return Load(self._pool.opened, self._pool.in_use, self._pool.waiting)


def _is_usable(connection: asyncpg.Connection[Any]) -> bool:
    """Tell whether a connection given back can serve somebody else."""
    if connection.is_closed():
        return False
    if connection.is_in_transaction():
        # Neither committed nor rolled back: the server does the latter once it is gone.
        connection.terminate()
        return False
    return True
