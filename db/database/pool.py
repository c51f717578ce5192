"""Connections to share: opened at need, lent to one session at a time, the last one given back first."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from db.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Closable(Protocol):
    """What the pool asks of a connection."""

    async def close(self) -> None:
        """Let go of it."""


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """At most `size` connections.

    SQLAlchemy's pool does the same behind a switch of greenlets, at four times the price of a small read.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        is_usable: Callable[[C], bool],
        *,
        size: int,
        wait_limit_s: float,
    ) -> None:
        self._connect = connect
        self._is_usable = is_usable
        self._wait_limit_s = wait_limit_s
        self.size = size
        self.opened = 0
        self._idle: list[C] = []
        # Each is told a connection, or `None`: there is room to open one.
        self._waiting: deque[asyncio.Future[C | None]] = deque()

    @property
    def in_use(self) -> int:
        """How many connections are lent or being opened."""
        return self.opened - len(self._idle)

    @property
    def waiting(self) -> int:
        """How many sessions wait for a connection."""
        return len(self._waiting)

    async def take(self) -> C:
        """Lend a connection; raises `Unavailable` when none comes back in time, and whatever connecting raises."""
        while self._idle:
            connection = self._idle.pop()
            if self._is_usable(connection):
                return connection
            self.opened -= 1
        if self.opened < self.size:
            self.opened += 1
        elif (given := await self._wait()) is not None:
            return given
        try:
            return await self._connect()
        except BaseException:
            self._make_room()
            raise

    def give_back(self, connection: C) -> None:
        """Lend a connection to who waits longest, else keep it."""
        if not self._is_usable(connection):
            self._make_room()
            return
        if (waiter := self._next()) is not None:
            waiter.set_result(connection)
        else:
            self._idle.append(connection)

    async def discard(self, connection: C) -> None:
        """Close a connection that is in no state to be used again."""
        self._make_room()
        with suppress(Exception):
            await connection.close()

    async def close(self) -> None:
        """Close the connections that are not lent."""
        while self._idle:
            await self.discard(self._idle.pop())

    async def _wait(self) -> C | None:
        """Wait in line; the answer `None` is room for a connection, counted already."""
        waiter: asyncio.Future[C | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._wait_limit_s):
                return await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                # It came in the moment of giving up.
                given = waiter.result()
                if given is None:
                    self._make_room()
                else:
                    self.give_back(given)
            else:
                with suppress(ValueError):
                    self._waiting.remove(waiter)
            if isinstance(error, TimeoutError):
                raise Unavailable("all database connections are busy") from error
            raise

    def _make_room(self) -> None:
        if (waiter := self._next()) is not None:
            waiter.set_result(None)
        else:
            self.opened -= 1

    def _next(self) -> asyncio.Future[C | None] | None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None
