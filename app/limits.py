"""How much a token may ask for in a second, and how long an answer may take."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from db.errors import Throttled, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

REMEMBERED_TOKENS = 10_000

# What the running request has paid and not used: its first operation or item.
_paid: ContextVar[list[int] | None] = ContextVar("paid", default=None)


class RateLimiter:
    """A bucket of tokens per bearer, in this process: a request takes one, and each further item of a batch one more.

    A batch is let in whole when the bucket isn't empty and leaves a debt, else a limit below a batch's size would
    forbid it for ever. The bucket holds what flows in during one second.
    """

    def __init__(self, per_s: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._capacity = max(per_s, 1.0)
        self._now = now
        # By hash of the token: what is left, and when that was so. Least recently used first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, token_hash: str | None) -> None:
        """Let a request in; raises `Throttled`, which says when to come again."""
        if not self._per_s or token_hash is None:
            return
        left = self._refilled(token_hash)
        if left < 1:
            wait_s = math.ceil((1 - left) / self._per_s)
            raise Throttled(
                f"this token may ask for {self._per_s:g} operations or items a second", retry_after_s=wait_s
            )
        self._keep(token_hash, left - 1)
        _paid.set([1])

    def charge(self, token_hash: str | None, count: int) -> None:
        """Take for items and operations that were worked off, the first of which the request has paid."""
        if not self._per_s or token_hash is None:
            return
        paid = _paid.get()
        free = min(paid[0], count) if paid else 0
        if paid:
            paid[0] -= free
        self._keep(token_hash, self._refilled(token_hash) - (count - free))

    def _refilled(self, token_hash: str) -> float:
        known = self._left.get(token_hash)
        if known is None:
            return self._capacity
        left, since = known
        return min(self._capacity, left + (self._now() - since) * self._per_s)

    def _keep(self, token_hash: str, left: float) -> None:
        self._left[token_hash] = (left, self._now())
        self._left.move_to_end(token_hash)
        if len(self._left) > REMEMBERED_TOKENS:
            self._left.popitem(last=False)


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Refuse with `Unavailable` what takes longer; a write that has begun goes on by itself."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise Unavailable(f"this took longer than {seconds:g} s, which is the limit") from error
