"""Neighbouring operations as one: what may run as a single statement, and how its outcome is told apart again.

One rule: what a client sees must be what it would see one by one, up to the random bits of server ids. Where that isn't
plain from the operations alone they don't join; where the joined run meets a fault it is undone and run one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic

from db.commands import Command, Create, Delete, OnConflict, OnError, Update
from db.nouns import Noun, RowT
from db.outcomes import Report, Result
from db.shapes import MAX_ITEMS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from db.database import Reader
    from db.idempotency import Key


@dataclass(frozen=True)
class Get(Generic[RowT]):
    """Read one object by its id."""

    noun: Noun[RowT]
    id: str


@dataclass(frozen=True)
class Query:
    """Read something else; never joined."""

    name: str
    run: Callable[[Reader], Awaitable[Any]]


@dataclass(frozen=True)
class Keyed:
    """A command with an idempotency key of its own; never joined."""

    command: Command
    key: Key


Task = Command | Keyed | Get[Any] | Query


def joins(earlier: Sequence[Task], task: Task) -> bool:
    """Tell whether a task may run together with those before it."""
    first = earlier[0]
    match task, first:
        case Get(), Get():
            return task.noun is first.noun
        case Create(), Create():
            plain = task.on_conflict is first.on_conflict is OnConflict.ERROR
            return plain and _same(task, first) and _small(earlier, task) and not _names_later(earlier, task)
        case Update(), Update():
            return _same(task, first) and _small(earlier, task) and _distinct(earlier, task)
        case Delete(), Delete():
            # A scope may stand in the way of its parent, and go with it only where both are in one command.
            tree = hasattr(task.noun.row, "parent_scope_id")
            return not tree and _same(task, first) and _small(earlier, task) and _distinct(earlier, task)
        case _:
            return False


def _same(task: Command, first: Command) -> bool:
    return task.noun is first.noun and task.on_error is first.on_error is OnError.REJECT_ALL


def _small(earlier: Sequence[Task], task: Command) -> bool:
    items = sum(len(each.items) for each in earlier if not isinstance(each, (Get, Query, Keyed)))
    return items + len(task.items) <= MAX_ITEMS


def _names_later(earlier: Sequence[Task], task: Create[Any]) -> bool:
    """Tell whether an earlier create names as its parent what this one makes: one by one it would not be there yet."""
    made = {item.id for item in task.items if not isinstance(item, tuple) and item.id is not None}
    return any(
        getattr(item, "parent_scope_id", None) in made
        for each in earlier
        if isinstance(each, Create)
        for item in each.items
        if made
    )


def _distinct(earlier: Sequence[Task], task: Update[Any] | Delete[Any]) -> bool:
    ids = [each for command in (*earlier, task) for each in _targets(command)]
    return len(ids) == len(set(ids))


def _targets(task: Task) -> list[str]:
    match task:
        case Update():
            return [item.target.id for item in task.items]
        case Delete():
            return [item.id for item in task.items]
        case _:
            return []


def joined(commands: Sequence[Command]) -> Command:
    """Return one command with the items of all, in order."""
    items: Any = [item for command in commands for item in command.items]
    match commands[0]:
        case Create() as first:
            return replace(first, items=items)
        case Update() as first:
            return replace(first, items=items)
        case Delete() as first:
            return replace(first, items=items)


def split(commands: Sequence[Command], results: Sequence[Result[Any]]) -> list[Report[Any]]:
    """Give each command the results of its own items."""
    reports: list[Report[Any]] = []
    start = 0
    for command in commands:
        end = start + len(command.items)
        reports.append(Report(list(results[start:end]), committed=True))
        start = end
    return reports
