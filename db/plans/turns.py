"""Whose turn it is: which operations come next, together or alone, and what became of those before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from db.coalescing import Get, Keyed, Query, Run
from db.commands import SINGLE, Create, Delete, Update
from db.errors import Code
from db.plans.operations import Done, R, Undone

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from db.coalescing import Task
    from db.plans.operations import Fate, Operation, Plan

TASKS = (Create, Update, Delete, *SINGLE, Keyed, Get, Query)


class Turns(Generic[R]):
    """The operations of one plan, in order."""

    def __init__(self, plan: Plan[R]) -> None:
        self.fates: list[Fate[R]] = []
        self._plan = plan
        self._results: dict[str, R] = {}
        self._failed: set[str] = set()
        self._stopped = False
        self._translated: dict[int, Task | R] = {}
        # Positions that run alone, since a joined run failed by them; and those of such runs.
        self._alone: set[int] = set()
        self._parted: set[int] = set()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to run."""
        return self._stopped or len(self.fates) == len(self._plan.operations)

    def gather(self, position: int, recorded: Container[int] = ()) -> list[Task]:
        """Begin the operation at a position, and the neighbours that join it; nothing if it was settled at once."""
        operations = self._plan.operations
        first = self._begin(position)
        if first is None:
            return []
        together = Run(first)
        if position in self._alone:
            return together.tasks
        own = {operations[position].id}
        for index in range(position + 1, len(operations)):
            operation = operations[index]
            waits = not own.isdisjoint(operation.depends_on) or not own.isdisjoint(operation.refers_to)
            if waits or index in recorded or index in self._alone or self._blocked(operation):
                break
            task = self._translate(index)
            if not isinstance(task, TASKS) or not together.take(task):
                break
            own.add(operation.id)
        return together.tasks

    def _begin(self, position: int) -> Task | None:
        """Translate one operation, or settle it when it can't run."""
        if self._blocked(self._plan.operations[position]):
            self.settle(Undone(Code.FAILED_DEPENDENCY))
            return None
        task = self._translate(position)
        if isinstance(task, TASKS):
            return task
        self.settle_all([task])
        return None

    def _blocked(self, operation: Operation[R]) -> bool:
        return not self._failed.isdisjoint(operation.depends_on)

    def _translate(self, position: int) -> Task | R:
        """Translate an operation, once: its turn as a neighbour may come before its own."""
        if position not in self._translated:
            operation = self._plan.operations[position]
            try:
                self._translated[position] = operation.begin(self._results)
            except Exception as error:  # noqa: BLE001 - a bug of one operation is told at its index
                self._translated[position] = operation.fail(error)
        return self._translated[position]

    def settle_all(self, results: Iterable[R]) -> None:
        """Note the results of the operations whose turn it was."""
        for result in results:
            # Neighbours that were read together still end with the first failure.
            if not self._stopped:
                self.settle(Done(result, self._plan.failed(result)))

    def settle(self, fate: Fate[R]) -> None:
        """Note what became of the next operation."""
        position = len(self.fates)
        operation = self._plan.operations[position]
        self._translated.pop(position, None)
        self.fates.append(fate)
        failed = isinstance(fate, Undone) or fate.failed
        if isinstance(fate, Done) and operation.id is not None:
            self._results[operation.id] = fate.result
        if failed and operation.id is not None:
            self._failed.add(operation.id)
        if failed and (self._plan.stop_on_error or self._plan.atomic):
            self._stopped = True

    def part(self, position: int, count: int, faulty: frozenset[int]) -> None:
        """Let what a joined run failed by run alone; all of it, where that isn't known or didn't help."""
        together = range(position, position + count)
        known = bool(faulty) and self._parted.isdisjoint(together)
        self._alone.update(faulty if known else together)
        self._parted.update(together)

    def undo(self) -> bool:
        """Say of a plan that stopped what became of each operation, the failed one keeping its result; else false."""
        if not self._stopped:
            return False
        failed = len(self.fates) - 1
        self.fates[:failed] = [Undone(Code.ROLLED_BACK)] * failed
        if not self._plan.stop_on_error:
            left = len(self._plan.operations) - len(self.fates)
            self.fates += [Undone(Code.NOT_ATTEMPTED)] * left
        return True
