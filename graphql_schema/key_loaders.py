"""Loading by key: whatever is asked for in one turn of the event loop becomes one call."""

from __future__ import annotations

from asyncio import get_running_loop
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from asyncio import Future, Task
    from collections.abc import Awaitable, Callable, Hashable, Sequence

KeyT = TypeVar("KeyT", bound="Hashable")
ValueT = TypeVar("ValueT")


class _Batch(Generic[KeyT]):
    """Keys that are loaded together."""

    def __init__(self) -> None:
        self.keys: dict[KeyT, None] = {}
        self.task: Task[None] | None = None
        self.arrived: list[Callable[[], None]] = []
        self.futures: list[Future[Any]] = []

    def wait(self, future: Future[Any], arrived: Callable[[], None]) -> None:
        """Call a function when all is loaded; if all who wait are cancelled, so is the loading."""
        self.arrived.append(arrived)
        self.futures.append(future)
        future.add_done_callback(self._left)

    def _left(self, future: Future[Any]) -> None:
        if future.cancelled() and self.task is not None and all(each.cancelled() for each in self.futures):
            self.task.cancel()

    def cancel(self) -> None:
        """Cancel the loading, and whoever waits for it."""
        if self.task is not None:
            self.task.cancel()
        for future in self.futures:
            future.cancel()


class KeyLoader(Generic[KeyT, ValueT]):
    """Values by key, each loaded once: one future for each call, however many keys that has."""

    def __init__(self, load: Callable[[list[KeyT]], Awaitable[Sequence[ValueT | BaseException]]]) -> None:
        self._load = load
        self._known: dict[KeyT, ValueT | BaseException] = {}
        self._pending: dict[KeyT, _Batch[KeyT]] = {}
        self._next: _Batch[KeyT] | None = None

    def load(self, key: KeyT) -> Future[ValueT]:
        """Return a future of a key's value; it raises if the value is an exception."""
        future: Future[ValueT] = get_running_loop().create_future()

        def arrived() -> None:
            value = self._known[key]
            if future.done():
                return
            if isinstance(value, BaseException):
                future.set_exception(value)
            else:
                future.set_result(value)

        if key in self._known:
            arrived()
        else:
            self._wait([key], future, arrived)
        return future

    def load_many(
        self, keys: Sequence[KeyT]
    ) -> list[ValueT | BaseException] | Future[list[ValueT | BaseException]]:
        """Return the values of keys in their order, exceptions among them; or a future of them."""
        known = self._known
        missing = [key for key in keys if key not in known]
        if not missing:
            return [known[key] for key in keys]
        future: Future[list[ValueT | BaseException]] = get_running_loop().create_future()

        def arrived() -> None:
            if not future.done():
                future.set_result([known[key] for key in keys])

        self._wait(missing, future, arrived)
        return future

    def abandon(self) -> None:
        """Cancel what is being loaded; whoever still waits for it is cancelled, too."""
        for batch in {id(batch): batch for batch in self._pending.values()}.values():
            batch.cancel()

    def _wait(self, missing: list[KeyT], future: Future[Any], arrived: Callable[[], None]) -> None:
        """Call a function once all of some keys are known."""
        pending = self._pending
        new = [key for key in missing if key not in pending]
        if new:
            batch = self._open()
            batch.keys.update(dict.fromkeys(new))
            pending.update(dict.fromkeys(new, batch))
        batches = {id(pending[key]): pending[key] for key in missing}
        left = len(batches)

        def one_arrived() -> None:
            nonlocal left
            left -= 1
            if not left:
                arrived()

        for batch in batches.values():
            batch.wait(future, one_arrived)

    def _open(self) -> _Batch[KeyT]:
        """Return the batch that takes keys in this turn of the event loop."""
        if self._next is None:
            batch = self._next = _Batch()
            loop = get_running_loop()

            def start() -> None:
                batch.task = loop.create_task(self._run(batch))

            loop.call_soon(start)
        return self._next

    async def _run(self, batch: _Batch[KeyT]) -> None:
        self._next = None
        keys = [*batch.keys]
        if all(future.cancelled() for future in batch.futures):
            self._close(batch)
            return
        try:
            values: Sequence[ValueT | BaseException] = await self._load(keys)
            if len(values) != len(keys):
                raise ValueError(f"a loader answered {len(values)} values for {len(keys)} keys")
        except Exception as error:  # noqa: BLE001 - told to each who waits
            values = [error] * len(keys)
        except BaseException:
            self._close(batch)
            batch.cancel()
            raise
        self._known.update(zip(keys, values, strict=True))
        self._close(batch)
        for arrived in batch.arrived:
            arrived()

    def _close(self, batch: _Batch[KeyT]) -> None:
        for key in batch.keys:
            self._pending.pop(key, None)
