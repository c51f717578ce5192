"""Executes commands: one transaction each, all of it stored or nothing, an outcome for every item."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from db import idempotency, tables
from db.access import Role
from db.announcements import changes
from db.clock import instant
from db.commands import (
    CancelBatch,
    ChangeDefinition,
    Command,
    Create,
    CreateDefinition,
    Delete,
    OnError,
    PutRecord,
    RemoveDefinition,
    RemoveRecord,
    Update,
    name_of,
)
from db.joined_creates import Apart, Run, alike, is_plain, join
from db.outcomes import Outcome, Report, Result
from db.uploads import definitions, singles
from db.uploads.cancelling import cancel
from db.writes import Writing
from db.writes.creates import create
from db.writes.deletes import remove
from db.writes.updates import update

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from db.access import Principal
    from db.database import Database, Transaction
    from db.idempotency import Answer, Key


class RolledBack(Exception):
    """A command whose effects are undone on purpose, with the report that says so."""

    def __init__(self, report: Report[Any]) -> None:
        super().__init__("rolled back on purpose")
        self.report = report


async def execute(tx: Transaction, caller: Principal, command: Command, now: str) -> list[Result[Any]]:
    """Execute a command in a transaction that the caller ends, and tell each item's fate."""
    results = await _execute(Writing.begin(tx, caller, now), command)
    if isinstance(command, (PutRecord, RemoveRecord)):
        # The upload engine, whose work it is, has counted and announced it.
        return results
    tx.executed.append((caller.token_hash, command.noun.table.name, [result.outcome for result in results]))
    if command.noun.table is tables.resources:
        tx.announced += changes(results)
    return results


async def _execute(w: Writing, command: Command) -> list[Result[Any]]:
    match command:
        case Create():
            return await create(w, command)
        case Update():
            return await update(w, command)
        case Delete():
            return await remove(w, command)
        case PutRecord():
            return [await singles.put(w, command)]
        case RemoveRecord():
            return [await singles.remove(w, command)]
        case CancelBatch():
            return [await cancel(w, command.id)]
        case CreateDefinition():
            return [await definitions.create(w, command)]
        case ChangeDefinition():
            return [await definitions.change(w, command)]
        case RemoveDefinition():
            return [await definitions.remove(w, command)]


async def attempt(tx: Transaction, caller: Principal, command: Command, now: str) -> Report[Any]:
    """Execute a command in a transaction, or a savepoint, that the caller ends.

    Raises `RolledBack` if it must be undone: a faulty item of a command that refuses all then.
    """
    results = await execute(tx, caller, command, now)
    if command.on_error is OnError.REJECT_ALL and any(result.faults for result in results):
        raise RolledBack(Report(_rolled_back(results), committed=False))
    return Report(results, committed=True)


async def run(
    database: Database, caller: Principal, command: Command, *, dry_run: bool = False
) -> Report[Any]:
    """Execute a command in a transaction of its own.

    Raises `Refused` (`forbidden`) for a reader, `Unavailable` if the database can't be reached or other writers
    stay in the way. An item's fault is no error: it is the item's result.
    """
    caller.require(Role.WRITER)
    now = instant()
    if database.join_creates and not dry_run and isinstance(command, Create) and is_plain(command):
        try:
            return await join(database, Run(caller, command, now), _together)
        except RolledBack as undone:
            return undone.report
        except Apart:
            pass  # something of the others' spoke against it: it is run alone

    async def work(tx: Transaction) -> Report[Any]:
        report = await attempt(tx, caller, command, now)
        if dry_run:
            raise RolledBack(Report(report.results, committed=False))
        return report

    try:
        return await database.write(name_of(command), work)
    except RolledBack as undone:
        return undone.report


async def _together(tx: Transaction, runs: Sequence[Run]) -> list[Report[Any]]:
    """Execute plain creates of several requests, those of one caller and noun as one command.

    Raises `RolledBack` for a fault of the only one, `Apart` for one among several: each is run alone then, and tells
    its own.
    """
    if len(runs) == 1:
        return [await attempt(tx, runs[0].caller, runs[0].command, runs[0].now)]
    reports: list[Report[Any] | None] = [None] * len(runs)
    for positions in alike(runs):
        first = runs[positions[0]]
        items = [item for position in positions for item in runs[position].command.items]
        command = replace(first.command, items=items, joined=True)
        results = await execute(tx, first.caller, command, first.now)
        if any(result.faults for result in results):
            tx.executed.clear()
            raise Apart
        for position, result in zip(positions, results, strict=True):
            reports[position] = Report([result], committed=True)
    return [report for report in reports if report is not None]


async def run_once(
    database: Database, caller: Principal, command: Command, key: Key, render: Callable[[Report[Any]], Answer]
) -> tuple[Answer, bool]:
    """Execute a command unless its key has an answer already; returns the answer, and whether it is a replay.

    The answer is recorded in the transaction of its effects. Nothing is recorded for a command that is rolled back.
    Raises `Conflict` for a key that is in use (`in_progress`) or was used for another request (`key_reused`).
    """
    caller.require(Role.WRITER)
    now = instant()

    async def work(tx: Transaction) -> tuple[Answer, bool]:
        if recorded := await idempotency.recall(tx, key):
            return recorded, True
        answer = render(await attempt(tx, caller, command, now))
        await idempotency.record(tx, [(key, answer)], now)
        return answer, False

    try:
        return await database.write(name_of(command), work, lock=key.id)
    except RolledBack as undone:
        return render(undone.report), False


def _rolled_back(results: list[Result[Any]]) -> list[Result[Any]]:
    """Say of every good item that it isn't stored after all."""
    return [result if result.faults else Result(Outcome.ROLLED_BACK) for result in results]
