"""What a database offers to the data layer, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import CompoundSelect, Delete, Insert, Select, Update, literal_column, select

from db.announcements import encode, merged
from db.database.statements import Either
from db.errors import Unavailable
from db.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy import Dialect, Table

    from db.announcements import Announcement
    from db.database.facts import Facts
    from db.database.joining import Joining

Statement: TypeAlias = Select[Any] | CompoundSelect[Any] | Insert | Update | Delete | Either
Row: TypeAlias = Sequence[Any]
T = TypeVar("T")

log = structlog.get_logger(__name__)

ATTEMPTS = 4  # one, and three retries
FIRST_PAUSE_S = 0.02
_ANYTHING: Select[Any] = select(literal_column("1"))


class Observer(Protocol):
    """Hears of every transaction and statement: metrics, slow-statement warnings, the tests' counters."""

    def transaction(self, name: str, seconds: float, *, failed: bool) -> None:
        """Note that the transaction `name` took `seconds`."""

    def statement(self, transaction: str, sql: str, seconds: float) -> None:
        """Note that one driver call of a transaction took `seconds`."""


class Meter(Protocol):
    """Hears what became of the items of every command, once its transaction has ended."""

    def items(self, token_hash: str | None, noun: str, outcomes: Mapping[str, int]) -> None:
        """Note how many items of a caller's command met which outcome."""

    def reads(self, token_hash: str | None, count: int) -> None:
        """Note how many reads stood in a caller's batch of operations."""


@dataclass(frozen=True)
class Load:
    """How busy a database's connections are in this process."""

    connections: int
    """Open ones, idle or not."""
    in_use: int
    waiting: int
    """Sessions that wait for a connection."""
    writers_waiting: int = 0
    """Writers that wait for their turn, where there can be only one."""


class Retry(Exception):
    """Ask for the transaction once more: another writer was in the way, and the next look will see it."""

    def __init__(self, reason: str, *, given_up: str = "too many writers were in each other's way") -> None:
        super().__init__(reason)
        self.given_up = given_up
        """What to tell when no attempt is left."""


class Compiled:
    """A statement's text for one database and the names of its parameters, in order."""

    __slots__ = ("constants", "names", "sql")

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())
        self.constants: dict[str, object] = {k: v for k, v in compiled.params.items() if v is not None}


class Compiler:
    """Compiles each statement object once; statements are module constants or cached builders' answers."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: WeakKeyDictionary[Statement, Compiled] = WeakKeyDictionary()

    def __call__(self, statement: Statement) -> Compiled:
        known = self._known.get(statement)
        if known is None:
            spelled = getattr(statement, self._dialect.name) if isinstance(statement, Either) else statement
            known = self._known[statement] = Compiled(spelled, self._dialect)
        return known


class Reader(ABC):
    """Reads, each statement seeing what was committed before it began."""

    @abstractmethod
    async def fetch(self, statement: Statement, parameters: Mapping[str, object]) -> Sequence[Row]:
        """Run one statement and return all its rows."""


class Transaction(Reader):
    """One write transaction: all of it is stored, or nothing."""

    name: str
    executed: list[tuple[str | None, str, list[Outcome]]]
    """Of each command executed so far: the hash of its caller's token, its noun, the outcomes of its items."""
    announced: list[Announcement]
    """What is told to all processes once this transaction is committed; unlike `notify` it is no part of it."""

    @abstractmethod
    def is_lost(self, error: Exception) -> bool:
        """Tell whether an error that came up inside leaves nothing to go on with: the transaction must be ended."""

    @abstractmethod
    async def execute(self, statement: Statement, parameters: Mapping[str, object]) -> int:
        """Run one statement and return the number of rows it touched."""

    @abstractmethod
    async def insert(self, table: Table, rows: Sequence[Row]) -> set[tuple[str, str]] | None:
        """Insert rows, each in the order of the table's columns, skipping those that meet a unique key.

        Returns `None` when all were inserted, else the (id, root_id) of those that were.
        """

    @abstractmethod
    async def update(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Set columns of existing rows, each row given as (id, root_id, *values of the columns)."""

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what happens inside if it raises, and only that."""
        before = len(self.announced)
        try:
            async with self._savepoint():
                yield
        except BaseException:
            del self.announced[before:]
            raise

    @abstractmethod
    def _savepoint(self) -> AbstractAsyncContextManager[None]: ...

    @abstractmethod
    async def claim(self, lock: str) -> None:
        """Let no other transaction hold the lock of this name until the end; `Conflict` at once if one does."""

    @abstractmethod
    async def claim_free(self, locks: Collection[str]) -> set[str]:
        """Claim those of some locks by name that no other transaction holds, and return them."""

    @abstractmethod
    async def fence(self, shared: Collection[str], exclusive: Collection[str] = ()) -> None:
        """Wait for, and hold until the end, locks by name: a shared one keeps off only who wants it exclusively.

        All of a call are taken in one order, so that two calls never wait for each other.
        """

    @abstractmethod
    async def notify(self, channel: str, payload: str) -> None:
        """Tell the listeners of a channel in every process, once this transaction is committed."""


class Database(ABC):
    """A catalogue's database: named reads and writes, retried, observed, their errors translated."""

    join_creates: bool = True
    """Whether single creates of concurrent requests share transactions."""
    observer: Observer | None = None
    meter: Meter | None = None
    joining: Joining | None = None
    """Lets point reads of concurrent requests share statements, unless that is switched off."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._listeners: dict[str, list[Callable[[str | None], None]]] = {}

    @abstractmethod
    def read(self, name: str, *, brief: bool = False) -> AbstractAsyncContextManager[Reader]:
        """Open a short reading session; a brief one looks up a few keys, so it may share a connection."""

    async def write(
        self,
        name: str,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        lock: str | None = None,
        hasty: bool = False,
    ) -> T:
        """Run `work` in one transaction, again if another transaction was in its way, and return its answer.

        Never nested. Once begun it ends by itself even if the caller is cancelled. With `lock` no other
        transaction of that name may run anywhere: `db.errors.Conflict` at once, not a wait. A hasty one waits for
        no row that another holds, and isn't repeated: `Retry` then.
        """
        attempts = self._attempt(name, work, lock, hasty) if hasty else self._attempts(name, work, lock)
        task = asyncio.ensure_future(attempts)
        self._running.add(task)
        task.add_done_callback(self._settled)
        return await asyncio.shield(task)

    def listen(self, channel: str, heard: Callable[[str | None], None]) -> None:
        """Call `heard` with each payload of a channel; with `None` when payloads may have been missed."""
        self._listeners.setdefault(channel, []).append(heard)

    @abstractmethod
    async def listens(self) -> None:
        """Wait until what is told from now on, in any process, is heard; raises `Unavailable`."""

    async def close(self) -> None:
        """Let running writes end, then let go of the connections."""
        while self._running:
            await asyncio.wait(self._running)
        if self.joining is not None:
            await self.joining.close()
        await self._close()

    async def ping(self) -> None:
        """Fail with `Unavailable` unless the database answers."""
        async with self.read("ping") as reader:
            await reader.fetch(_ANYTHING, {})

    @abstractmethod
    async def facts(self) -> Facts:
        """Ask the database about itself."""

    @abstractmethod
    def load(self) -> Load:
        """Tell how busy the connections are."""

    @abstractmethod
    async def _close(self) -> None: ...

    @abstractmethod
    def _announce(self, payloads: list[str]) -> None:
        """Tell the listeners of announcements in every process, later and at most once; never fails."""

    @abstractmethod
    async def _once(
        self, name: str, work: Callable[[Transaction], Awaitable[T]], lock: str | None, hasty: bool
    ) -> T:
        """Run one attempt; `Retry` when it should be repeated, nothing of it being stored."""

    async def _attempt(
        self, name: str, work: Callable[[Transaction], Awaitable[T]], lock: str | None, hasty: bool
    ) -> T:
        began, failed = time.perf_counter(), True
        executed: list[tuple[str | None, str, list[Outcome]]] = []
        announced: list[Announcement] = []

        async def noted(tx: Transaction) -> T:
            tx.executed, tx.announced = executed, announced
            return await work(tx)

        try:
            answer = await self._once(name, noted, lock, hasty)
            failed = False
            if announced:
                self._announce([encode(each) for each in merged(announced)])
            return answer
        except Retry:
            executed.clear()
            raise
        finally:
            if self.observer:
                self.observer.transaction(name, time.perf_counter() - began, failed=failed)
            self._count(executed, committed=not failed)

    async def _attempts(self, name: str, work: Callable[[Transaction], Awaitable[T]], lock: str | None) -> T:
        given_up = ""
        for attempt in range(ATTEMPTS):
            try:
                return await self._attempt(name, work, lock, hasty=False)
            except Retry as reason:
                given_up = reason.given_up
                log.info("transaction_retried", transaction=name, attempt=attempt, reason=str(reason))
            await asyncio.sleep(FIRST_PAUSE_S * 2**attempt * (0.5 + random.random()))  # noqa: S311 - jitter
        raise Unavailable(given_up)

    def _count(self, executed: list[tuple[str | None, str, list[Outcome]]], *, committed: bool) -> None:
        if self.meter is None:
            return
        for token_hash, noun, outcomes in executed:
            counts: Counter[str] = Counter(outcomes)
            if not committed:
                failed = counts[Outcome.FAILED]
                counts = Counter({Outcome.FAILED: failed, Outcome.ROLLED_BACK: len(outcomes) - failed})
            self.meter.items(token_hash, noun, +counts)

    def _settled(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # A caller that went away never asks for the outcome; asyncio would complain.
            task.exception()

    def _heard(self, channel: str, payload: str | None) -> None:
        for heard in self._listeners.get(channel, ()):
            with suppress(Exception):
                heard(payload)


def columns_of(rows: Sequence[Row]) -> Iterator[tuple[Any, ...]]:
    """Turn rows into columns."""
    return zip(*rows, strict=True)
