"""Creates: every item becomes an outcome at its index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from db import engine
from db.access import SYSTEM, Role
from db.commands import Create, OnError
from db.errors import Code, Fault, Refused
from db.ids import Namespace
from db.outcomes import Outcome
from db.reads import Page, Selection, by_ids, page
from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.resources import RESOURCES, NewResource
from db.scopes import SCOPES, NewScope
from db.tag_groups import TAG_GROUPS, NewTagGroup
from db.tags import TAGS, NewTag
from tests.factories import caller_in, create, fates, ids, new_resource, new_tag, rows_of, stored

if TYPE_CHECKING:
    from db.database import Database

UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@pytest.mark.parametrize("count", [1, 2, 64, 1000])
async def test_server_ids_rise_in_the_order_of_the_items(acme: Database, count: int) -> None:
    rows = await create(acme, RESOURCES, *(new_resource(f"r{i}") for i in range(count)))
    assert ids(rows) == sorted({row.id for row in rows})
    assert all(re.fullmatch(f"resource_{UUID7}", row.id) for row in rows)
    assert [row.external_resource_id for row in rows] == [f"r{i}" for i in range(count)]
    async with acme.read("test") as reader:
        assert await by_ids(reader, SYSTEM, RESOURCES, [row.id for row in rows]) == rows


async def test_a_batch_of_nothing_does_nothing(acme: Database) -> None:
    before = await stored(acme)
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, []))
    assert (report.results, report.committed) == ([], True)
    assert await stored(acme) == before


async def test_a_row_tells_who_made_it_when_and_nothing_of_changes(acme: Database) -> None:
    alice = await caller_in(acme, "scope_acme")
    [row] = await create(acme, RESOURCES, new_resource("r"), caller=alice)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row.created_at)
    assert (row.created_by, row.updated_at, row.updated_by, row.root_id) == (
        "alice",
        None,
        None,
        "scope_acme",
    )
    assert row.revision


async def test_all_of_a_batch_is_made_at_one_instant(acme: Database) -> None:
    rows = await create(acme, RESOURCES, *(new_resource(f"r{i}") for i in range(64)))
    assert len({(row.created_at, row.created_by) for row in rows}) == 1


async def test_fields_that_are_null_or_absent_are_stored_as_null(acme: Database) -> None:
    rows = await create(
        acme,
        RESOURCES,
        new_resource("a"),
        new_resource("b", display_name=None, data=None),
        new_resource("c", data={}),
    )
    assert [(row.display_name, row.data) for row in rows] == [(None, None), (None, None), (None, "{}")]


async def test_data_is_stored_as_it_was_written(acme: Database) -> None:
    written = {"b": 1, "a": [1.5, True, None, "é😀"], "": {}, "n": 10**18}
    [row] = await create(acme, RESOURCES, new_resource("r", data=written))
    expected = '{"b":1,"a":[1.5,true,null,"é😀"],"":{},"n":1000000000000000000}'
    async with acme.read("test") as reader:
        [again] = await by_ids(reader, SYSTEM, RESOURCES, [row.id])
    assert again is not None
    assert (row.data, again.data) == (expected, expected)


async def test_of_a_thousand_the_three_faulty_ones_are_named_and_nothing_is_stored(acme: Database) -> None:
    await create(acme, RESOURCES, new_resource("taken"))
    before = await stored(acme)
    items = [new_resource(f"r{i}") for i in range(1000)]
    items[7] = new_resource("taken")
    items[500] = new_resource("r500", scope_id="scope_nowhere")
    items[999] = new_resource("r998")
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, items))
    assert not report.committed
    assert {i: fate for i, fate in enumerate(fates(report)) if fate != "rolled_back"} == {
        7: "already_exists/externalResourceId",
        500: "unknown_reference/scopeId",
        999: "duplicate_in_batch/externalResourceId",
    }
    assert await stored(acme) == before


async def test_the_good_ones_are_stored_when_only_the_failed_are_rejected(acme: Database) -> None:
    await create(acme, RESOURCES, new_resource("taken"))
    items = [new_resource(f"r{i}") for i in range(1000)]
    items[7] = new_resource("taken")
    items[500] = new_resource("r500", resource_type_id="resource_type_nothing")
    items[999] = new_resource("r998")
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, items, OnError.REJECT_FAILED))
    assert report.committed
    assert [i for i, result in enumerate(report.results) if result.faults] == [7, 500, 999]
    async with acme.read("test") as reader:
        listed = await page(reader, SYSTEM, RESOURCES, Selection(), Page(limit=1000))
    assert {row.external_resource_id for row in listed.rows} == {
        "taken", *(f"r{i}" for i in range(1000) if i not in {7, 500, 999})
    }  # fmt: skip


async def test_an_item_that_its_door_found_faulty_keeps_its_faults_and_its_place(acme: Database) -> None:
    fault = Fault(Code.UNKNOWN_FIELD, "/colour", "colour is not a field")
    command = Create(RESOURCES, [new_resource("a"), (fault,), new_resource("c")], OnError.REJECT_FAILED)
    report = await engine.run(acme, SYSTEM, command)
    assert fates(report) == ["created", "unknown_field/colour", "created"]
    assert report.results[1].faults == (fault,)


async def test_every_reference_that_is_wrong_is_told_at_its_item(acme: Database) -> None:
    before = await stored(acme)
    items = [
        new_resource("a", scope_id="scope_nowhere", resource_type_id="resource_type_nothing"),
        new_resource("b", resource_type_id="resource_type_nothing"),
        new_resource("c", scope_id="scope_sales", resource_type_id="resource_type_ticket"),
        new_resource("d", resource_type_id="tag_high"),
    ]
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, items))
    assert fates(report) == ["unknown_reference/scopeId", *["unknown_reference/resourceTypeId"] * 3]
    assert [result.faults[0].detail for result in report.results] == [
        "scopeId: there is no scope scope_nowhere",
        "resourceTypeId: there is no resource type resource_type_nothing that scope scope_engineering can use",
        "resourceTypeId: there is no resource type resource_type_ticket that scope scope_sales can use",
        "resourceTypeId: there is no resource type tag_high that scope scope_engineering can use",
    ]
    assert await stored(acme) == before


async def test_a_type_is_usable_in_its_scope_and_below(acme: Database) -> None:
    rows = await create(
        acme,
        RESOURCES,
        *(
            new_resource("r", scope_id=scope)
            for scope in ("scope_acme", "scope_engineering", "scope_platform", "scope_sales")
        ),
        new_resource("t", resource_type_id="resource_type_ticket"),
        new_resource("t", scope_id="scope_platform", resource_type_id="resource_type_ticket"),
    )
    assert len(set(ids(rows))) == 6


async def test_a_taken_id_is_told_before_a_taken_key(acme: Database) -> None:
    await create(acme, RESOURCES, new_resource("a", id="resource_a"))
    before = await stored(acme)
    items = [
        new_resource("other", id="resource_a"),
        new_resource("a", id="resource_b"),
        new_resource("a", id="resource_a"),
    ]
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, items[:2]))
    assert fates(report) == ["id_taken/id", "already_exists/externalResourceId"]
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, items[2:]))
    assert fates(report) == ["id_taken/id"]
    assert await stored(acme) == before


async def test_twice_in_one_batch_is_a_fault_of_the_later_item(acme: Database) -> None:
    before = await stored(acme)
    items = [
        new_resource("a", id="resource_a"),
        new_resource("b", id="resource_a"),
        new_resource("a"),
        new_resource("a", scope_id="scope_sales"),
    ]
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, items))
    assert fates(report) == [
        "rolled_back", "duplicate_in_batch/id", "duplicate_in_batch/externalResourceId", "rolled_back",
    ]  # fmt: skip
    assert report.results[1].faults[0].detail == "item 0 of this batch has the same id"
    assert await stored(acme) == before


async def test_keys_of_types_are_unique_ignoring_case_and_those_of_groups_are_not(acme: Database) -> None:
    types = [NewResourceType(scope_id="scope_acme", key=key, name="n") for key in ("DOCUMENT", "New", "nEW")]
    report = await engine.run(acme, SYSTEM, Create(RESOURCE_TYPES, types, OnError.REJECT_FAILED))
    assert fates(report) == ["already_exists/key", "created", "duplicate_in_batch/key"]
    groups = [NewTagGroup(scope_id="scope_acme", key=key, name="n") for key in ("topic", "TOPIC")]
    report = await engine.run(acme, SYSTEM, Create(TAG_GROUPS, groups, OnError.REJECT_FAILED))
    assert fates(report) == ["already_exists/key", "created"]


async def test_an_identifier_is_unique_in_its_group_and_printable(acme: Database) -> None:
    items = [
        NewTag(scope_id="scope_sales", tag_group_id="tag_group_topic", identifier=identifier, label="l")
        for identifier in ("billing", "bill\ning", "Billing")
    ]
    report = await engine.run(acme, SYSTEM, Create(TAGS, items, OnError.REJECT_FAILED))
    assert fates(report) == ["already_exists/identifier", "invalid_value/identifier", "created"]


async def test_a_dry_run_tells_what_would_be_and_stores_nothing(acme: Database) -> None:
    before = await stored(acme)
    items = [new_resource("a"), new_resource("b")]
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, items), dry_run=True)
    assert (fates(report), report.committed) == (["created", "created"], False)
    assert [row.external_resource_id for row in rows_of(report)] == ["a", "b"]
    bad = [*items, new_resource("a")]
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, bad), dry_run=True)
    assert fates(report) == ["rolled_back", "rolled_back", "duplicate_in_batch/externalResourceId"]
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, bad, OnError.REJECT_FAILED), dry_run=True)
    assert fates(report) == ["created", "created", "duplicate_in_batch/externalResourceId"]
    assert await stored(acme) == before


async def test_a_reader_may_not_write(acme: Database) -> None:
    before = await stored(acme)
    reader = await caller_in(acme, "scope_acme", role=Role.READER)
    with pytest.raises(Refused) as refusal:
        await engine.run(acme, reader, Create(RESOURCES, [new_resource("a")]))
    assert refusal.value.code is Code.FORBIDDEN
    assert await stored(acme) == before


async def test_the_longest_texts_fit_into_every_index(database: Database) -> None:
    longest = {kind: f"{kind}_{'x' * 128}" for kind in Namespace}
    # Beyond the basic plane, and too irregular to be compressed.
    wide = "".join(chr(0x10000 + i * 7919 % 0xFFFF) for i in range(512))
    scope = longest[Namespace.SCOPE]
    await create(database, SCOPES, NewScope(id=scope, name="n" * 1000, external_id=wide))
    kind = NewResourceType(id=longest[Namespace.RESOURCE_TYPE], scope_id=scope, key="k" * 128, name="n")
    group = NewTagGroup(id=longest[Namespace.TAG_GROUP], scope_id=scope, key="k" * 128, name="n")
    await create(database, RESOURCE_TYPES, kind)
    await create(database, TAG_GROUPS, group)
    await create(
        database,
        TAGS,
        NewTag(
            id=longest[Namespace.TAG],
            scope_id=scope,
            tag_group_id=longest[Namespace.TAG_GROUP],
            identifier="".join(chr(0x20000 + i * 7919 % 0xA6D0) for i in range(256)),
            label="l" * 1000,
        ),
    )
    resource = NewResource(
        id=longest[Namespace.RESOURCE],
        scope_id=scope,
        resource_type_id=longest[Namespace.RESOURCE_TYPE],
        external_resource_id=wide,
        display_name=(wide * 2)[:1000],
    )
    [row] = await create(database, RESOURCES, resource)
    assert (row.external_resource_id, row.display_name) == (wide, (wide * 2)[:1000])


async def test_a_thousand_tags_that_differ_in_one_character_are_all_different(acme: Database) -> None:
    items = [new_tag(f"{'t' * 100}{i}", "tag_group_topic") for i in range(1000)]
    report = await engine.run(acme, SYSTEM, Create(TAGS, items))
    assert [result.outcome for result in report.results] == [Outcome.CREATED] * 1000
