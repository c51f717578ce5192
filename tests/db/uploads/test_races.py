"""Several processes at once: nothing that could be stored goes on waiting, no merge is lost, nothing dangles.

Each "process" has its own connections to one PostgreSQL server; what races is what two servers would run.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from db import engine
from db.access import SYSTEM
from db.batches import Kind, OnStored
from db.commands import Create
from db.database import open_database
from db.errors import Unavailable
from db.resources import RESOURCES, NewResource
from db.tables import resource_references, resources, waiting_records, waiting_targets
from db.uploads import settling, turns
from tests.db.uploads.uploading import SCOPE, accept, batch, counts, faults, stored, types, upload, work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from db.database import Database

ROUNDS = 120
SOAK_ROUNDS = 10_000
ROUNDS_TOGETHER = 20


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


async def apply_all(database: Database) -> None:
    """Apply what is queued, while others do the same."""
    while await retried(database, "apply_batch", turns.apply_next) is not None:
        pass


async def retried(database: Database, name: str, turn: Callable[..., Awaitable[object]]) -> object:
    """Take a turn as the engine does: again when others were in its way too often."""
    while True:
        try:
            return await database.write(name, turn)
        except Unavailable:
            await asyncio.sleep(0.01)


async def total(database: Database, table: object) -> int:
    """Return how many rows a table has."""
    async with database.read("test") as reader:
        count: int = (await reader.fetch(select(func.count()).select_from(table), {}))[0][0]  # type: ignore[arg-type]
    return count


async def dangling(database: Database) -> int:
    """Count references whose target isn't there."""
    lost = select(func.count()).where(resource_references.c.target_id.not_in(select(resources.c.id)))
    async with database.read("test") as reader:
        count: int = (await reader.fetch(lost, {}))[0][0]
    return count


async def meet(processes: list[Database], number: int, shape: str) -> None:
    """Bring a referrer and its target, or the halves of a ring, to the database at the same moment."""
    first, second = processes if number % 2 else processes[::-1]
    a, b, c = f"a{number}", f"b{number}", f"c{number}"
    await accept(first, [{"sku": a, "part_of": b}], wait_s=3_600)
    if shape == "batch":
        await accept(second, [{"sku": b}])
    elif shape == "ring":
        await accept(second, [{"sku": b, "part_of": a}], wait_s=3_600)
    elif shape == "three":
        await accept(second, [{"sku": b, "part_of": c}], wait_s=3_600)
        await accept(second, [{"sku": c, "part_of": a}], wait_s=3_600)
    racers: list[Awaitable[object]] = [apply_all(first)]
    racers.append(create(second, b) if shape == "door" else apply_all(second))
    if number % 3 == 0:
        racers.append(retried(second, "settle_waiting_records", settling.settle_due))
    await asyncio.gather(*racers)


async def create(database: Database, sku: str) -> None:
    """Store a target through the catalogue's door."""
    await asyncio.sleep(random.random() * 0.004)
    item = NewResource(resource_type_id="resource_type_product", scope_id=SCOPE, data={"sku": sku})
    report = await engine.run(database, SYSTEM, Create(RESOURCES, [item]))
    assert report.committed


async def check_no_lost_wake_up(processes: list[Database], rounds: int) -> None:
    """Let referrers and targets meet, and find none waiting afterwards."""
    shapes = ("batch", "door", "ring", "three")
    for number in range(0, rounds, ROUNDS_TOGETHER):
        for offset in range(ROUNDS_TOGETHER):
            await meet(processes, number + offset, shapes[(number // ROUNDS_TOGETHER + offset) % 4])
        await asyncio.gather(
            *(retried(each, "settle_waiting_records", settling.settle_due) for each in processes)
        )
        await work(processes[0])
        assert await total(processes[0], waiting_records) == 0
        assert await total(processes[0], waiting_targets) == 0
    assert await dangling(processes[0]) == 0


async def test_no_wake_up_is_lost(processes: list[Database]) -> None:
    await check_no_lost_wake_up(processes, ROUNDS)


@pytest.mark.soak
async def test_no_wake_up_is_lost_in_ten_thousand_rounds(processes: list[Database]) -> None:
    await check_no_lost_wake_up(processes, SOAK_ROUNDS)


async def test_two_batches_on_the_same_records_lose_no_merge(processes: list[Database]) -> None:
    for number in range(20):
        skus = [f"s{number}-{i}" for i in range(10)]
        await accept(processes[0], [{"sku": sku, "first": "1"} for sku in skus])
        await accept(processes[1], [{"sku": sku, "second": "2"} for sku in reversed(skus)])
        await asyncio.gather(*map(apply_all, processes))
        data = await stored(processes[0])
        for sku in skus:
            assert data[sku] == {"sku": sku, "first": "1", "second": "2"}


async def test_reject_under_a_race_gives_exactly_one_success(processes: list[Database]) -> None:
    for number in range(20):
        ids = [
            await accept(database, [{"sku": f"s{number}"}], on_conflict=OnStored.REJECT)
            for database in processes
        ]
        await asyncio.gather(*map(apply_all, processes))
        rows = [await batch(processes[0], each) for each in ids]
        assert sorted(counts(row)[0] for row in rows) == ["failed", "success"]


async def test_a_delete_against_a_new_reference_leaves_no_orphan(processes: list[Database]) -> None:
    for number in range(20):
        await upload(processes[0], [{"sku": f"t{number}"}])
        referring = await accept(processes[0], [{"sku": f"r{number}", "part_of": f"t{number}"}])
        deleting = await accept(processes[1], [f"t{number}"], kind=Kind.DELETE, cascade=number % 2 == 0)
        await asyncio.gather(*map(apply_all, processes))
        assert await dangling(processes[0]) == 0
        rows = [await batch(processes[0], each) for each in (referring, deleting)]
        if number % 2:
            assert sorted(counts(row)[0] for row in rows) == ["failed", "success"], [
                await faults(processes[0], row) for row in rows
            ]


async def test_a_batch_is_applied_once_by_many(processes: list[Database]) -> None:
    ids = [await accept(processes[0], [{"sku": f"x{i}-{k}"} for k in range(20)]) for i in range(20)]

    await asyncio.gather(*(apply_all(each) for each in processes for _ in range(3)))

    assert {counts(await batch(processes[0], each)) for each in ids} == {("success", 20, 0, 0)}
    assert await total(processes[0], resources) == 400
