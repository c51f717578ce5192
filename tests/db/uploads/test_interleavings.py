"""Two transactions that meet half-way, each held open where it hurts."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from db import engine
from db.access import SYSTEM
from db.batches import BATCHES
from db.commands import CancelBatch, Delete, Target
from db.database import open_database
from db.scopes import SCOPES, NewScope
from db.tables import waiting_records
from db.uploads import settling, turns
from tests.db.uploads.uploading import SCOPE, accept, batch, counts, stored, types, upload, work
from tests.factories import create

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from db.database import Database, Transaction

LONG_ENOUGH_S = 0.5


@pytest.fixture
async def processes(postgresql_url: str) -> AsyncIterator[list[Database]]:
    """Open the database as two processes would, with the types in it."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(2):
            database = open_database(postgresql_url)
            stack.push_async_callback(database.close)
            opened.append(database)
        await types(opened[0])
        yield opened


class Held:
    """A turn that has done its work, and commits only when it is let go."""

    def __init__(self, database: Database, turn: Callable[[Transaction], Awaitable[object]]) -> None:
        self._done, self._go = asyncio.Event(), asyncio.Event()

        async def held(tx: Transaction) -> None:
            await turn(tx)
            self._done.set()
            await self._go.wait()

        self._task = asyncio.create_task(database.write("held", held))

    async def reached(self) -> None:
        """Wait until the work is done."""
        await self._done.wait()

    async def end(self) -> None:
        """Let it commit."""
        self._go.set()
        await self._task


async def waiting_count(database: Database) -> int:
    """Return how many records wait."""
    async with database.read("test") as reader:
        count: int = (await reader.fetch(select(func.count()).select_from(waiting_records), {}))[0][0]
    return count


async def test_a_batch_that_is_cancelled_while_it_parks_its_records_leaves_none(
    processes: list[Database],
) -> None:
    first, second = processes
    batch_id = await accept(first, [{"sku": "a", "part_of": "b"}, {"sku": "c"}], wait_s=60)
    applying = Held(first, turns.apply_next)
    await applying.reached()

    cancelling = asyncio.create_task(engine.run(second, SYSTEM, CancelBatch(BATCHES, batch_id)))
    await asyncio.sleep(LONG_ENOUGH_S)
    await applying.end()

    assert (await cancelling).committed
    assert counts(await batch(first, batch_id)) == ("cancelled", 1, 1, 0)
    assert await waiting_count(first) == 0


async def test_a_ring_half_of_which_somebody_else_looks_at_is_looked_at_again(
    processes: list[Database],
) -> None:
    first, second = processes
    rows = [
        await upload(first, [{"sku": "a", "part_of": "b", "maker": "m"}], wait_s=60),
        await upload(first, [{"sku": "b", "part_of": "a"}], wait_s=60),
    ]
    await accept(first, [{"name": "m"}], "maker")
    await first.write("apply_batch", turns.apply_next)
    await accept(second, [{"sku": "b", "title": "far too long for a title"}])
    applying = Held(second, turns.apply_next)
    await applying.reached()

    await first.write("settle_waiting_records", settling.settle_due)
    await applying.end()
    await work(first)

    assert [counts(await batch(first, row.id)) for row in rows] == [("success", 1, 0, 0)] * 2


async def test_one_at_a_time_settles_a_scope_and_others_settle_other_scopes(
    processes: list[Database],
) -> None:
    first, second = processes
    await create(first, SCOPES, NewScope(id="scope_below", name="Below", parent_scope_id=SCOPE))
    here = [await accept(first, [{"sku": sku, "maker": sku}], wait_s=60) for sku in ("a", "b")]
    below = await accept(first, [{"sku": "a", "maker": "a"}], wait_s=60, scope_id="scope_below")
    await work(first)
    await accept(first, [{"name": "a"}], "maker")
    await first.write("apply_batch", turns.apply_next)
    held = Held(first, settling.settle_due)
    await held.reached()
    await accept(second, [{"name": "b"}], "maker")
    await accept(second, [{"name": "a"}], "maker", scope_id="scope_below")
    for _ in range(2):
        await second.write("apply_batch", turns.apply_next)

    assert await second.write("settle_waiting_records", settling.settle_due) == 1
    assert await second.write("settle_waiting_records", settling.settle_due) == 0
    assert counts(await batch(second, below)) == ("success", 1, 0, 0)
    assert counts(await batch(second, here[1])) == ("pending", 0, 0, 1)
    await held.end()
    assert await second.write("settle_waiting_records", settling.settle_due) == 1
    assert [counts(await batch(first, each)) for each in here] == [("success", 1, 0, 0)] * 2


async def test_a_scope_isnt_deleted_while_what_waited_in_it_is_stored(processes: list[Database]) -> None:
    first, second = processes
    await upload(first, [{"sku": "a", "maker": "m"}], wait_s=60)
    await accept(first, [{"name": "m"}], "maker")
    await first.write("apply_batch", turns.apply_next)
    held = Held(first, settling.settle_due)
    await held.reached()

    deleting = asyncio.create_task(engine.run(second, SYSTEM, Delete(SCOPES, [Target(SCOPE)])))
    await asyncio.sleep(LONG_ENOUGH_S)
    assert not deleting.done()
    await held.end()

    report = await deleting
    assert [fault.code for fault in report.results[0].faults] == ["in_use"]
    assert sorted(await stored(first)) == ["a", "m"]
