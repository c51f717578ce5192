"""Many operations as one plan: in order, each its own transaction, or all of them in one.

Both doors, `POST /batch` and `runBatch`, translate their operations into a plan and its results into their dialects.
The semantics are sequential; neighbours that may run as one statement do (`db.coalescing`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from db import engine, idempotency, reads
from db.access import Role
from db.clock import instant
from db.coalescing import Get, Keyed, Query, Task, joined, joins, split
from db.commands import Create, Delete, Update, name_of
from db.errors import Code, NotFound, SheafError
from db.outcomes import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from db.access import Principal
    from db.commands import Command
    from db.database import Database, Reader, Transaction
    from db.idempotency import Answer, Key

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


class _Stop(Exception):
    pass


class _OneByOne(Exception):
    pass


async def run(database: Database, caller: Principal, plan: Plan[R]) -> list[Fate[R]]:
    """Run a plan; one fate per operation, or fewer where `stop_on_error` ends the list with the first failure.

    Raises what concerns the plan as a whole: `Conflict` for its idempotency key, `Unavailable` for an atomic one.
    """
    runner = _Runner(database, caller, plan)
    if plan.atomic or plan.dry_run:
        return await runner.run_as_one()
    return await runner.run_each()


class _Runner(Generic[R]):
    """The state of one plan's run."""

    def __init__(self, database: Database, caller: Principal, plan: Plan[R]) -> None:
        self._database = database
        self._caller = caller
        self._plan = plan
        self._now = instant()
        self._fates: list[Fate[R]] = []
        self._results: dict[str, R] = {}
        self._failed: set[str] = set()
        self._stopped = False

    async def run_each(self) -> list[Fate[R]]:
        """Run the operations one after the other, each (or each joined run) in a transaction of its own."""
        recorded = await self._recall()
        while len(self._fates) < len(self._plan.operations) and not self._stopped:
            position = len(self._fates)
            if position in recorded:
                self._settle(Done(recorded[position], failed=False, replayed=True))
                continue
            tasks = self._gather(position, recorded)
            if not tasks:
                continue
            if len(tasks) > 1 and await self._run_joined(tasks, position):
                continue
            await self._run_alone(tasks[0], position)
        return self._fates

    async def run_as_one(self) -> list[Fate[R]]:
        """Run all operations in one transaction, each in a savepoint; a dry run is undone at its end."""
        with suppress(_Stop):
            await self._database.write("run_plan", self._work_as_one, lock=self._lock())
        return self._fates

    # Which operations come next.

    def _gather(self, position: int, recorded: Mapping[int, R]) -> list[Task]:
        """Begin the operation at a position, and the neighbours that join it; nothing if it was settled at once."""
        first = self._begin(position)
        if first is None:
            return []
        tasks = [first]
        own = {self._plan.operations[position].id}
        for index in range(position + 1, len(self._plan.operations)):
            operation = self._plan.operations[index]
            if index in recorded or own & (operation.depends_on | operation.refers_to):
                break
            task = self._translated(operation)
            if not _is_task(task) or not joins(tasks, cast("Task", task)) or self._blocked(operation):
                break
            tasks.append(cast("Task", task))
            own.add(operation.id)
        return tasks

    def _begin(self, position: int) -> Task | None:
        """Translate one operation, or settle it when it can't run."""
        operation = self._plan.operations[position]
        if self._blocked(operation):
            self._settle(Undone(Code.FAILED_DEPENDENCY))
            return None
        task = self._translated(operation)
        if not _is_task(task):
            result = cast("R", task)
            self._settle(Done(result, self._plan.failed(result)))
            return None
        return cast("Task", task)

    def _blocked(self, operation: Operation[R]) -> bool:
        return not self._failed.isdisjoint(operation.depends_on)

    def _translated(self, operation: Operation[R]) -> Task | R:
        try:
            return operation.begin(self._results)
        except Exception as error:  # noqa: BLE001 - a bug of one operation is told at its index
            return operation.fail(error)

    def _settle(self, fate: Fate[R]) -> None:
        """Note what became of the next operation."""
        operation = self._plan.operations[len(self._fates)]
        self._fates.append(fate)
        failed = isinstance(fate, Undone) or fate.failed
        if isinstance(fate, Done) and operation.id is not None:
            self._results[operation.id] = fate.result
        if failed and operation.id is not None:
            self._failed.add(operation.id)
        if failed and (self._plan.stop_on_error or self._plan.atomic):
            self._stopped = True

    def _settle_all(self, results: list[R]) -> None:
        for result in results:
            self._settle(Done(result, self._plan.failed(result)))

    # Each in its own transaction.

    async def _run_joined(self, tasks: list[Task], position: int) -> bool:
        """Run neighbours as one; false, with nothing stored, if they must be run one by one after all."""
        try:
            if isinstance(tasks[0], Get):
                async with self._database.read("run_plan") as reader:
                    results = await self._get(reader, cast("list[Get[Any]]", tasks), position)
            else:
                commands = cast("list[Command]", tasks)
                self._caller.require(Role.WRITER)

                async def work(tx: Transaction) -> list[R]:
                    return await self._execute_joined(tx, commands, position)

                results = await self._database.write("run_plan", work, lock=self._lock())
        except (_OneByOne, SheafError):
            return False
        self._settle_all(results)
        return True

    async def _run_alone(self, task: Task, position: int) -> None:
        operation = self._plan.operations[position]
        replayed = False
        try:
            if isinstance(task, (Get, Query)):
                async with self._database.read(_name_of(task)) as reader:
                    result = await self._read(reader, operation, task)
            else:
                result, replayed = await self._write_alone(task, position)
        except Exception as error:  # noqa: BLE001 - a bug of one operation is told at its index
            result = operation.fail(error)
        self._settle(Done(result, self._plan.failed(result), replayed))

    async def _write_alone(self, task: Command | Keyed, position: int) -> tuple[R, bool]:
        command, own_key = (task.command, task.key.id) if isinstance(task, Keyed) else (task, None)

        async def work(tx: Transaction) -> tuple[R, bool]:
            return await self._write(tx, task, position)

        try:
            return await self._database.write(name_of(command), work, lock=self._lock() or own_key)
        except engine.RolledBack as undone:
            return self._plan.operations[position].finish(undone.report), False

    async def _write(self, tx: Transaction, task: Command | Keyed, position: int) -> tuple[R, bool]:
        """Execute a command, once per key; raises `engine.RolledBack`."""
        self._caller.require(Role.WRITER)
        command = task.command if isinstance(task, Keyed) else task
        record, key = self._plan.record, self._key(position)
        if isinstance(task, Keyed) and key is None and not self._plan.dry_run:
            key = task.key
        if record and key and (answer := await idempotency.recall(tx, key)):
            return record.load(answer), True
        report = await engine.attempt(tx, self._caller, command, self._now)
        result = self._plan.operations[position].finish(report)
        if record and key:
            await idempotency.record(tx, [(key, record.dump(result))], self._now)
        return result, False

    # All in one transaction.

    async def _work_as_one(self, tx: Transaction) -> None:
        self._fates, self._results, self._failed, self._stopped = [], {}, set(), False
        while len(self._fates) < len(self._plan.operations) and not self._stopped:
            position = len(self._fates)
            tasks = self._gather(position, {})
            if not tasks:
                continue
            if len(tasks) > 1 and await self._join_inside(tx, tasks, position):
                continue
            await self._run_inside(tx, tasks[0], position)
        if self._plan.dry_run:
            raise _Stop
        if self._plan.atomic and self._stopped:
            self._undo()
            raise _Stop

    async def _join_inside(self, tx: Transaction, tasks: list[Task], position: int) -> bool:
        try:
            if isinstance(tasks[0], Get):
                results = await self._get(tx, cast("list[Get[Any]]", tasks), position)
            else:
                self._caller.require(Role.WRITER)
                async with tx.savepoint():
                    results = await self._execute_joined(tx, cast("list[Command]", tasks), position)
        except (_OneByOne, SheafError):
            return False
        self._settle_all(results)
        return True

    async def _run_inside(self, tx: Transaction, task: Task, position: int) -> None:
        operation = self._plan.operations[position]
        replayed = False
        try:
            async with tx.savepoint():
                if isinstance(task, (Get, Query)):
                    result = await self._read(tx, operation, task)
                else:
                    result, replayed = await self._write(tx, task, position)
        except engine.RolledBack as undone:
            result = operation.finish(undone.report)
        except Exception as error:
            if tx.is_lost(error):
                raise
            # A bug of one operation is told at its index.
            result = operation.fail(error)
        self._settle(Done(result, self._plan.failed(result), replayed))

    def _undo(self) -> None:
        """Say of an atomic plan that failed what became of each operation; the failed one keeps its result."""
        failed = len(self._fates) - 1
        self._fates[:failed] = [Undone(Code.ROLLED_BACK)] * failed
        if not self._plan.stop_on_error:
            left = len(self._plan.operations) - len(self._fates)
            self._fates += [Undone(Code.NOT_ATTEMPTED)] * left

    # What runs.

    async def _execute_joined(self, tx: Transaction, commands: list[Command], position: int) -> list[R]:
        keys = [key for i in range(len(commands)) if (key := self._key(position + i))]
        if keys and any(await idempotency.recall_all(tx, keys)):
            raise _OneByOne
        results = await engine.execute(tx, self._caller, joined(commands), self._now)
        if any(result.faults for result in results):
            raise _OneByOne
        finished = [
            self._plan.operations[position + i].finish(report)
            for i, report in enumerate(split(commands, results))
        ]
        if self._plan.record and keys:
            answers = map(self._plan.record.dump, finished)
            await idempotency.record(tx, list(zip(keys, answers, strict=True)), self._now)
        return finished

    async def _get(self, reader: Reader, gets: list[Get[Any]], position: int) -> list[R]:
        rows = await reads.by_ids(reader, self._caller, gets[0].noun, [get.id for get in gets])
        results: list[R] = []
        for i, (get, row) in enumerate(zip(gets, rows, strict=True)):
            operation = self._plan.operations[position + i]
            results.append(operation.fail(missing(get)) if row is None else operation.finish(row))
        return results

    async def _read(self, reader: Reader, operation: Operation[R], task: Get[Any] | Query) -> R:
        if isinstance(task, Query):
            return operation.finish(await task.run(reader))
        row = await reads.by_id(reader, self._caller, task.noun, task.id)
        return operation.fail(missing(task)) if row is None else operation.finish(row)

    # What is kept.

    def _key(self, position: int) -> Key | None:
        record = self._plan.record
        return record.key(position) if record and record.key and not self._plan.dry_run else None

    def _lock(self) -> str | None:
        key = self._key(-1)
        return key.id if key else None

    async def _recall(self) -> dict[int, R]:
        """Find the results that were recorded under the plan's key before."""
        record = self._plan.record
        keys = [key for index in range(len(self._plan.operations)) if (key := self._key(index))]
        if record is None or not keys:
            return {}

        async def work(tx: Transaction) -> list[Answer | None]:
            return await idempotency.recall_all(tx, keys)

        answers = await self._database.write("recall_plan", work, lock=self._lock())
        return {index: record.load(answer) for index, answer in enumerate(answers) if answer}


def missing(get: Get[Any]) -> NotFound:
    """Return the error of a read that found nothing."""
    return NotFound(f"there is no {get.noun.title} {get.id[:200]!a}")


def _is_task(task: object) -> bool:
    return isinstance(task, (Create, Update, Delete, Keyed, Get, Query))


def _name_of(task: Get[Any] | Query) -> str:
    return f"get_{task.noun.namespace}" if isinstance(task, Get) else task.name


__all__ = ["Done", "Fate", "Operation", "Plan", "Record", "Report", "Undone", "missing", "run"]
