"""Sends announcements behind the writes that made them."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

log = structlog.get_logger(__name__)

MAX_WAITING = 1_000
MAX_TOGETHER = 100
FAREWELL_S = 2.0


class Announcer:
    """Sends payloads in their order, those that came meanwhile in one go, and drops what can't be sent.

    No write waits for it: `add` only notes them.
    """

    def __init__(self, send: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._sending: asyncio.Task[None] | None = None

    def add(self, payloads: Sequence[str]) -> None:
        """Send payloads soon; those for which there is no room never."""
        room = MAX_WAITING - len(self._waiting)
        self._waiting.extend(payloads[:room])
        self._dropped += max(len(payloads) - room, 0)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.ensure_future(self._send_all())

    async def close(self) -> None:
        """Give what waits a last chance."""
        if self._sending is not None:
            await asyncio.wait([self._sending], timeout=FAREWELL_S)
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending

    async def _send_all(self) -> None:
        while self._waiting:
            together = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_TOGETHER))]
            try:
                await self._send(together)
            except Exception as error:  # noqa: BLE001 - whatever it is, the commits stand and nobody waits
                log.warning("announcements_dropped", count=len(together), reason=str(error))
        if self._dropped:
            log.warning(
                "announcements_dropped", count=self._dropped, reason="they came faster than they were sent"
            )
            self._dropped = 0
