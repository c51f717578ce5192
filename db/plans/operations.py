"""A plan as a value: operations, how their results are kept, and what becomes of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from db.coalescing import Task
    from db.errors import Code
    from db.idempotency import Answer, Key

MAX_OPERATIONS = 100

R = TypeVar("R")

MAX_OPERATIONS = 100


@dataclass(frozen=True)
class Operation(Generic[R]):
    """One operation of a door: how it becomes a task, and how the task's outcome becomes the door's result."""

    begin: Callable[[Mapping[str, R]], Task | R]
    """Translate, given the results of earlier operations by id; a result at once is a fault of the operation itself."""
    finish: Callable[[Any], R]
    """Render a task's outcome: a command's `Report`, a read's row or answer."""
    fail: Callable[[Exception], R]
    """Render what a task raised."""
    id: str | None = None
    depends_on: frozenset[str] = frozenset()
    """It isn't run if one of these failed."""
    refers_to: frozenset[str] = frozenset()
    """Earlier operations whose results it takes values from."""


@dataclass(frozen=True)
class Done(Generic[R]):
    """An operation that was run, or whose recorded result was found."""

    result: R
    failed: bool
    replayed: bool = False


@dataclass(frozen=True)
class Undone:
    """An operation of which nothing is stored: `rolled_back`, `not_attempted` or `failed_dependency`."""

    code: Code


Fate = Done[R] | Undone


@dataclass(frozen=True)
class Record(Generic[R]):
    """How results are kept under idempotency keys, and found again."""

    dump: Callable[[R], Answer]
    load: Callable[[Answer], R]
    key: Callable[[int], Key] | None = None
    """The key of the operation at an index, where the plan as a whole has one."""


@dataclass(frozen=True)
class Plan(Generic[R]):
    """Operations to run in order."""

    operations: Sequence[Operation[R]]
    failed: Callable[[R], bool]
    stop_on_error: bool = False
    atomic: bool = False
    dry_run: bool = False
    record: Record[R] | None = None
