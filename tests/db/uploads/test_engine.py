"""The engine's loop: it finds work by itself, outlives what goes wrong, and stops between turns."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from db.uploads import applying, engine, settling, sweeping, turns
from db.uploads.engine import UploadEngine
from tests.db.uploads.uploading import accept, batch, counts, faults, types, upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.database import Database, Transaction

PATIENCE_S = 20


@pytest.fixture(autouse=True)
async def catalogue(database: Database) -> None:
    """Create the types."""
    await types(database)


@asynccontextmanager
async def working(database: Database) -> AsyncIterator[UploadEngine]:
    """Run an engine until the block ends."""
    running = UploadEngine(database, lanes=2)
    running.start()
    yield running
    await running.stop()


async def done(database: Database, batch_id: str, *statuses: str) -> tuple[str, int, int, int]:
    """Wait until a batch has one of some statuses, and return what became of it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            row = await batch(database, batch_id)
            if row.status in statuses:
                return counts(row)
            await asyncio.sleep(0.02)


async def test_it_applies_what_was_there_before_and_what_comes(database: Database) -> None:
    before = await accept(database, [{"sku": "a"}])
    async with working(database):
        assert await done(database, before, "success") == ("success", 1, 0, 0)
        waits = await accept(database, [{"sku": "b", "part_of": "c"}], wait_s=60)
        assert await done(database, waits, "pending") == ("pending", 0, 0, 1)
        await accept(database, [{"sku": "c"}])
        assert await done(database, waits, "success") == ("success", 1, 0, 0)


async def test_what_waits_expires_by_itself(database: Database) -> None:
    async with working(database):
        waits = await accept(database, [{"sku": "b", "part_of": "c"}], wait_s=1)
        assert await done(database, waits, "failed") == ("failed", 0, 1, 0)


async def test_what_waits_expires_though_the_engine_never_rests(database: Database) -> None:
    async def keep_busy() -> None:
        while True:
            await accept(database, [{"sku": "x"}])
            await asyncio.sleep(engine.LOOK_EVERY_S / 5)

    async with working(database):
        waits = await accept(database, [{"sku": "b", "part_of": "c"}], wait_s=1)
        busy = asyncio.create_task(keep_busy())
        assert await done(database, waits, "failed") == ("failed", 0, 1, 0)
        busy.cancel()


async def test_a_batch_that_shows_a_bug_is_given_up_and_others_get_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PAUSE_S", 0.01)
    apply_records = applying.apply_records

    async def with_a_bug(w: object, row: object, body: str) -> None:
        if "boom" in body:
            raise ValueError("a bug")
        await apply_records(w, row, body)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(turns, "apply_records", with_a_bug)
    bad = await accept(database, [{"sku": "boom"}, {"sku": "x"}])
    good = await accept(database, [{"sku": "y"}])

    async with working(database):
        assert await done(database, good, "success") == ("success", 1, 0, 0)
        assert await done(database, bad, "failed") == ("failed", 0, 2, 0)
    assert await faults(database, await batch(database, bad)) == {
        0: [("internal", "")],
        1: [("internal", "")],
    }


async def test_a_waiting_record_that_shows_a_bug_is_given_up_and_others_get_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await upload(database, [{"sku": "bad", "maker": "m"}], wait_s=60)
    good = await upload(database, [{"sku": "good", "maker": "m"}], wait_s=60)
    chain = settling._chain

    def with_a_bug(w: object, row: object) -> object:
        if getattr(row, "external_id") == "bad":  # noqa: B009 - of a row, whatever it is to this test
            raise ValueError("a bug")
        return chain(w, row)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(settling, "_chain", with_a_bug)
    await accept(database, [{"name": "m"}], "maker")

    async with working(database):
        assert await done(database, good.id, "success") == ("success", 1, 0, 0)
        assert await done(database, bad.id, "failed") == ("failed", 0, 1, 0)


async def test_it_stops_between_turns(database: Database) -> None:
    ids = [await accept(database, [{"sku": f"{i}-{k}"} for k in range(50)]) for i in range(20)]
    async with working(database):
        await done(database, ids[0], "success")

    found = {counts(await batch(database, each)) for each in ids}
    assert found <= {("success", 50, 0, 0), ("queued", 0, 0, 0)}


async def test_old_batches_are_dropped_with_their_failures(database: Database) -> None:
    row = await upload(database, [{"sku": "a"}, {"title": "no id"}])
    queued = await accept(database, [{"sku": "b"}])

    async def drop(tx: Transaction) -> int:
        return await sweeping.drop_old(tx, "9999-01-01T00:00:00Z")

    assert await database.write("drop_old_batches", drop) == 1
    assert await faults(database, row) == {}
    assert counts(await batch(database, queued))[0] == "queued"
