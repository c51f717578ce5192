"""Completing lists: the items of all lists of a column are one column."""

from __future__ import annotations

from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

from graphql.error import GraphQLError
from graphql.pyutils import is_iterable

from graphql_schema.executor.columns import Sorted
from graphql_schema.executor.errors import list_of
from graphql_schema.executor.places import OfItems, OfSome
from graphql_schema.executor.runs import all_of, then

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql_schema.executor.columns import Completion
    from graphql_schema.executor.errors import Column
    from graphql_schema.executor.fields import FieldPlan
    from graphql_schema.executor.places import Place
    from graphql_schema.executor.runs import Run

LISTS = frozenset({list, tuple})


class ListOf:
    """A list: its items, and those of all other lists of the column, are one column."""

    def __init__(self, item: Completion, field: FieldPlan, *, nullable: bool) -> None:
        self.item, self.field, self.nullable = item, field, nullable

    def complete(self, run: Run, values: list[Any], place: Place) -> Any:
        """Complete lists."""
        if set(map(type, values)) <= LISTS:
            return self._lists(run, values, place)
        column = Sorted(run, values, self.field, nullable=self.nullable)
        lists = all_of([_listed(run, value) for value in column.values])
        return then(lists, lambda lists: self._sorted(run, column, lists, place))

    def _sorted(self, run: Run, column: Sorted, lists: list[Any], place: Place) -> Any:
        errors: dict[int, Exception] = {}
        for index, each in enumerate(lists):
            if each is None:
                found = f"'{self.field.parent_type}.{self.field.name}'"
                errors[index] = GraphQLError(f"Expected Iterable, but did not find one for field {found}.")
            elif isinstance(each, Exception):
                errors[index] = each
        column.fail(run, self.field, errors, nullable=self.nullable)
        good = [each for index, each in enumerate(lists) if index not in errors]
        return then(self._lists(run, good, OfSome(place, column.indices)), column.joined)

    def _lists(self, run: Run, lists: Sequence[Any], place: Place) -> Any:
        if not any(lists):
            return [[] for _ in lists], False
        below = OfItems(place, lists)
        items = run.settled([*chain.from_iterable(lists)])
        if not items:
            return [[] for _ in lists], False
        completed = then(items, lambda items: self.item.complete(run, items, below))
        return then(completed, lambda column: self._regrouped(lists, column))

    def _regrouped(self, lists: Sequence[Any], column: Column) -> Column:
        items, faulty = column
        ends = [*accumulate(map(len, lists))]
        grouped = [items[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)] if ends else []
        if faulty:
            return [list_of(each, nullable=self.nullable) for each in grouped], True
        return grouped, False


def _listed(run: Run, value: Any) -> Any:
    """Return the items of a value, the error of telling them, `None` if it has none; or a coroutine of that."""
    if type(value) in LISTS:
        return value
    if run.executor.is_async_iterable(value):
        return _drained(value)
    if not is_iterable(value):
        return None
    try:
        return [*value]
    except Exception as error:  # noqa: BLE001 - the error of the list
        return error


async def _drained(value: Any) -> Any:
    try:
        return [item async for item in value]
    except Exception as error:  # noqa: BLE001 - the error of the list
        return error
