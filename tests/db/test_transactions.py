"""Transactions: all or nothing, named, shielded, repeated when others are in the way, and only then refused."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from sqlalchemy import select

from db import engine
from db.access import SYSTEM
from db.commands import Create, Target, Update, Updating
from db.database import Retry, open_database, postgresql, sqlite, sqlite_path
from db.errors import Code, Unavailable
from db.resources import RESOURCES, ResourceChange
from db.tables import scopes
from tests.factories import catalogue, fates, new_resource, resources, stored

if TYPE_CHECKING:
    from db.database import Database, Transaction
    from tests.db.conftest import Statements

READ = select(scopes.c.id).order_by(scopes.c.id)


async def add(tx: Transaction, *names: str) -> None:
    """Create resources within a transaction."""
    command = Create(RESOURCES, [new_resource(name) for name in names])
    await engine.execute(tx, SYSTEM, command, "2026-01-01T00:00:00Z")


async def test_what_raises_stores_nothing_and_leaves_the_database_usable(acme: Database) -> None:
    before = await stored(acme)

    async def work(tx: Transaction) -> None:
        await add(tx, "a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await acme.write("test", work)
    assert await stored(acme) == before
    await resources(acme, "b")


async def test_a_savepoint_undoes_only_what_is_inside(acme: Database) -> None:
    async def work(tx: Transaction) -> None:
        await add(tx, "a")
        with suppress(ZeroDivisionError):
            async with tx.savepoint():
                await add(tx, "b")
                raise ZeroDivisionError
        async with tx.savepoint():
            await add(tx, "c")
            with suppress(ZeroDivisionError):
                async with tx.savepoint():
                    await add(tx, "d")
                    raise ZeroDivisionError
            await add(tx, "e")

    await acme.write("test", work)
    assert sorted(row[3] for row in (await stored(acme))["resources"]) == ["a", "c", "e"]


async def test_a_write_goes_on_when_its_caller_goes_away(acme: Database, database_url: str) -> None:
    begun, going_on = asyncio.Event(), asyncio.Event()

    async def work(tx: Transaction) -> None:
        await add(tx, "a")
        begun.set()
        await going_on.wait()

    caller = asyncio.ensure_future(acme.write("test", work))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert (await stored(acme))["resources"] == []
    going_on.set()
    await acme.close()
    again = open_database(database_url)
    assert len((await stored(again))["resources"]) == 1
    await again.close()


async def test_a_cancelled_read_leaves_its_connection_usable(acme: Database) -> None:
    async def reading() -> None:
        async with acme.read("test") as reader:
            while True:
                await reader.fetch(READ, {})

    for _ in range(20):
        task = asyncio.ensure_future(reading())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with acme.read("test") as reader:
        assert len(await reader.fetch(READ, {})) == 4


async def test_who_was_in_the_way_is_tried_again_three_times(acme: Database, statements: Statements) -> None:
    attempts = 0

    async def work(tx: Transaction) -> str:
        nonlocal attempts
        attempts += 1
        await add(tx, f"a{attempts}")
        if attempts < 4:
            raise Retry("test")
        return "done"

    assert await acme.write("test", work) == "done"
    assert (attempts, statements.failed_transactions) == (4, ["test"] * 3)
    assert [row[3] for row in (await stored(acme))["resources"]] == ["a4"]


async def test_after_the_last_attempt_the_caller_is_asked_to_come_back(acme: Database) -> None:
    before = await stored(acme)

    async def work(tx: Transaction) -> None:
        await add(tx, "a")
        raise Retry("test")

    with pytest.raises(Unavailable) as refusal:
        await acme.write("test", work)
    assert (refusal.value.code, refusal.value.retry_after_s) == (Code.OVERLOADED, 1)
    assert await stored(acme) == before


async def test_a_repeated_command_keeps_its_instant(acme: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    execute = engine.execute

    async def failing(tx: Any, caller: Any, command: Any, now: str) -> Any:
        seen.append(now)
        results = await execute(tx, caller, command, now)
        if len(seen) == 1:
            await asyncio.sleep(1.1)
            raise Retry("test")
        return results

    monkeypatch.setattr(engine, "execute", failing)
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, [new_resource("a")]))
    assert fates(report) == ["created"]
    assert len(seen) == 2
    assert len(set(seen)) == 1


async def test_a_deadlock_is_repeated_and_never_seen(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    await catalogue(database)
    await resources(database, "a", "b")
    both = asyncio.Barrier(2)
    attempts = 0

    def locking(*names: str) -> Any:
        async def work(tx: Transaction) -> str:
            nonlocal attempts
            attempts += 1
            for position, name in enumerate(names):
                change = Updating(Target(f"resource_{name}"), ResourceChange(data={"by": names[0]}))
                await engine.execute(tx, SYSTEM, Update(RESOURCES, [change]), "2026-01-01T00:00:00Z")
                if position == 0 and attempts <= 2:
                    await both.wait()
            return names[0]

        return work

    done = await asyncio.gather(
        database.write("ab", locking("a", "b")), database.write("ba", locking("b", "a"))
    )
    assert [*done] == ["a", "b"]
    assert attempts == 3
    await database.close()


async def test_a_lock_that_is_not_let_go_ends_in_a_refusal(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_TIMEOUT_S", 0.1)
    database = open_database(postgresql_url)
    await catalogue(database)
    before = await stored(database)
    other = await asyncpg.connect(postgresql_url)
    async with other.transaction():
        await other.execute("select from scopes where id = 'scope_engineering' for update")
        with pytest.raises(Unavailable):
            await engine.run(database, SYSTEM, Create(RESOURCES, [new_resource("a")]))
        assert await stored(database) == before
    await other.close()
    await resources(database, "a")
    await database.close()


async def test_a_file_that_another_process_keeps_locked_ends_in_a_refusal(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    database = open_database(sqlite_url)
    await catalogue(database)
    before = await stored(database)
    path = sqlite_path(sqlite_url)
    assert path is not None
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(Unavailable):
        await engine.run(database, SYSTEM, Create(RESOURCES, [new_resource("a")]))
    assert await stored(database) == before
    other.execute("rollback")
    other.close()
    await resources(database, "a")
    await database.close()


async def test_twenty_writers_of_one_file_take_turns(sqlite_url: str) -> None:
    first, second = open_database(sqlite_url), open_database(sqlite_url)
    await catalogue(first)
    commands = [Create(RESOURCES, [new_resource(f"k{key}") for key in range(20)]) for _ in range(20)]
    reports = await asyncio.gather(
        *(engine.run((first, second)[i % 2], SYSTEM, command) for i, command in enumerate(commands))
    )
    assert sum(report.committed for report in reports) == 1
    assert {fate for report in reports for fate in fates(report)} == {
        "created",
        "already_exists/externalResourceId",
    }
    assert len((await stored(first))["resources"]) == 20
    await first.close()
    await second.close()
