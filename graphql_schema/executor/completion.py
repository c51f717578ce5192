"""Completing a column of values by a type: all values of one field at once, whatever objects they are of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import chain
from types import CoroutineType
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    GraphQLAbstractType,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    is_leaf_type,
    is_object_type,
)
from graphql.execution.executor import invalid_return_type_error

from graphql_schema.executor.columns import Sorted, are_usual
from graphql_schema.executor.errors import Fault, failed
from graphql_schema.executor.infos import ResolveInfo
from graphql_schema.executor.leaves import Leaf
from graphql_schema.executor.lists import ListOf
from graphql_schema.executor.marks import depends_on_class
from graphql_schema.executor.places import OfSome
from graphql_schema.executor.runs import all_of, then

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import GraphQLOutputType

    from graphql_schema.executor.columns import Completion
    from graphql_schema.executor.errors import Column
    from graphql_schema.executor.fields import FieldPlan
    from graphql_schema.executor.places import Place
    from graphql_schema.executor.runs import Run


def of(kind: GraphQLOutputType, field: FieldPlan) -> Completion:
    """Return how values of a type are completed."""
    nullable = not isinstance(kind, GraphQLNonNull)
    inner: Any = kind if nullable else cast("GraphQLNonNull[Any]", kind).of_type
    if isinstance(inner, GraphQLList):
        return ListOf(of(inner.of_type, field), field, nullable=nullable)
    if is_leaf_type(inner):
        return Leaf(inner, field, nullable=nullable)
    if is_object_type(inner):
        return ObjectOf(inner, field, nullable=nullable)
    return AbstractOf(inner, field, nullable=nullable)


class _Composite(ABC):
    """What objects and abstract types have in common."""

    def __init__(self, kind: Any, field: FieldPlan, *, nullable: bool) -> None:
        self.kind, self.field, self.nullable = kind, field, nullable
        self._passing: set[tuple[GraphQLObjectType, type]] = set()
        """The classes whose values are known to be of an object type."""

    def complete(self, run: Run, values: list[Any], place: Place) -> Any:
        """Complete objects."""
        if are_usual(set(map(type, values))):
            column = self._of_all(run, values, place)
            if type(column) is CoroutineType or column[1]:
                return then(column, self._settled)
            return column
        sorted_ = Sorted(run, values, self.field, nullable=self.nullable)
        if not sorted_.values:
            return sorted_.entries, sorted_.faulty
        places = OfSome(place, sorted_.indices)
        completed = then(self._of_all(run, sorted_.values, places), self._settled)
        return then(completed, sorted_.joined)

    @abstractmethod
    def _of_all(self, run: Run, objects: list[Any], place: Place) -> Any: ...

    def _settled(self, column: Column) -> Column:
        rows, faulty = column
        if not faulty:
            return column
        nullable = self.nullable
        return [row.settled(nullable=nullable) if type(row) is Fault else row for row in rows], True

    def _of_type(self, run: Run, kind: GraphQLObjectType, objects: list[Any], place: Place) -> Any:
        """Complete objects that are said to be of one type."""
        test = kind.is_type_of
        if not objects:
            return [], False
        if test is None:
            return self._selected(run, kind, objects, place)
        if depends_on_class(test):
            samples = {type(each): each for each in objects}
            if self._passing.issuperset((kind, each) for each in samples):
                return self._selected(run, kind, objects, place)
            if all(_passed(test, each, None) is True for each in samples.values()):
                self._passing.update((kind, each) for each in samples)
                return self._selected(run, kind, objects, place)
        verdicts = [
            _passed(test, each, ResolveInfo(run, self.field, place, index))
            for index, each in enumerate(objects)
        ]
        return then(
            run.settled(verdicts), lambda verdicts: self._tested(run, kind, objects, verdicts, place=place)
        )

    def _tested(
        self, run: Run, kind: GraphQLObjectType, objects: list[Any], verdicts: list[Any], *, place: Place
    ) -> Any:
        errors: dict[int, Exception] = {}
        for index, verdict in enumerate(verdicts):
            if isinstance(verdict, Exception):
                errors[index] = verdict
            elif not verdict:
                errors[index] = invalid_return_type_error(kind, objects[index], self.field.details)
        if not errors:
            return self._selected(run, kind, objects, place)
        column = Sorted(run, objects, self.field, nullable=False)
        column.fail(run, self.field, errors, nullable=False)
        if not column.values:
            return column.entries, column.faulty
        places = OfSome(place, column.indices)
        return then(self._selected(run, kind, column.values, places), column.joined)

    def _selected(self, run: Run, kind: GraphQLObjectType, objects: list[Any], place: Place) -> Any:
        """Complete what is selected of objects."""
        field = self.field
        try:
            level = field.level(run, kind)
        except GraphQLError as error:
            # A condition that is null, whose variable has a default: nothing else may be wrong by now.
            return [run.checked(failed(error, field.nodes, nullable=False)) for _ in objects], True
        return level.execute(run, objects, place)


class ObjectOf(_Composite):
    """An object type."""

    def _of_all(self, run: Run, objects: list[Any], place: Place) -> Any:
        return self._of_type(run, self.kind, objects, place)


class AbstractOf(_Composite):
    """An interface or a union: the objects of each type are a level of their own."""

    kind: GraphQLAbstractType

    def _of_all(self, run: Run, objects: list[Any], place: Place) -> Any:
        resolve = self.kind.resolve_type or run.executor.type_resolver
        names: list[Any] = []
        for index, each in enumerate(objects):
            info: Any = ResolveInfo(run, self.field, place, index)
            try:
                names.append(resolve(each, info, self.kind))
            except Exception as error:  # noqa: BLE001 - the error of its place
                names.append(error)
        return then(run.settled(names), lambda names: self._named(run, objects, names, place))

    def _named(self, run: Run, objects: list[Any], names: list[Any], place: Place) -> Any:
        column = Sorted(run, objects, self.field, nullable=False)
        errors: dict[int, Exception] = {}
        groups: dict[GraphQLObjectType, list[int]] = {}
        for index, (each, name) in enumerate(zip(objects, names, strict=True)):
            try:
                groups.setdefault(self._type(run, each, name, place), []).append(index)
            except Exception as error:  # noqa: BLE001 - the error of its place
                errors[index] = error
        for index, wrong in errors.items():
            column.entries[index] = run.checked(failed(wrong, self.field.nodes, nullable=False))
        column.indices = [index for indices in groups.values() for index in indices]
        column.faulty = bool(errors)
        levels = []
        for kind, indices in groups.items():
            some = [objects[index] for index in indices]
            levels.append(self._of_type(run, kind, some, OfSome(place, indices)))
        return then(all_of(levels), lambda columns: column.joined(_chained(columns)))

    def _type(self, run: Run, value: Any, name: Any, place: Place) -> GraphQLObjectType:
        if isinstance(name, Exception):
            raise name
        info: Any = ResolveInfo(run, self.field, place)
        return run.executor.ensure_valid_runtime_type(name, self.kind, self.field.details, info, value)


def _chained(columns: Sequence[Column]) -> Column:
    return [*chain.from_iterable(values for values, _ in columns)], any(faulty for _, faulty in columns)


def _passed(test: Any, value: Any, info: Any) -> Any:
    try:
        return test(value, info)
    except Exception as error:  # noqa: BLE001 - the error of its place
        return error
