"""Records that meet in one batch, deletes that come to nothing, types that change under what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from db import engine
from db.access import SYSTEM
from db.batches import BATCHES, Kind
from db.commands import CancelBatch, Create, OnConflict, OnError, Target, Update, Updating
from db.resource_types import RESOURCE_TYPES, ResourceTypeChange
from db.resources import RESOURCES, NewResource, ResourceChange
from db.uploads import chains, deletions
from tests.db.uploads.uploading import (
    SCOPE,
    accept,
    batch,
    counts,
    create_product,
    faults,
    stored,
    types,
    upload,
    waits_for,
)

if TYPE_CHECKING:
    from db.database import Database

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.fixture
async def catalogue(database: Database) -> None:
    """Create the types."""
    await types(database)


async def test_a_target_whose_first_record_fails_and_whose_second_doesnt_is_there(database: Database) -> None:
    row = await upload(
        database, [{"sku": "a", "part_of": "b"}, {"sku": "b", "part_of": "nothing"}, {"sku": "b"}]
    )

    assert counts(row) == ("partial_success", 2, 1, 0)
    assert await faults(database, row) == {1: [("unknown_reference", "/data/part_of")]}
    assert await stored(database) == {"a": {"sku": "a", "part_of": "b"}, "b": {"sku": "b"}}


async def test_a_record_that_fails_isnt_told_that_it_misses_itself(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "parts": ["a", "nothing"]}])

    assert await faults(database, row) == {0: [("unknown_reference", "/data/parts/1")]}


async def test_all_that_is_missing_in_the_end_is_told(database: Database) -> None:
    row = await upload(
        database,
        [{"sku": "a", "parts": ["b", "x"]}, {"sku": "b", "part_of": "c"}, {"sku": "c", "part_of": "y"}],
    )

    assert await faults(database, row) == {
        0: [("unknown_reference", "/data/parts/0"), ("unknown_reference", "/data/parts/1")],
        1: [("unknown_reference", "/data/part_of")],
        2: [("unknown_reference", "/data/part_of")],
    }


async def test_one_faulty_record_many_times_is_judged_once_each(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = 0
    merged = chains.Chain._merged

    def counting(self: chains.Chain, *args: object) -> chains.State | None:
        nonlocal judged
        judged += 1
        return merged(self, *args)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(chains.Chain, "_merged", counting)
    row = await upload(database, [{"sku": "a", "part_of": "nothing"}] * 1_000)

    assert counts(row) == ("failed", 0, 1_000, 0)
    assert judged <= 2_000


async def test_a_faulty_item_takes_no_references_from_the_one_before(database: Database) -> None:
    await upload(database, [{"name": "m"}, {"name": "n"}], "maker")
    new = [
        NewResource(
            resource_type_id="resource_type_product", scope_id=SCOPE, data={"sku": "a", "maker": each}
        )
        for each in ("m", "nobody")
    ]
    command = Create(RESOURCES, new, on_conflict=OnConflict.MERGE, on_error=OnError.REJECT_FAILED)
    report = await engine.run(database, SYSTEM, command)
    assert [result.outcome for result in report.results] == ["created", "failed"]
    row = await create_product(database, sku="b")
    changes = [Updating(Target(row.id), ResourceChange(data={"maker": each})) for each in ("n", "nobody")]
    report = await engine.run(database, SYSTEM, Update(RESOURCES, changes, on_error=OnError.REJECT_FAILED))
    assert [result.outcome for result in report.results] == ["updated", "failed"]

    deleted = await upload(database, ["m", "n"], "maker", kind=Kind.DELETE)

    assert await faults(database, deleted) == {0: [("in_use", "")], 1: [("in_use", "")]}


async def test_a_delete_that_is_refused_leaves_what_waits_alone(database: Database) -> None:
    await upload(database, [{"sku": "a"}, {"sku": "b", "part_of": "a"}])
    waits = await upload(database, [{"sku": "a", "maker": "m"}], wait_s=60)

    deleted = await upload(database, ["a"], kind=Kind.DELETE)

    assert await faults(database, deleted) == {0: [("in_use", "")]}
    assert await waits_for(database, waits) == {"a": ["maker m"]}
    await upload(database, [{"name": "m"}], "maker")
    assert counts(await batch(database, waits.id)) == ("success", 1, 0, 0)


async def test_what_waits_under_an_id_that_its_type_has_elsewhere_now_fails(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "maker": "m", "title": "other"}], wait_s=60)
    items = [Updating(Target("resource_type_product"), ResourceTypeChange(external_id_field="title"))]
    assert (await engine.run(database, SYSTEM, Update(RESOURCE_TYPES, items))).committed

    await upload(database, [{"name": "m"}], "maker")

    row = await batch(database, row.id)
    assert counts(row) == ("failed", 0, 1, 0)
    assert await faults(database, row) == {0: [("invalid_value", "/data/title")]}


async def test_what_is_too_long_to_be_an_external_id_isnt_waited_for(database: Database) -> None:
    long = "".join(map(chr, range(0x4E00, 0x4E00 + 3_000)))
    row = await upload(database, [{"sku": "a", "maker": long}, {"sku": "b"}], wait_s=60)

    assert counts(row) == ("partial_success", 1, 1, 0)
    assert await faults(database, row) == {0: [("invalid_value", "/data/maker")]}


async def test_a_cancelled_delete_of_everything_has_an_end(database: Database) -> None:
    batch_id = await accept(database, [], kind=Kind.DELETE, delete_all=True)

    assert (await engine.run(database, SYSTEM, CancelBatch(BATCHES, batch_id))).committed

    row = await batch(database, batch_id)
    assert counts(row) == ("cancelled", 0, 0, 0)
    assert row.completed_at is not None


async def test_a_delete_of_everything_doesnt_read_the_data(database: Database) -> None:
    await upload(database, [{"sku": "a", "title": "A"}])
    asked = deletions.Asked(SCOPE, SCOPE, "resource_type_product", everything=True)

    async with database.read("test") as reader:
        found = await deletions.stored(reader, asked, [], locking=False)

    assert [(row.external_resource_id, row.display_name, row.data) for row in found.values()] == [
        ("a", "A", None)
    ]
