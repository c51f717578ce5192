"""References: checked, waited for, released by whatever door stores the target, and kept from dangling."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from db import engine
from db.access import SYSTEM
from db.batches import BATCHES, Kind
from db.commands import CancelBatch, Create, Delete, OnConflict, OnError, Target, Update, Updating
from db.outcomes import Outcome
from db.resource_types import RESOURCE_TYPES, ResourceTypeChange
from db.resources import RESOURCES, NewResource, ResourceChange
from db.uploads import settling, sweeping
from tests.db.uploads.uploading import (
    SCOPE,
    accept,
    batch,
    counts,
    create_product,
    faults,
    refused,
    stored,
    types,
    upload,
    waits_for,
    work,
)

if TYPE_CHECKING:
    from db.database import Database

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.fixture
async def catalogue(database: Database) -> None:
    """Create the types."""
    await types(database)


async def test_order_inside_a_batch_doesnt_matter(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "part_of": "b"}, {"sku": "b", "part_of": "c"}, {"sku": "c"}])

    assert counts(row) == ("success", 3, 0, 0)


async def test_a_missing_target_fails_the_record_and_all_that_need_it(database: Database) -> None:
    row = await upload(
        database,
        [
            {"sku": "a", "part_of": "b"},
            {"sku": "b", "parts": ["c", "x"]},
            {"sku": "c"},
            {"sku": "d", "maker": 5},
        ],
    )

    assert counts(row) == ("partial_success", 1, 3, 0)
    assert await faults(database, row) == {
        0: [("unknown_reference", "/data/part_of")],
        1: [("unknown_reference", "/data/parts/1")],
        3: [("unknown_reference", "/data/maker")],
    }
    assert sorted(await stored(database)) == ["c"]


async def test_rings_and_self_references_are_stored_together(database: Database) -> None:
    row = await upload(
        database, [{"sku": "a", "part_of": "b"}, {"sku": "b", "part_of": "a"}, {"sku": "c", "parts": ["c"]}]
    )

    assert counts(row) == ("success", 3, 0, 0)


async def test_a_record_waits_and_tells_for_what(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "maker": "m", "part_of": "b"}, {"sku": "c"}], wait_s=60)

    assert counts(row) == ("pending", 1, 0, 1)
    assert await waits_for(database, row) == {"a": ["product b", "maker m"]} or await waits_for(
        database, row
    ) == {"a": ["maker m", "product b"]}
    await upload(database, [{"name": "m"}], "maker")
    assert await waits_for(database, row) == {"a": ["product b"]}
    await create_product(database, sku="b")
    await work(database)

    assert counts(await batch(database, row.id)) == ("success", 2, 0, 0)
    assert (await stored(database))["a"] == {"sku": "a", "maker": "m", "part_of": "b"}


async def test_rings_over_several_batches_are_stored_together(database: Database) -> None:
    rows = [
        await upload(database, [{"sku": sku, "part_of": target}], wait_s=60)
        for sku, target in (("a", "b"), ("b", "c"), ("outside", "a"))
    ]
    assert [counts(row)[0] for row in rows] == ["pending"] * 3

    last = await upload(database, [{"sku": "c", "part_of": "a"}], wait_s=60)

    assert counts(last) == ("success", 1, 0, 0)
    assert [counts(await batch(database, row.id))[0] for row in rows] == ["success"] * 3


async def test_a_ring_that_also_waits_for_something_else_goes_on_when_that_comes(database: Database) -> None:
    first = await upload(database, [{"sku": "a", "part_of": "b", "maker": "m"}], wait_s=60)
    second = await upload(database, [{"sku": "b", "part_of": "a"}], wait_s=60)
    assert counts(second) == ("pending", 0, 0, 1)

    await upload(database, [{"name": "m"}], "maker")

    assert counts(await batch(database, first.id)) == ("success", 1, 0, 0)
    assert counts(await batch(database, second.id)) == ("success", 1, 0, 0)


async def test_a_long_chain_in_reverse_order_takes_a_handful_of_rounds(database: Database) -> None:
    length = 300
    ids = [
        await accept(database, [{"sku": f"c{i}", "part_of": f"c{i + 1}"}], wait_s=60) for i in range(length)
    ]
    await work(database)
    assert {counts(await batch(database, each))[0] for each in ids[::37]} == {"pending"}

    await create_product(database, sku=f"c{length}")
    rounds = 0
    while await database.write("settle_waiting_records", settling.settle_due):
        rounds += 1

    assert rounds <= 3
    assert len(await stored(database)) == length + 1
    assert counts(await batch(database, ids[0])) == ("success", 1, 0, 0)


async def test_a_later_upload_corrects_what_waits_and_settles_both(database: Database) -> None:
    first = await upload(database, [{"sku": "a", "title": "A", "maker": "typo"}], wait_s=60)
    await upload(database, [{"name": "m"}], "maker")

    second = await upload(database, [{"sku": "a", "maker": "m"}])

    assert counts(second) == ("success", 1, 0, 0)
    assert counts(await batch(database, first.id)) == ("success", 1, 0, 0)
    assert (await stored(database))["a"] == {"sku": "a", "title": "A", "maker": "m"}


async def test_a_later_upload_that_may_not_wait_fails_alone(database: Database) -> None:
    first = await upload(database, [{"sku": "a", "maker": "m"}], wait_s=60)

    second = await upload(database, [{"sku": "a", "title": "A"}])
    assert counts(second) == ("failed", 0, 1, 0)
    assert await faults(database, second) == {0: [("unknown_reference", "/data/maker")]}

    third = await upload(database, [{"sku": "a", "price": 1}], kind=Kind.PATCH, wait_s=60)
    assert counts(third) == ("pending", 0, 0, 1)
    await upload(database, [{"name": "m"}], "maker")

    assert counts(await batch(database, first.id)) == ("success", 1, 0, 0)
    assert counts(await batch(database, third.id)) == ("success", 1, 0, 0)
    assert (await stored(database))["a"] == {"sku": "a", "maker": "m", "price": 1}


async def test_what_waits_is_stored_though_its_type_demands_nothing_any_more(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "maker": "m"}], wait_s=60)
    change = ResourceTypeChange(schema=None, external_id_field=None, display_name_path=None)
    items = [Updating(Target("resource_type_product"), change)]
    assert (await engine.run(database, SYSTEM, Update(RESOURCE_TYPES, items))).committed

    await upload(database, [{"name": "m"}], "maker")

    assert counts(await batch(database, row.id)) == ("success", 1, 0, 0)


async def test_what_waits_too_long_fails(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "maker": "m"}, {"sku": "b"}], wait_s=1)
    assert counts(row) == ("pending", 1, 0, 1)
    await asyncio.sleep(2.1)

    await database.write("expire_waiting_records", sweeping.expire)

    row = await batch(database, row.id)
    assert counts(row) == ("partial_success", 1, 1, 0)
    assert await faults(database, row) == {0: [("dependency_timeout", "")]}


async def test_a_waiter_that_has_become_faulty_fails_in_its_own_batch(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "maker": "m"}], wait_s=60, on_conflict="reject")
    await create_product(database, sku="a")

    maker = await upload(database, [{"name": "m"}], "maker")

    assert counts(maker) == ("success", 1, 0, 0)
    row = await batch(database, row.id)
    assert counts(row) == ("failed", 0, 1, 0)
    assert await faults(database, row) == {0: [("already_exists", "")]}


async def test_a_target_that_goes_before_the_last_one_comes_is_waited_for_again(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "part_of": "b", "maker": "m"}], wait_s=60)
    await upload(database, [{"sku": "b"}])
    await upload(database, ["b"], kind=Kind.DELETE)
    await upload(database, [{"name": "m"}], "maker")
    assert await waits_for(database, row) == {"a": ["product b"]}

    await upload(database, [{"sku": "b"}])

    assert counts(await batch(database, row.id)) == ("success", 1, 0, 0)


async def test_a_cancelled_batch_keeps_what_is_stored(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "maker": "m"}, {"sku": "b"}], wait_s=60)
    queued = await accept(database, [{"sku": "c"}])

    for each in (row.id, queued, row.id):
        report = await engine.run(database, SYSTEM, CancelBatch(BATCHES, each))
        assert report.committed
    await upload(database, [{"name": "m"}], "maker")

    assert counts(await batch(database, row.id)) == ("cancelled", 1, 1, 0)
    assert counts(await batch(database, queued)) == ("cancelled", 0, 1, 0)
    assert sorted(await stored(database)) == ["b", "m"]
    done = await upload(database, [{"sku": "z"}])
    report = await engine.run(database, SYSTEM, CancelBatch(BATCHES, done.id))
    assert [fault.code for fault in report.results[0].faults] == ["locked"]


async def test_other_doors_check_data_and_references_too(database: Database) -> None:
    assert await refused(
        database,
        NewResource(resource_type_id="resource_type_product", scope_id=SCOPE, data={"sku": "a", "price": -1}),
        NewResource(
            resource_type_id="resource_type_product", scope_id=SCOPE, data={"sku": "b", "maker": "m"}
        ),
        NewResource(resource_type_id="resource_type_product", scope_id=SCOPE, data={"title": "c"}),
        NewResource(
            resource_type_id="resource_type_product",
            scope_id=SCOPE,
            external_resource_id="d",
            data={"sku": "e"},
        ),
        NewResource(resource_type_id="resource_type_product", scope_id=SCOPE, data={"sku": "f"}),
    ) == [
        [("invalid_value", "/data/price")],
        [("unknown_reference", "/data/maker")],
        [("missing_field", "/externalResourceId")],
        [("invalid_value", "/data/sku")],
        [],
    ]
    assert await stored(database) == {}


async def test_what_a_batch_of_another_door_refers_to_may_be_in_it(database: Database) -> None:
    items = [
        NewResource(resource_type_id="resource_type_product", scope_id=SCOPE, data=data)
        for data in (
            {"sku": "a", "part_of": "b"},
            {"sku": "b", "part_of": "a", "title": "B"},
            {"sku": "c", "part_of": "d"},
            {"sku": "d", "price": -1},
            {"sku": "e", "part_of": "c"},
        )
    ]

    report = await engine.run(database, SYSTEM, Create(RESOURCES, items, on_error=OnError.REJECT_FAILED))

    assert [result.outcome for result in report.results] == [
        "created",
        "created",
        "failed",
        "failed",
        "failed",
    ]
    assert report.results[1].row is not None
    assert report.results[1].row.display_name == "B"
    assert sorted(await stored(database)) == ["a", "b"]


async def test_an_update_moves_the_references(database: Database) -> None:
    a, b = await create_product(database, sku="a"), await create_product(database, sku="b")
    c = await create_product(database, sku="c", part_of="a")

    async def update(**data: object) -> list[str]:
        items = [Updating(Target(c.id), ResourceChange(data=data))]
        report = await engine.run(database, SYSTEM, Update(RESOURCES, items))
        return [fault.code for fault in report.results[0].faults]

    async def delete(*ids: str) -> list[list[str]]:
        report = await engine.run(database, SYSTEM, Delete(RESOURCES, [Target(each) for each in ids]))
        return [[fault.code for fault in result.faults] for result in report.results]

    assert await delete(a.id) == [["in_use"]]
    assert await update(part_of="nothing") == ["unknown_reference"]
    assert await update(price="much") == ["invalid_value"]
    assert await update(part_of="b") == []
    assert await delete(b.id) == [["in_use"]]
    assert await delete(a.id) == [[]]
    assert await delete(b.id, c.id) == [[], []]
    assert await stored(database) == {}


async def test_a_merge_keeps_the_references_it_doesnt_touch(database: Database) -> None:
    await upload(database, [{"name": "m"}, {"name": "n"}], "maker")
    await upload(database, [{"sku": "a", "maker": "m"}])

    row = await upload(database, [{"sku": "a", "title": "A"}])
    assert counts(row) == ("success", 1, 0, 0)
    new = NewResource(
        resource_type_id="resource_type_product", scope_id=SCOPE, data={"sku": "a", "part_of": "a"}
    )
    report = await engine.run(database, SYSTEM, Create(RESOURCES, [new], on_conflict=OnConflict.MERGE))

    assert [result.outcome for result in report.results] == ["updated"]
    assert (await stored(database))["a"] == {"sku": "a", "maker": "m", "title": "A", "part_of": "a"}
    row = await upload(database, ["m", "n"], "maker", kind=Kind.DELETE)
    assert await faults(database, row) == {0: [("in_use", "")]}


async def test_deletes_keep_what_others_refer_to_unless_they_cascade(database: Database) -> None:
    await upload(database, [{"name": "m"}], "maker")
    await upload(
        database, [{"sku": "a", "maker": "m"}, {"sku": "b", "part_of": "a"}, {"sku": "c", "part_of": "b"}]
    )

    row = await upload(database, ["m", "nope"], "maker", kind=Kind.DELETE)
    assert counts(row) == ("failed", 0, 2, 0)
    assert await faults(database, row) == {0: [("in_use", "")], 1: [("not_found", "")]}

    row = await upload(database, [], "maker", kind=Kind.DELETE, delete_all=True)
    assert counts(row) == ("failed", 0, 1, 0)

    row = await upload(database, ["b", "c"], kind=Kind.DELETE)
    assert counts(row) == ("success", 2, 0, 0)

    row = await upload(database, ["m"], "maker", kind=Kind.DELETE, cascade=True)
    assert counts(row) == ("success", 1, 0, 0)
    assert await stored(database) == {}


async def test_deleting_all_counts_what_there_was(database: Database) -> None:
    await upload(database, [{"sku": "a"}, {"sku": "b", "part_of": "a"}])

    row = await upload(database, [], kind=Kind.DELETE, delete_all=True)

    assert (row.total, *counts(row)) == (2, "success", 2, 0, 0)
    assert await stored(database) == {}


async def test_deleting_a_waiting_record_cancels_it(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "maker": "m"}], wait_s=60)

    deleted = await upload(database, ["a"], kind=Kind.DELETE)
    await upload(database, [{"name": "m"}], "maker")

    assert counts(deleted) == ("success", 1, 0, 0)
    assert counts(await batch(database, row.id)) == ("failed", 0, 1, 0)
    assert sorted(await stored(database)) == ["m"]


async def test_a_type_that_something_waits_or_refers_to_stays(database: Database) -> None:
    await upload(database, [{"sku": "a", "maker": "m"}], wait_s=60)
    for each in ("resource_type_maker", "resource_type_product"):
        report = await engine.run(database, SYSTEM, Delete(RESOURCE_TYPES, [Target(each)]))
        assert [fault.code for fault in report.results[0].faults] == ["in_use"]
    report = await engine.run(
        database,
        SYSTEM,
        Delete(RESOURCE_TYPES, [Target("resource_type_maker"), Target("resource_type_product")]),
    )
    assert report.results[1].outcome == Outcome.FAILED
