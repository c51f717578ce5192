"""A level: objects of one type of which the same fields are selected. Each field is resolved once for all of them."""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any

from graphql_schema.executor import generated
from graphql_schema.executor.errors import Fault, row_of
from graphql_schema.executor.runs import all_of, begun, then

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql_schema.executor.errors import Column
    from graphql_schema.executor.fields import FieldPlan
    from graphql_schema.executor.places import Place
    from graphql_schema.executor.runs import Run

# Compiling code takes as long as completing some hundred leaves, so it must be worth it.
OBJECTS_BEFORE_CODE = 64
EXECUTIONS_BEFORE_CODE = 3


class LevelPlan:
    """The fields that are selected of objects of one type, in the order of the document."""

    def __init__(self, fields: Sequence[FieldPlan]) -> None:
        self.fields = fields
        self.keys = [field.key for field in fields]
        self._inline = [generated.is_inline(field) for field in fields]
        self._outer = [index for index, inline in enumerate(self._inline) if not inline]
        self._build: generated.Build | None = None
        self._objects = self._executions = 0

    def execute(self, run: Run, objects: list[Any], place: Place) -> Any:
        """Return what is selected of each object, as a column or a coroutine of it."""
        run.pace(len(objects))
        if self._build is None and not self._worth_code(len(objects)):
            return self._plain(run, objects, place, {})
        columns = self._columns(run, self._outer, objects, place)
        return then(columns, lambda columns: self._built(run, objects, place, columns))

    async def in_turn(self, run: Run, objects: list[Any], place: Place) -> Column:
        """Execute the fields one after the other, each with all that is below it; as mutations are."""
        columns: list[list[Any]] = []
        for field in self.fields:
            column = field.column(run, objects, place)
            completed, _ = await column if type(column) is CoroutineType else column
            columns.append(completed)
            if any(type(entry) is Fault and entry.bubble is not None for entry in completed):
                # It can't be null and is: what comes behind it isn't executed.
                break
        keys = self.keys[: len(columns)]
        return [row_of(keys, row) for row in zip(*columns, strict=True)], True

    def _columns(self, run: Run, indices: Sequence[int], objects: list[Any], place: Place) -> Any:
        """Return the columns of some fields, all of which are begun before any is waited for."""
        columns: list[Any] = []
        try:
            for index in indices:
                columns.append(self.fields[index].column(run, objects, place))  # noqa: PERF401 - closed below
        except BaseException:
            run.executor.settle_in_background(begun(columns))
            raise
        return all_of(columns)

    def _built(self, run: Run, objects: list[Any], place: Place, columns: list[Column]) -> Any:
        """Put objects together by code that was made for them; without it if anything is unusual."""
        assert self._build is not None
        if not any(faulty for _, faulty in columns):
            try:
                if not columns:
                    return _each_once(self._build, objects), False
                return self._build(objects, *[values for values, _ in columns]), False
            except Exception:  # noqa: BLE001, S110 - found again, field by field
                pass
        return self._plain(run, objects, place, dict(zip(self._outer, columns, strict=True)))

    def _plain(self, run: Run, objects: list[Any], place: Place, known: dict[int, Column]) -> Any:
        """Put objects together column by column."""
        missing = [index for index in range(len(self.fields)) if index not in known]
        columns = self._columns(run, missing, objects, place)

        def put_together(columns: list[Column]) -> Column:
            found = {**known, **dict(zip(missing, columns, strict=True))}
            ordered = [found[index] for index in range(len(self.fields))]
            rows = zip(*[values for values, _ in ordered], strict=True)
            keys = self.keys
            if not ordered:
                return [{} for _ in objects], False
            if any(faulty for _, faulty in ordered):
                return [row_of(keys, row) for row in rows], True
            return [dict(zip(keys, row, strict=True)) for row in rows], False

        return then(columns, put_together)

    def _worth_code(self, count: int) -> bool:
        self._objects += count
        self._executions += 1
        if self._objects < OBJECTS_BEFORE_CODE and self._executions < EXECUTIONS_BEFORE_CODE:
            return False
        self._build = generated.build(self.fields, self._inline)
        return True


def _each_once(build: generated.Build, objects: list[Any]) -> list[dict[str, Any]]:
    """Build rows of nothing but attributes: one for each object, however many places it has."""
    places = [*map(id, objects)]
    if len(set(places)) * 2 > len(objects):
        return build(objects)
    distinct = dict(zip(places, objects, strict=True))
    rows = dict(zip(distinct, build([*distinct.values()]), strict=True))
    return [rows[place] for place in places]
