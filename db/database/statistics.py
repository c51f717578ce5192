"""Keeps PostgreSQL informed while tables grow: autovacuum looks once a minute, and a load fills a table in less.

Without statistics every column seems to have a few values, so all indexes of a table seem equally good, and a look-up
of a thousand keys may read the whole table for each of them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger(__name__)

FIRST_AT_ROWS = 1_000
GROWTH = 32
ENOUGH_ROWS = 10_000_000
PAUSE_S = 0.05


class Statistics:
    """Counts the rows that this process inserts; a table is looked at each time it has grown several times over."""

    def __init__(self, analyze: Callable[[str], Awaitable[None]]) -> None:
        self._analyze = analyze
        self._inserted: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def inserted(self, table: str, rows: int) -> None:
        """Note rows that a transaction inserts; the look comes when it may have ended."""
        total = self._inserted[table] = self._inserted.get(table, 0) + rows
        due = self._next.setdefault(table, FIRST_AT_ROWS)
        if due <= total <= ENOUGH_ROWS:
            self._next[table] = total * GROWTH
            task = asyncio.get_running_loop().create_task(self._look(table))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Forget what is still to be looked at."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self, table: str) -> None:
        await asyncio.sleep(PAUSE_S)
        try:
            await self._analyze(table)
        except Exception as error:  # noqa: BLE001 - it would only have made things faster
            log.info("analyze_failed", table=table, reason=str(error))
