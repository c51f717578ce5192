"""Point reads of concurrent requests, joined: while one statement runs, what is asked meanwhile waits for the next.

An answer is never older than its question: whoever asks gets what a statement says that began afterwards.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

Asked: TypeAlias = "tuple[Sequence[Any], asyncio.Future[Any]]"
"""The keys that somebody asks for, and where the values are awaited."""
Fetch: TypeAlias = "Callable[[list[Any]], Awaitable[Sequence[Any]]]"

# How long the others wait for a statement that should take less than a millisecond.
PATIENCE_S = 0.05
MAX_KEYS = 1_000


class Joining:
    """Loads by key. What differs in anything but the key is another group: above all, how far its caller reaches."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, _Group] = {}
        self._running: set[asyncio.Task[None]] = set()

    def ask(
        self, group: Hashable, keys: Sequence[K], fetch: Callable[[list[K]], Awaitable[Sequence[V]]]
    ) -> asyncio.Future[list[V]]:
        """Return a future of the values of keys, fetched along with those of whoever else asks for some of the group.

        `fetch` answers for several keys, in their order. Where it fails for several askers each asks alone, so that
        an error is seen only by whom it concerns.
        """
        joined = self._groups.get(group)
        if joined is None:
            joined = self._groups[group] = _Group(fetch)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        joined.asked.append((keys, answer))
        if joined.current is None:
            self._begin(group, joined)
        return answer

    async def close(self) -> None:
        """Let what runs end."""
        while self._running:
            await asyncio.wait(self._running)

    def _begin(self, name: Hashable, group: _Group) -> None:
        # Tasks of their own: whoever asked first may be cancelled, and the others go on.
        group.current = self._go_on(self._run(name, group))

    def _go_on(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _run(self, name: Hashable, group: _Group) -> None:
        """Answer all who have asked until now."""
        asked = group.take()
        task = asyncio.current_task()
        # One slow statement holds up those that wait for it, and nobody else.
        timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._release, name, group, task)
        try:
            await _answer(asked, group.fetch)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            waiting = [each for each in asked if not each[1].done()]
            if len(waiting) == 1:
                waiting[0][1].set_exception(error)
            else:
                for each in waiting:
                    self._go_on(_answer_alone(each, group.fetch))
        except BaseException:
            _leave(asked)
            raise
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


async def _answer(asked: Sequence[Asked], fetch: Fetch) -> None:
    """Give each who asked the values of the keys asked for."""
    keys = [*dict.fromkeys(chain.from_iterable(wanted for wanted, _ in asked))]
    found = dict(zip(keys, await fetch(keys), strict=True))
    for wanted, answer in asked:
        if not answer.done():
            answer.set_result([found[key] for key in wanted])


async def _answer_alone(asked: Asked, fetch: Fetch) -> None:
    try:
        await _answer([asked], fetch)
    except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
        if not asked[1].done():
            asked[1].set_exception(error)
    except BaseException:
        _leave([asked])
        raise


def _leave(asked: Sequence[Asked]) -> None:
    """Cancel those who would wait for ever, since what they wait for was cancelled itself."""
    for _, answer in asked:
        answer.cancel()


class _Group:
    """Who asks for what, and the statement they wait for."""

    __slots__ = ("asked", "current", "fetch")

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self.asked: deque[Asked] = deque()
        self.current: object = None

    def take(self) -> list[Asked]:
        """Take those who are next."""
        taken: list[Asked] = []
        room = MAX_KEYS
        while self.asked and (not taken or len(self.asked[0][0]) <= room):
            taken.append(self.asked.popleft())
            room -= len(taken[-1][0])
        return taken
