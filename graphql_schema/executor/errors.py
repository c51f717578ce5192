"""Faults of single values, and how they travel up until something may be null.

A column has plain values and, where something went wrong, a `Fault`. A fault's paths are relative to the place it
stands for and grow as it travels up, so that what is right never needs a path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from graphql.error import located_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import FieldNode, GraphQLError

Column = tuple[list[Any], bool]
"""Completed values, and whether any of them is a `Fault`."""

Steps = tuple[str | int, Any] | None
"""A path: its first step and the path behind that."""


class Located(NamedTuple):
    """An error and where it was met."""

    error: Exception
    nodes: list[FieldNode]
    path: Steps = None

    def under(self, key: str | int) -> Located:
        """Return the error as it is seen one step further up."""
        return Located(self.error, self.nodes, (key, self.path))

    def told(self) -> GraphQLError:
        """Return the error as the result has it."""
        path: list[str | int] = []
        steps = self.path
        while steps is not None:
            path.append(steps[0])
            steps = steps[1]
        return located_error(self.error, self.nodes, path)


class Fault:
    """A value with errors in it, or none because of one."""

    __slots__ = ("bubble", "errors", "value")

    def __init__(
        self, value: object, errors: tuple[Located, ...] = (), bubble: Located | None = None
    ) -> None:
        self.value = value
        self.errors = errors
        """What went wrong below, and was answered by null."""
        self.bubble = bubble
        """What went wrong here or below, and is to be answered by null further up."""

    def settled(self, *, nullable: bool) -> Fault:
        """Return the fault of a place that may, or may not, be null."""
        if self.bubble is None or not nullable:
            return self
        return Fault(None, (*self.errors, self.bubble))


def failed(error: Exception, nodes: list[FieldNode], *, nullable: bool) -> Fault:
    """Return the fault of a place where an error was met."""
    located = Located(error, nodes)
    return Fault(None, (located,)) if nullable else Fault(None, (), located)


def row_of(keys: Sequence[str], entries: Sequence[Any]) -> Any:
    """Put an object together, in which at least one entry may be a fault.

    As if its fields had run one after the other: behind one that can't be null and is, nothing counts.
    """
    row: dict[str, Any] = {}
    errors: list[Located] = []
    for key, entry in zip(keys, entries, strict=True):
        if type(entry) is not Fault:
            row[key] = entry
            continue
        errors.extend(error.under(key) for error in entry.errors)
        if entry.bubble is not None:
            return Fault(None, tuple(errors), entry.bubble.under(key))
        row[key] = entry.value
    return Fault(row, tuple(errors)) if errors else row


def list_of(entries: Sequence[Any], *, nullable: bool) -> Any:
    """Put a list together, of which any entry may be a fault; `nullable` says whether the list may be null."""
    values: list[Any] = []
    errors: list[Located] = []
    for index, entry in enumerate(entries):
        if type(entry) is not Fault:
            values.append(entry)
            continue
        errors.extend(error.under(index) for error in entry.errors)
        if entry.bubble is not None:
            return Fault(None, tuple(errors), entry.bubble.under(index)).settled(nullable=nullable)
        values.append(entry.value)
    return Fault(values, tuple(errors)) if errors else values
