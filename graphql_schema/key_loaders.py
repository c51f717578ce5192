"""Loading by key, each key once; what is asked for in one turn of the event loop becomes one call."""

from __future__ import annotations

from asyncio import get_running_loop
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from asyncio import Future, Task
    from collections.abc import Awaitable, Callable, Hashable, Sequence

KeyT = TypeVar("KeyT", bound="Hashable")
ValueT = TypeVar("ValueT")

Ask: TypeAlias = "Callable[[Sequence[KeyT]], Future[Any]]"
"""Returns a future, the caller's own, of a value or an exception for each key, in their order."""


class KeyLoader(Generic[KeyT, ValueT]):
    """Values by key, each asked for once however often it is wanted."""

    def __init__(self, ask: Ask[KeyT]) -> None:
        self._ask = ask
        self._known: dict[KeyT, ValueT | BaseException] = {}
        self._asked: dict[KeyT, Future[Any]] = {}
        self._abandoned = False

    @classmethod
    def by_turns(
        cls, load: Callable[[list[KeyT]], Awaitable[Sequence[ValueT | BaseException]]]
    ) -> KeyLoader[KeyT, ValueT]:
        """Return a loader that calls a function with all keys of a turn of the event loop."""
        return cls(Turns(load).ask)

    def load(self, key: KeyT) -> Future[ValueT]:
        """Return a future of a key's value; it raises if the value is an exception."""
        future: Future[ValueT] = get_running_loop().create_future()
        values = self.load_many([key])
        if isinstance(values, list):
            _settle(future, values[0])
            return future

        def arrived(values: Future[list[ValueT | BaseException]]) -> None:
            if values.cancelled():
                future.cancel()
            else:
                _settle(future, values.exception() or values.result()[0])

        values.add_done_callback(arrived)
        future.add_done_callback(lambda future: values.cancel() if future.cancelled() else None)
        return future

    def load_many(
        self, keys: Sequence[KeyT]
    ) -> list[ValueT | BaseException] | Future[list[ValueT | BaseException]]:
        """Return the values of keys in their order, exceptions among them; or a future of them."""
        known = self._known
        missing = [key for key in keys if key not in known] if known else keys
        if not missing:
            return [known[key] for key in keys]
        asked = self._asked
        if len(missing) == len(keys) and (not asked or asked.keys().isdisjoint(keys)):
            return self._begin(keys)
        future: Future[list[ValueT | BaseException]] = get_running_loop().create_future()
        self._complete(future, keys)
        return future

    def abandon(self) -> None:
        """Cancel what is being loaded; whoever still waits for it is cancelled, too."""
        self._abandoned = True
        for future in {id(future): future for future in self._asked.values()}.values():
            future.cancel()

    def _begin(self, keys: Sequence[KeyT]) -> Future[Any]:
        """Ask for keys for which nobody has asked yet."""
        future = self._ask(keys)
        self._asked.update(dict.fromkeys(keys, future))
        # The first to be called, so that whoever waits for the future finds the values.
        future.add_done_callback(partial(self._arrived, keys))
        return future

    def _arrived(self, keys: Sequence[KeyT], future: Future[Any]) -> None:
        for key in keys:
            self._asked.pop(key, None)
        if future.cancelled():
            return
        error = future.exception()
        self._known.update(dict.fromkeys(keys, error) if error else zip(keys, future.result(), strict=True))

    def _complete(self, future: Future[Any], keys: Sequence[KeyT]) -> None:
        """Give a future the values of keys once all are known, those asked for by others among them."""
        if future.done():
            return
        known, asked = self._known, self._asked
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        if not missing:
            future.set_result([known[key] for key in keys])
            return
        if self._abandoned:
            future.cancel()
            return
        if new := [key for key in missing if key not in asked]:
            self._begin(new)
        # One after the other: what somebody else has asked for, and cancelled, is asked for again.
        waits = asked[missing[0]]
        waits.add_done_callback(lambda _: self._complete(future, keys))


class Turns(Generic[KeyT, ValueT]):
    """Calls a function once for all the keys that are asked for in one turn of the event loop."""

    def __init__(self, load: Callable[[list[KeyT]], Awaitable[Sequence[ValueT | BaseException]]]) -> None:
        self._load = load
        self._next: _Turn[KeyT] | None = None

    def ask(self, keys: Sequence[KeyT]) -> Future[Sequence[ValueT | BaseException]]:
        """Return a future of the keys' values; when all of a turn are cancelled, so is the call."""
        loop = get_running_loop()
        turn = self._next
        if turn is None:
            turn = self._next = _Turn()
            loop.call_soon(self._start, turn)
        answer: Future[Any] = loop.create_future()
        turn.asked.append((keys, answer))
        answer.add_done_callback(turn.left)
        return answer

    def _start(self, turn: _Turn[KeyT]) -> None:
        turn.task = get_running_loop().create_task(self._run(turn))

    async def _run(self, turn: _Turn[KeyT]) -> None:
        self._next, turn.begun = None, True
        if turn.is_left():
            return
        keys = [*dict.fromkeys(chain.from_iterable(keys for keys, _ in turn.asked))]
        try:
            values = await self._load(keys)
            if len(values) != len(keys):
                raise ValueError(f"a loader answered {len(values)} values for {len(keys)} keys")
        except Exception as error:  # noqa: BLE001 - told to each who waits
            values = [error] * len(keys)
        except BaseException:
            for _, answer in turn.asked:
                answer.cancel()
            raise
        found = dict(zip(keys, values, strict=True))
        for wanted, answer in turn.asked:
            if not answer.done():
                answer.set_result([found[key] for key in wanted])


class _Turn(Generic[KeyT]):
    """What is asked for in one turn."""

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[KeyT], Future[Any]]] = []
        self.task: Task[None] | None = None
        # A task that is cancelled before its first step never takes it, and the turn would go on taking keys.
        self.begun = False

    def is_left(self) -> bool:
        """Tell whether nobody waits any more."""
        return all(answer.cancelled() for _, answer in self.asked)

    def left(self, answer: Future[Any]) -> None:
        """Take note that somebody has an answer, or wants none."""
        if answer.cancelled() and self.begun and self.task is not None and self.is_left():
            self.task.cancel()


def _settle(future: Future[Any], value: object) -> None:
    if future.done():
        return
    if isinstance(value, BaseException):
        future.set_exception(value)
    else:
        future.set_result(value)
