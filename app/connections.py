"""Connections that stay open: how many there may be, and their end when the server stops."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from db.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


class Connections:
    """The connections of this process that stay open."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ends: set[Callable[[], Awaitable[None]]] = set()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._ends)

    @contextmanager
    def counted(self, end: Callable[[], Awaitable[None]]) -> Iterator[None]:
        """Count a connection until the block ends, or raise `Unavailable`; `end` ends it when the server stops."""
        if len(self._ends) >= self._limit:
            detail = f"this process holds {self._limit:,} connections open, which is the limit"
            raise Unavailable(detail, retry_after_s=5)
        self._ends.add(end)
        try:
            yield
        finally:
            self._ends.discard(end)

    async def close(self) -> None:
        """End all of them."""
        await asyncio.gather(*(end() for end in tuple(self._ends)))
