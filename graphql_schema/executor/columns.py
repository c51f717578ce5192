"""Columns in which some values are null or errors, before anything else is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from graphql import Undefined

from graphql_schema.executor.errors import failed
from graphql_schema.executor.runs import PLAIN

if TYPE_CHECKING:
    from graphql_schema.executor.errors import Column
    from graphql_schema.executor.fields import FieldPlan
    from graphql_schema.executor.places import Place
    from graphql_schema.executor.runs import Run

_NEITHER = (type(None), type(Undefined))


class Completion(Protocol):
    """How a column of values becomes that of the result."""

    nullable: bool

    def complete(self, run: Run, values: list[Any], place: Place) -> Any:
        """Return the completed column, or a coroutine of it."""


class Sorted:
    """A column in which nulls and errors were told from what is left to complete."""

    __slots__ = ("entries", "faulty", "indices", "values")

    def __init__(self, run: Run, values: list[Any], field: FieldPlan, *, nullable: bool) -> None:
        self.entries: list[Any] = []
        self.faulty = False
        self.values: list[Any] = []
        self.indices: list[int] = []
        for index, value in enumerate(values):
            error: Exception | None = None
            if value is None or value is Undefined:
                error = None if nullable else field.null_error()
            elif isinstance(value, Exception):
                error = value
            else:
                self.values.append(value)
                self.indices.append(index)
            entry = None
            if error is not None:
                entry = run.checked(failed(error, field.nodes, nullable=nullable))
                self.faulty = True
            self.entries.append(entry)

    def fail(self, run: Run, field: FieldPlan, errors: dict[int, Exception], *, nullable: bool) -> None:
        """Take out some of the values that are left, by their indices among them."""
        for index, error in errors.items():
            self.entries[self.indices[index]] = run.checked(failed(error, field.nodes, nullable=nullable))
        self.faulty = self.faulty or bool(errors)
        kept = [index for index in range(len(self.values)) if index not in errors]
        self.values = [self.values[index] for index in kept]
        self.indices = [self.indices[index] for index in kept]

    def joined(self, column: Column) -> Column:
        """Put what was completed in its place."""
        completed, faulty = column
        for index, value in zip(self.indices, completed, strict=True):
            self.entries[index] = value
        return self.entries, faulty or self.faulty


def are_usual(kinds: set[type]) -> bool:
    """Tell whether values of these classes are neither null nor errors."""
    return all(kind in PLAIN or (kind not in _NEITHER and not issubclass(kind, Exception)) for kind in kinds)
