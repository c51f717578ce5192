"""Hears what a PostgreSQL server's processes tell each other, on a connection of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from db.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

log = structlog.get_logger(__name__)

RECONNECT_PAUSE_S = 1.0
READY_LIMIT_S = 10.0
# A connection that the network swallowed looks like one on which nobody says anything.
LOOK_EVERY_S = 30.0


class Listener:
    """Listens to channels, and takes a new connection when the old one breaks."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection[Any]]],
        heard: Callable[[str, str | None], None],
    ) -> None:
        self._connect = connect
        self._heard = heard
        self._channels: list[str] = []
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._wake = asyncio.Event()

    def listen(self, channel: str) -> None:
        """Listen to one more channel, soon."""
        if channel in self._channels:
            return
        self._channels.append(channel)
        self._ready.clear()
        self._wake.set()
        if self._task is None:
            self._task = asyncio.ensure_future(self._keep_listening())

    async def ready(self) -> None:
        """Wait until what is said from now on is heard; raises `Unavailable` if that takes long."""
        try:
            async with asyncio.timeout(READY_LIMIT_S):
                await self._ready.wait()
        except TimeoutError as error:
            raise Unavailable("the database can't be listened to") from error

    async def close(self) -> None:
        """Stop listening."""
        # asyncpg swallows a cancellation that comes at the moment when it has connected.
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=0.1)

    async def _keep_listening(self) -> None:
        while True:
            try:
                connection = await self._connect()
                try:
                    await self._listen_on(connection)
                finally:
                    self._ready.clear()
                    connection.terminate()
            except Exception as error:  # noqa: BLE001 - nobody would miss a listener that gave up
                log.warning("listener_disconnected", error=str(error))
            await asyncio.sleep(RECONNECT_PAUSE_S)

    async def _listen_on(self, connection: asyncpg.Connection[Any]) -> None:
        """Hear until the connection is closed; each channel is told `None` once it is heard."""
        connection.add_termination_listener(lambda _connection: self._wake.set())
        listening = 0
        while not connection.is_closed():
            self._wake.clear()
            for channel in self._channels[listening:]:
                await connection.add_listener(channel, lambda _c, _pid, name, said: self._heard(name, said))
                self._heard(channel, None)
                listening += 1
            if listening == len(self._channels):
                self._ready.set()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                await connection.execute("select 1")
