"""One execution of a plan: what its steps share, and how they wait."""

from __future__ import annotations

from asyncio import CancelledError, gather, isfuture
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from graphql.pyutils import gather_with_cancel
from graphql.pyutils import is_awaitable as default_is_awaitable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from graphql.execution.values import VariableValues

    from graphql_schema.executor.errors import Fault
    from graphql_schema.executor.executor import BreadthFirstExecutor
    from graphql_schema.executor.plans import Operation

# Of which no value can be awaited, nor stands for null or an error.
PLAIN = frozenset({str, int, float, bool, list, tuple, dict, set})


class Run:
    """One execution of one operation."""

    __slots__ = (
        "_executor",
        "_kinds",
        "_make",
        "_pace",
        "context",
        "fatal",
        "hide_suggestions",
        "is_awaitable",
        "operation",
        "root",
        "variables",
    )

    def __init__(
        self,
        kind: type[BreadthFirstExecutor],
        operation: Operation,
        variables: VariableValues,
        context: Any,
        root: Any,
        *,
        make: Callable[[Run], BreadthFirstExecutor],
        is_awaitable: Callable[[Any], bool] | None = None,
        hide_suggestions: bool = False,
    ) -> None:
        self.operation, self.variables, self.context, self.root = operation, variables, context, root
        self.is_awaitable = is_awaitable or default_is_awaitable
        self.hide_suggestions = hide_suggestions
        self.fatal, self._pace = kind.fatal, kind.pace
        self._make = make
        self._executor: BreadthFirstExecutor | None = None
        self._kinds: dict[type, bool] = {}

    @property
    def executor(self) -> BreadthFirstExecutor:
        """What graphql-core executes with; made when something is left to it."""
        if self._executor is None:
            self._executor = self._make(self)
        return self._executor

    @property
    def strawberry_schema(self) -> Any:
        """The schema as Strawberry knows it, `None` if graphql-core alone does."""
        return getattr(self.operation.schema, "_strawberry_schema", None)

    def pace(self, objects: int) -> None:
        """Go on with some objects, if the operation may."""
        self._pace(self.context, objects)

    def checked(self, fault: Fault) -> Fault:
        """Return a fault; raise its error if that ends the operation."""
        located = fault.bubble or fault.errors[-1]
        if self.fatal and isinstance(located.error, self.fatal):
            raise located.error
        return fault

    def settled(self, values: list[Any]) -> Any:
        """Return the values, or a coroutine of them if some must be awaited: each becomes its result or its error."""
        kinds = self._kinds
        found = False
        for kind in set(map(type, values)) if len(values) != 1 else (type(values[0]),):
            if kind in PLAIN:
                continue
            if (waits := kinds.get(kind)) is None:
                sample = next(value for value in values if type(value) is kind)
                waits = kinds[kind] = self.is_awaitable(sample)
            found = found or waits
        if not found:
            return values
        return _awaited(values, [i for i, value in enumerate(values) if kinds.get(type(value))])


async def _awaited(values: list[Any], indices: list[int]) -> list[Any]:
    """Replace what can be awaited by what comes of it; all of it runs at once."""
    values = [*values]
    if len(indices) == 1:
        index = indices[0]
        try:
            values[index] = await values[index]
        except Exception as error:  # noqa: BLE001 - the error of its place
            values[index] = error
        return values
    if all(isfuture(values[index]) for index in indices):
        # They run already, and those of one loader are done at once: most of these waits are none.
        await _each(values, indices)
        return values
    results = await gather(*(values[index] for index in indices), return_exceptions=True)
    for index, result in zip(indices, results, strict=True):
        if isinstance(result, CancelledError):
            raise result
        values[index] = result
    return values


async def _each(values: list[Any], indices: list[int]) -> None:
    for position, index in enumerate(indices):
        try:
            values[index] = await values[index]
        except Exception as error:  # noqa: BLE001 - the error of its place
            values[index] = error
        except CancelledError:
            for left in indices[position + 1 :]:
                values[left].cancel()
            raise


def then(value: Any, proceed: Callable[[Any], Any]) -> Any:
    """Go on with a value, or return a coroutine that does once the value is there."""
    return _after(value, proceed) if type(value) is CoroutineType else proceed(value)


async def _after(waiting: Coroutine[Any, Any, Any], proceed: Callable[[Any], Any]) -> Any:
    result = proceed(await waiting)
    return await result if type(result) is CoroutineType else result


def all_of(values: Sequence[Any]) -> Any:
    """Return values, or a coroutine of them that runs all that are coroutines at once."""
    waiting = [index for index, value in enumerate(values) if type(value) is CoroutineType]
    return _together(list(values), waiting) if waiting else list(values)


async def _together(values: list[Any], waiting: list[int]) -> list[Any]:
    if len(waiting) == 1:
        values[waiting[0]] = await values[waiting[0]]
        return values
    results = await gather_with_cancel(*(values[index] for index in waiting))
    for index, result in zip(waiting, results, strict=True):
        values[index] = result
    return values


def begun(values: Sequence[Any]) -> list[Any]:
    """Return those of some values that are still to come."""
    return [value for value in values if type(value) is CoroutineType]
