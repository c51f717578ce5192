"""Runs a plan: in a transaction for each operation or joined run, or all of it in one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, cast

from db import engine, idempotency, reads
from db.access import Role
from db.clock import instant
from db.coalescing import Get, Keyed, Query, joined, split
from db.commands import name_of
from db.errors import NotFound, Unavailable
from db.plans.operations import Done, R
from db.plans.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from db.access import Principal
    from db.coalescing import Task
    from db.commands import Command
    from db.database import Database, Reader, Transaction
    from db.idempotency import Answer, Key
    from db.plans.operations import Fate, Operation, Plan, Record


class _Stop(Exception):
    """Undo the plan's transaction: what there is to say of it is known."""


class _Apart(Exception):
    """Undo a joined run: the operations at these positions are at fault, or nobody knows which."""

    def __init__(self, positions: Iterable[int] = ()) -> None:
        super().__init__("to be run apart")
        self.positions = frozenset(positions)


class Runner(Generic[R]):
    """The state of one plan's run."""

    def __init__(self, database: Database, caller: Principal, plan: Plan[R]) -> None:
        self._database = database
        self._caller = caller
        self._plan = plan
        self._now = instant()
        key_of = plan.record.key if plan.record and not plan.dry_run else None
        self._keys = [key_of(index) for index in range(len(plan.operations))] if key_of else []
        self._lock = key_of(-1).id if key_of else None
        self._turns = Turns(self._plan)

    async def run_each(self) -> list[Fate[R]]:
        """Run the operations one after the other, each (or each joined run) in a transaction of its own."""
        recorded = await self._recall()
        while not self._turns.is_over:
            position = len(self._turns.fates)
            if position in recorded:
                self._turns.settle(Done(recorded[position], failed=False, replayed=True))
                continue
            tasks = self._turns.gather(position, recorded)
            if len(tasks) > 1:
                await self._run_joined(tasks, position)
            elif tasks:
                await self._run_alone(tasks[0], position)
        return self._turns.fates

    async def run_as_one(self) -> list[Fate[R]]:
        """Run all operations in one transaction, each in a savepoint; a dry run is undone at its end."""
        with suppress(_Stop):
            await self._database.write("run_plan", self._work_as_one, lock=self._lock)
        return self._turns.fates

    # Each in its own transaction.

    async def _run_joined(self, tasks: list[Task], position: int) -> None:
        """Run neighbours as one; what fails is undone, and run apart when its turn comes again."""
        try:
            if isinstance(tasks[0], Get):
                async with self._database.read("run_plan") as reader:
                    results = await self._get(reader, cast("list[Get[Any]]", tasks), position)
            else:
                commands = cast("list[Command]", tasks)
                self._caller.require(Role.WRITER)

                async def work(tx: Transaction) -> list[R]:
                    return await self._execute_joined(tx, commands, position)

                results = await self._database.write("run_plan", work, lock=self._lock)
        except Unavailable as error:
            # Another try would wait as long again, for each; and what it was may have been stored.
            results = [self._plan.operations[position + i].fail(error) for i in range(len(tasks))]
        except _Apart as apart:
            self._turns.part(position, len(tasks), apart.positions)
            return
        except Exception:  # noqa: BLE001 - it comes up again, and is told, at the index that it belongs to
            self._turns.part(position, len(tasks), frozenset())
            return
        self._turns.settle_all(results)

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
        self._turns.settle(Done(result, self._plan.failed(result), replayed))

    async def _write_alone(self, task: Command | Keyed, position: int) -> tuple[R, bool]:
        key = self._keys[position] if self._keys else _own_key(task)

        async def work(tx: Transaction) -> tuple[R, bool]:
            return await self._write(tx, task, position, key)

        try:
            own_lock = key.id if key else None
            return await self._database.write(name_of(_command(task)), work, lock=self._lock or own_lock)
        except engine.RolledBack as undone:
            return self._plan.operations[position].finish(undone.report), False

    async def _write(
        self, tx: Transaction, task: Command | Keyed, position: int, key: Key | None
    ) -> tuple[R, bool]:
        """Execute a command, once per key; raises `engine.RolledBack`."""
        self._caller.require(Role.WRITER)
        record = self._plan.record
        if record and key and (answer := await idempotency.recall(tx, key)):
            return record.load(answer), True
        report = await engine.attempt(tx, self._caller, _command(task), self._now)
        result = self._plan.operations[position].finish(report)
        if record and key:
            await idempotency.record(tx, [(key, record.dump(result))], self._now)
        return result, False

    # All in one transaction.

    async def _work_as_one(self, tx: Transaction) -> None:
        self._turns = Turns(self._plan)
        if await self._replayed(tx):
            return
        while not self._turns.is_over:
            position = len(self._turns.fates)
            tasks = self._turns.gather(position)
            if len(tasks) > 1:
                await self._join_inside(tx, tasks, position)
            elif tasks:
                await self._run_inside(tx, tasks[0], position)
        if (self._plan.atomic and self._turns.undo()) or self._plan.dry_run:
            raise _Stop
        if self._plan.record and self._keys:
            results = [cast("Done[R]", fate).result for fate in self._turns.fates]
            await self._keep(tx, self._plan.record, 0, results)

    async def _replayed(self, tx: Transaction) -> bool:
        """Give the recorded results of an atomic plan again, what it read among them: it is stored, or it isn't."""
        record = self._plan.record
        if record is None or not self._keys:
            return False
        answers = [answer for answer in await idempotency.recall_all(tx, self._keys) if answer]
        for answer in answers:
            self._turns.settle(Done(record.load(answer), failed=False, replayed=True))
        return bool(answers)

    async def _join_inside(self, tx: Transaction, tasks: list[Task], position: int) -> None:
        try:
            async with tx.savepoint():
                if isinstance(tasks[0], Get):
                    results = await self._get(tx, cast("list[Get[Any]]", tasks), position)
                else:
                    self._caller.require(Role.WRITER)
                    results = await self._execute_joined(tx, cast("list[Command]", tasks), position)
        except _Apart as apart:
            self._turns.part(position, len(tasks), apart.positions)
            return
        except Exception as error:
            if tx.is_lost(error):
                raise
            # It comes up again, and is told, at the index that it belongs to.
            self._turns.part(position, len(tasks), frozenset())
            return
        self._turns.settle_all(results)

    async def _run_inside(self, tx: Transaction, task: Task, position: int) -> None:
        operation = self._plan.operations[position]
        replayed = False
        try:
            async with tx.savepoint():
                if isinstance(task, (Get, Query)):
                    result = await self._read(tx, operation, task)
                else:
                    own = None if self._keys or self._plan.dry_run else _own_key(task)
                    if own:
                        await tx.claim(own.id)
                    result, replayed = await self._write(tx, task, position, own)
        except engine.RolledBack as undone:
            result = operation.finish(undone.report)
        except Exception as error:
            if tx.is_lost(error):
                raise
            # A bug of one operation is told at its index.
            result = operation.fail(error)
        self._turns.settle(Done(result, self._plan.failed(result), replayed))

    # What runs.

    async def _execute_joined(self, tx: Transaction, commands: list[Command], position: int) -> list[R]:
        keyed = self._keys and not self._plan.atomic
        keys = self._keys[position : position + len(commands)] if keyed else []
        if keys and any(await idempotency.recall_all(tx, keys)):
            raise _Apart
        before = len(tx.executed)
        try:
            reports = split(commands, await engine.execute(tx, self._caller, joined(commands), self._now))
            if faulty := [position + i for i, report in enumerate(reports) if report.faulty]:
                raise _Apart(faulty)
            operations = self._plan.operations[position : position + len(commands)]
            finished = [each.finish(report) for each, report in zip(operations, reports, strict=True)]
        except Exception:
            # What comes again is counted then.
            del tx.executed[before:]
            raise
        if keys and self._plan.record:
            await self._keep(tx, self._plan.record, position, finished)
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

    async def _keep(self, tx: Transaction, record: Record[R], position: int, results: Sequence[R]) -> None:
        """Record neighbouring results under the plan's key."""
        keys = self._keys[position : position + len(results)]
        answers = map(record.dump, results)
        await idempotency.record(tx, list(zip(keys, answers, strict=True)), self._now)

    async def _recall(self) -> dict[int, R]:
        """Find the results that were recorded under the plan's key before."""
        record = self._plan.record
        if record is None or not self._keys:
            return {}

        async def work(tx: Transaction) -> list[Answer | None]:
            return await idempotency.recall_all(tx, self._keys)

        answers = await self._database.write("recall_plan", work, lock=self._lock)
        return {index: record.load(answer) for index, answer in enumerate(answers) if answer}


def _command(task: Command | Keyed) -> Command:
    return task.command if isinstance(task, Keyed) else task


def _own_key(task: Command | Keyed) -> Key | None:
    return task.key if isinstance(task, Keyed) else None


def missing(get: Get[Any]) -> NotFound:
    """Return the error of a read that found nothing."""
    return NotFound(f"there is no {get.noun.title} {get.id[:200]!a}")


def _name_of(task: Get[Any] | Query) -> str:
    return f"get_{task.noun.namespace}" if isinstance(task, Get) else task.name
