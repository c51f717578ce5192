"""Point reads of concurrent requests, joined: while one statement runs, what is asked meanwhile waits for the next.

An answer is never older than its question: whoever asks gets what a statement says that began afterwards.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Sequence

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

# How long the others wait for a statement that should take less than a millisecond.
PATIENCE_S = 0.05
MAX_KEYS = 1_000


class Joining:
    """Loads by key. What differs in anything but the key is another group: above all, how far its caller reaches."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, _Group] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def load(self, group: Hashable, key: K, fetch: Callable[[list[K]], Awaitable[Sequence[V]]]) -> V:
        """Return the value of a key, fetched along with those of whoever else asks for one of the group.

        `fetch` answers for several keys, in their order. Where it fails for several askers each asks alone, so that
        an error is seen only by whom it concerns.
        """
        joined = self._groups.get(group)
        if joined is None:
            joined = self._groups[group] = _Group(fetch)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        joined.asked.setdefault(key, []).append(answer)
        if joined.current is None:
            self._begin(group, joined)
        value: V | _Alone = await answer
        if isinstance(value, _Alone):
            return (await fetch([key]))[0]
        return value

    async def close(self) -> None:
        """Let what runs end."""
        while self._running:
            await asyncio.wait(self._running)

    def _begin(self, name: Hashable, group: _Group) -> None:
        # A task of its own: whoever asked first may be cancelled, and the others go on.
        group.current = task = asyncio.get_running_loop().create_task(self._run(name, group))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, name: Hashable, group: _Group) -> None:
        """Answer all who have asked until now."""
        asked = group.take()
        task = asyncio.current_task()
        # One slow statement holds up those that wait for it, and nobody else.
        timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._release, name, group, task)
        try:
            values: Sequence[object] = await group.fetch(list(asked))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            waiting = [answer for answers in asked.values() for answer in answers if not answer.done()]
            for answer in waiting:
                if len(waiting) > 1:
                    answer.set_result(_ALONE)
                else:
                    answer.set_exception(error)
        else:
            for answers, value in zip(asked.values(), values, strict=True):
                for answer in answers:
                    if not answer.done():
                        answer.set_result(value)
        finally:
            timer.cancel()
            self._release(name, group, task)

    def _release(self, name: Hashable, group: _Group, task: object) -> None:
        """Let those go on who wait for a statement."""
        if group.current is not task:
            return
        group.current = None
        if group.asked:
            self._begin(name, group)
        else:
            del self._groups[name]


class _Group:
    """Who asks for what, and the statement they wait for."""

    __slots__ = ("asked", "current", "fetch")

    def __init__(self, fetch: Callable[[list[Any]], Awaitable[Sequence[Any]]]) -> None:
        self.fetch = fetch
        self.asked: dict[Hashable, list[asyncio.Future[Any]]] = {}
        self.current: object = None

    def take(self) -> dict[Hashable, list[asyncio.Future[Any]]]:
        """Take those who are next."""
        if len(self.asked) <= MAX_KEYS:
            asked, self.asked = self.asked, {}
            return asked
        return {key: self.asked.pop(key) for key in list(self.asked)[:MAX_KEYS]}


class _Alone:
    """What is answered to whoever shall ask alone."""


_ALONE = _Alone()
