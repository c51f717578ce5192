"""Executes commands: one transaction each, all of it stored or nothing, an outcome for every item."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from db import idempotency
from db.access import Role
from db.clock import instant
from db.commands import Command, Create, Delete, OnError, Update, name_of
from db.outcomes import Outcome, Report, Result
from db.writes import Writing
from db.writes.creates import create
from db.writes.deletes import remove
from db.writes.updates import update

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.access import Principal
    from db.database import Database, Transaction
    from db.idempotency import Answer, Key


class _Undone(Exception):
    def __init__(self, results: list[Result[Any]]) -> None:
        super().__init__("rolled back on purpose")
        self.results = results


async def execute(tx: Transaction, caller: Principal, command: Command, now: str) -> list[Result[Any]]:
    """Execute a command in a transaction that the caller ends, and tell each item's fate."""
    w = Writing.begin(tx, caller, now)
    match command:
        case Create():
            return await create(w, command)
        case Update():
            return await update(w, command)
        case Delete():
            return await remove(w, command)


async def run(
    database: Database, caller: Principal, command: Command, *, dry_run: bool = False
) -> Report[Any]:
    """Execute a command in a transaction of its own.

    Raises `Refused` (`forbidden`) for a reader, `Unavailable` if the database can't be reached or other writers
    stay in the way. An item's fault is no error: it is the item's result.
    """
    caller.require(Role.WRITER)
    now = instant()

    async def work(tx: Transaction) -> list[Result[Any]]:
        results = await execute(tx, caller, command, now)
        if dry_run or _refuses(command, results):
            raise _Undone(results)
        return results

    try:
        return Report(await database.write(name_of(command), work), committed=True)
    except _Undone as undone:
        if dry_run and not _refuses(command, undone.results):
            return Report(undone.results, committed=False)
        return Report(_rolled_back(undone.results), committed=False)


async def run_once(
    database: Database, caller: Principal, command: Command, key: Key, render: Callable[[Report[Any]], Answer]
) -> tuple[Answer, bool]:
    """Execute a command unless its key has an answer already; returns the answer, and whether it is a replay.

    The answer is recorded in the transaction of its effects. Nothing is recorded for a command that is rolled back.
    Raises `Conflict` for a key that is in use (`in_progress`) or was used for another request (`key_reused`).
    """
    caller.require(Role.WRITER)
    now = instant()
    oldest = instant(time.time() - idempotency.KEPT_S)

    async def work(tx: Transaction) -> tuple[Answer, bool]:
        if recorded := await idempotency.recall(tx, key, oldest):
            return recorded, True
        results = await execute(tx, caller, command, now)
        if _refuses(command, results):
            raise _Undone(results)
        answer = render(Report(results, committed=True))
        await idempotency.record(tx, key, answer, now)
        return answer, False

    try:
        return await database.write(name_of(command), work, lock=key.id)
    except _Undone as undone:
        return render(Report(_rolled_back(undone.results), committed=False)), False


def _refuses(command: Command, results: list[Result[Any]]) -> bool:
    return command.on_error is OnError.REJECT_ALL and any(result.faults for result in results)


def _rolled_back(results: list[Result[Any]]) -> list[Result[Any]]:
    """Say of every good item that it isn't stored after all."""
    return [result if result.faults else Result(Outcome.ROLLED_BACK) for result in results]
