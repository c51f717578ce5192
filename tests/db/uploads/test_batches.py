"""Batches: each record by itself, merged in order, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from db.batches import Kind, OnStored
from db.scopes import SCOPES, NewScope
from db.uploads import turns
from tests.db.conftest import Statements
from tests.db.uploads.uploading import accept, batch, counts, faults, stored, types, upload, work
from tests.factories import create

if TYPE_CHECKING:
    from db.database import Database

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.fixture
async def catalogue(database: Database) -> None:
    """Create the types."""
    await types(database)


async def test_records_are_stored_named_and_counted(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "title": "A"}, {"sku": 7, "price": 1.5}])

    assert counts(row) == ("success", 2, 0, 0)
    assert row.started_at is not None
    assert row.completed_at is not None
    assert await stored(database) == {"a": {"sku": "a", "title": "A"}, "7": {"sku": 7, "price": 1.5}}


async def test_a_faulty_record_never_hurts_its_neighbours(database: Database) -> None:
    records = [
        {"sku": "a"},
        {"title": "no id"},
        {"sku": "b", "title": "x" * 21, "price": -1},
        {"sku": "c", "colour": "red", "size": {"d": 1}},
        {"sku": None},
        {"sku": "d", "price": 2**70},
        {"sku": "e\u0000"},
        {"sku": "f", "title": "\ud800"},
        {"sku": ""},
        {"sku": "g", "title": "fine"},
    ]

    row = await upload(database, records)

    assert counts(row) == ("partial_success", 2, 8, 0)
    told = await faults(database, row)
    assert told[1] == [("missing_field", "/data/sku")]
    assert sorted(told[2]) == [("invalid_value", "/data/price"), ("invalid_value", "/data/title")]
    assert sorted(told[3]) == [("unknown_field", "/data/colour"), ("unknown_field", "/data/size/d")]
    assert told[4] == [("missing_field", "/data/sku")]
    assert [told[index][0][0] for index in (5, 6, 7, 8)] == ["invalid_value"] * 4
    assert sorted(await stored(database)) == ["a", "g"]


async def test_a_record_nested_too_deeply_fails_alone(database: Database) -> None:
    def nested(depth: int) -> str:
        return '{"sku": "a", "size": ' + '{"w":' * depth + "1" + "}" * depth + "}"

    body = f'[{nested(98)}, {{"sku": "b"}}, {nested(101)}, {nested(900)}]'
    batch_id = await accept(database, [{}] * 4, body=body, ignore_unknown_fields=True)
    await work(database)

    row = await batch(database, batch_id)
    assert counts(row) == ("partial_success", 1, 3, 0)
    told = await faults(database, row)
    assert [told[index][0][0] for index in (0, 2, 3)] == ["invalid_value"] * 3
    assert sorted(await stored(database)) == ["b"]


async def test_unknown_fields_are_dropped_on_demand(database: Database) -> None:
    row = await upload(database, [{"sku": "a", "x": 1, "size": {"w": 1, "d": 2}}], ignore_unknown_fields=True)

    assert counts(row) == ("success", 1, 0, 0)
    assert await stored(database) == {"a": {"sku": "a", "size": {"w": 1}}}


async def test_an_upsert_merges_top_level_fields_and_null_deletes_one(database: Database) -> None:
    await upload(database, [{"sku": "a", "title": "A", "price": 1, "size": {"w": 1, "h": 2}}])

    row = await upload(database, [{"sku": "a", "title": None, "size": {"w": 3}}])

    assert counts(row) == ("success", 1, 0, 0)
    assert await stored(database) == {"a": {"sku": "a", "price": 1, "size": {"w": 3}}}


async def test_deleting_a_required_field_fails_that_record(database: Database) -> None:
    await upload(database, [{"name": "m"}], "maker")

    row = await upload(database, [{"name": "m", "nick": 1}, {"name": None}], "maker")

    assert counts(row) == ("failed", 0, 2, 0)
    assert await stored(database) == {"m": {"name": "m"}}


async def test_reject_fails_what_exists_before_or_in_the_batch(database: Database) -> None:
    await upload(database, [{"sku": "a", "price": 1}])

    row = await upload(
        database, [{"sku": "a"}, {"sku": "b"}, {"sku": "b", "price": 2}], on_conflict=OnStored.REJECT
    )

    assert counts(row) == ("partial_success", 1, 2, 0)
    assert await faults(database, row) == {0: [("already_exists", "")], 2: [("already_exists", "")]}
    assert await stored(database) == {"a": {"sku": "a", "price": 1}, "b": {"sku": "b"}}


async def test_the_same_external_id_twice_is_taken_in_order(database: Database) -> None:
    row = await upload(
        database,
        [{"sku": "a", "price": 1, "title": "A"}, {"sku": "a", "title": "x" * 21}, {"sku": "a", "price": 2}],
    )

    assert counts(row) == ("partial_success", 2, 1, 0)
    assert await stored(database) == {"a": {"sku": "a", "price": 2, "title": "A"}}


async def test_a_patch_changes_what_exists_and_nothing_else(database: Database) -> None:
    await upload(database, [{"sku": "a", "price": 1}])

    row = await upload(database, [{"sku": "a", "title": "A"}, {"sku": "b"}], kind=Kind.PATCH)

    assert counts(row) == ("partial_success", 1, 1, 0)
    assert await faults(database, row) == {1: [("not_found", "")]}
    assert await stored(database) == {"a": {"sku": "a", "price": 1, "title": "A"}}


async def test_batches_are_applied_in_turns_of_their_scopes(database: Database) -> None:
    await create(database, SCOPES, NewScope(id="scope_small", parent_scope_id="scope_acme", name="Small"))
    flood = [await accept(database, [{"sku": f"a{i}"}]) for i in range(5)]
    small = [await accept(database, [{"sku": f"b{i}"}], scope_id="scope_small") for i in range(2)]

    applied = [await database.write("apply_batch", turns.apply_next) for _ in range(7)]

    assert applied.index(small[0]) <= 1
    assert applied.index(small[1]) <= 3
    assert [each for each in applied if each in flood] == flood


@pytest.mark.parametrize("count", [1, 64, 1_000])
async def test_the_statements_of_a_batch_dont_grow(database: Database, count: int) -> None:
    await upload(database, [{"name": "m"}], "maker")
    await upload(database, [{"sku": f"old{i}"} for i in range(count)])
    batch_id = await accept(
        database,
        [
            *({"sku": f"new{i}", "maker": "m", "part_of": f"old{i}"} for i in range((count + 1) // 2)),
            *({"sku": f"old{i}", "price": 2} for i in range(count // 2)),
        ],
    )
    database.observer = statements = Statements()
    await work(database)
    taken = statements.take()
    database.observer = None

    assert counts(await batch(database, batch_id))[0] == "success"
    assert taken <= 20, taken
