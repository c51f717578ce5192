"""Neighbouring operations as one: what may run as a single statement, and how its outcome is told apart again.

One rule: what a client sees must be what it would see one by one, up to the random bits of server ids. Where that isn't
plain from the operations alone they don't join; where the joined run meets a fault it is undone and run one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic

import msgspec

from db.commands import SINGLE, Command, Create, Delete, OnConflict, OnError, Update
from db.nouns import Noun, RowT
from db.outcomes import Report, Result
from db.shapes import MAX_ITEMS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from db.commands import Target
    from db.database import Reader
    from db.idempotency import Key


class Get(msgspec.Struct, Generic[RowT], frozen=True):
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


class Run:
    """Neighbours that run as one, in order; it grows while one by one couldn't look any different."""

    def __init__(self, first: Task) -> None:
        self.tasks = [first]
        self._items = 0
        self._parents: set[str] = set()
        self._targets: set[object] = set()
        self._open = isinstance(first, Get) or self._adds(first)

    def __len__(self) -> int:
        return len(self.tasks)

    def take(self, task: Task) -> bool:
        """Take the next task in, if it may run together with those before it; a run that was refused one is over."""
        self._open = self._open and joins(self.tasks[0], task) and (isinstance(task, Get) or self._adds(task))
        if self._open:
            self.tasks.append(task)
        return self._open

    def _adds(self, task: Task) -> bool:
        """Note what a command brings, unless that speaks against its running with those before it."""
        if isinstance(task, (Get, Query, Keyed, *SINGLE)) or self._items + len(task.items) > MAX_ITEMS:
            return False
        self._items += len(task.items)
        match task:
            case Create():
                return self._adds_new(task)
            case Update():
                # What is faulty fails, whatever it runs with.
                good = [item.target for item in task.items if not isinstance(item.change, tuple)]
                return self._adds_targets(good, task)
            case Delete():
                return self._adds_targets(task.items, task)

    def _adds_new(self, task: Create[Any]) -> bool:
        items = [item for item in task.items if not isinstance(item, tuple)]
        if len(items) < len(task.items):
            return False  # the same
        if _is_tree(task.noun):
            # An earlier create that names as its parent what this one makes would not find it there yet.
            if not self._parents.isdisjoint(item.id for item in items if item.id is not None):
                return False
            self._parents.update(item.parent_scope_id for item in items if item.parent_scope_id is not None)  # type: ignore[attr-defined]  # of scopes
        return True

    def _adds_targets(self, targets: Sequence[Target], task: Update[Any] | Delete[Any]) -> bool:
        asked = {(target.id, target.pair) for target in targets}
        if len(asked) < len(task.items) or not self._targets.isdisjoint(asked):
            return False
        self._targets |= asked
        return True


def joins(first: Task, task: Task) -> bool:
    """Tell whether two tasks are of a kind that can run as one statement."""
    match first, task:
        case Get(), Get():
            return task.noun is first.noun
        case Create(), Create():
            return _same(first, task) and task.on_conflict is first.on_conflict is OnConflict.ERROR
        case Update(), Update():
            return _same(first, task)
        case Delete(), Delete():
            # A scope may stand in the way of its parent, and go with it only where both are in one command.
            return _same(first, task) and not _is_tree(task.noun)
        case _:
            return False


def _same(first: Command, task: Command) -> bool:
    return task.noun is first.noun and task.on_error is first.on_error is OnError.REJECT_ALL


def _is_tree(noun: Noun[Any]) -> bool:
    return hasattr(noun.row, "parent_scope_id")


def joined(commands: Sequence[Command]) -> Command:
    """Return one command with the items of all, in order."""
    items: Any = [item for command in commands for item in _items(command)]
    match commands[0]:
        case Create() as first:
            return replace(first, items=items, joined=len(commands) > 1)
        case Update() as first:
            return replace(first, items=items)
        case Delete() as first:
            return replace(first, items=items, joined=len(commands) > 1)
        case single:
            return single


def _items(command: Command) -> Sequence[Any]:
    return () if isinstance(command, SINGLE) else command.items


def split(commands: Sequence[Command], results: Sequence[Result[Any]]) -> list[Report[Any]]:
    """Give each command the results of its own items."""
    reports: list[Report[Any]] = []
    start = 0
    for command in commands:
        end = start + (1 if isinstance(command, SINGLE) else len(command.items))
        reports.append(Report(list(results[start:end]), committed=True))
        start = end
    return reports
