"""How much a token may ask for in a second, and how long an answer may take."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING

from db.errors import Throttled, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

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


class within:  # noqa: N801 - it reads as a word: `async with within(30):`
    """Refuse with `Unavailable` what takes longer; a write that has begun goes on by itself.

    It is `asyncio.timeout` with nothing to reschedule, at a third of the price.
    """

    __slots__ = ("_cancelling", "_expired", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._expired = False

    async def __aenter__(self) -> None:
        """Start the clock."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._timer = loop.call_later(self._seconds, self._expire)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop the clock."""
        self._timer.cancel()
        # Somebody else may have cancelled the task too: that goes on.
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            detail = f"this took longer than {self._seconds:g} s, which is the limit"
            raise Unavailable(detail)

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()
