"""Tag assignments: where they fit, and how many a group allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db import engine
from db.access import SYSTEM
from db.commands import Create, Delete, OnError, Target, Update, Updating
from db.reads import Page, children
from db.tag_assignments import BY_RESOURCE, TAG_ASSIGNMENTS, NewTagAssignment, by_pairs
from db.tag_groups import TAG_GROUPS, InlineTag, NewTagGroup, TagGroupChange
from db.tags import TAGS
from tests.factories import caller_in, create, fates, ids, new_tag, resources, rows_of, stored

if TYPE_CHECKING:
    from db.database import Database


def assign(tag: str, resource: str, **fields: Any) -> NewTagAssignment:
    return NewTagAssignment(tag_id=f"tag_{tag}", resource_id=f"resource_{resource}", **fields)


async def test_an_assignment_takes_its_resources_scope_unless_told_otherwise(acme: Database) -> None:
    await resources(acme, "a", "b", scope_id="scope_platform")
    rows = await create(
        acme,
        TAG_ASSIGNMENTS,
        assign("security", "a"),
        assign("security", "b", scope_id="scope_engineering"),
        assign("billing", "b", scope_id="scope_platform"),
    )
    assert [(row.scope_id, row.resource_scope_id, row.tag_group_id) for row in rows] == [
        ("scope_platform", "scope_platform", "tag_group_topic"),
        ("scope_engineering", "scope_platform", "tag_group_topic"),
        ("scope_platform", "scope_platform", "tag_group_topic"),
    ]


async def test_references_that_do_not_fit_are_refused(acme: Database) -> None:
    await resources(acme, "a")
    await resources(acme, "s", scope_id="scope_sales")
    await create(acme, TAGS, new_tag("eng", "tag_group_topic", scope_id="scope_engineering"))
    before = await stored(acme)
    items = [
        assign("none", "a"),
        assign("security", "none"),
        assign("eng", "s"),
        assign("security", "a", scope_id="scope_sales"),
        assign("billing", "a", scope_id="scope_platform"),
        assign("none", "a", scope_id="scope_sales"),
    ]
    report = await engine.run(acme, SYSTEM, Create(TAG_ASSIGNMENTS, items))
    assert fates(report) == [
        "unknown_reference/tagId",
        "unknown_reference/resourceId",
        "unknown_reference/tagId",
        "unknown_reference/scopeId",
        "unknown_reference/scopeId",
        "unknown_reference/tagId unknown_reference/scopeId",
    ]
    assert await stored(acme) == before


async def test_a_pair_is_assigned_once(acme: Database) -> None:
    await resources(acme, "a")
    await create(acme, TAG_ASSIGNMENTS, assign("security", "a"))
    before = await stored(acme)
    items = [assign("security", "a"), assign("billing", "a"), assign("billing", "a")]
    report = await engine.run(acme, SYSTEM, Create(TAG_ASSIGNMENTS, items))
    assert fates(report) == ["already_exists/tagId", "rolled_back", "duplicate_in_batch/tagId"]
    assert await stored(acme) == before


async def test_nothing_of_an_assignment_changes(acme: Database) -> None:
    assert TAG_ASSIGNMENTS.mutable == frozenset()


async def test_assigning_changes_neither_resource_nor_tag(acme: Database) -> None:
    await resources(acme, "a")
    before = await stored(acme)
    await create(acme, TAG_ASSIGNMENTS, assign("security", "a"))
    after = await stored(acme)
    assert (after["resources"], after["tags"]) == (before["resources"], before["tags"])


@pytest.mark.parametrize("count", [1, 2, 64, 1000])
async def test_a_limit_holds_within_one_batch(acme: Database, count: int) -> None:
    await resources(acme, *(f"r{i}" for i in range(count)))
    items = [assign(tag, f"r{i}") for i in range((count + 1) // 2) for tag in ("high", "low")][:1000]
    before = await stored(acme)
    report = await engine.run(acme, SYSTEM, Create(TAG_ASSIGNMENTS, items))
    assert fates(report) == ["rolled_back", "limit_reached/tagId"] * (len(items) // 2)
    assert await stored(acme) == before
    report = await engine.run(acme, SYSTEM, Create(TAG_ASSIGNMENTS, items, OnError.REJECT_FAILED))
    assert fates(report) == ["created", "limit_reached/tagId"] * (len(items) // 2)
    assert {row[1] for row in (await stored(acme))["tag_assignments"]} == {"tag_high"}


async def test_a_limit_counts_what_is_assigned_already(acme: Database) -> None:
    await create(
        acme,
        TAG_GROUPS,
        NewTagGroup(
            scope_id="scope_acme",
            key="three",
            name="n",
            max_applied_per_target=3,
            tags=[InlineTag(id=f"tag_t{i}", identifier=f"t{i}", label="l") for i in range(6)],
        ),
    )
    await resources(acme, "a", "b")
    await create(acme, TAG_ASSIGNMENTS, assign("t0", "a"), assign("t1", "a"))
    items = [
        assign("t2", "a"),
        assign("t3", "a"),
        assign("t2", "b"),
        assign("security", "a"),
        assign("t4", "a"),
    ]
    report = await engine.run(acme, SYSTEM, Create(TAG_ASSIGNMENTS, items, OnError.REJECT_FAILED))
    full = "limit_reached/tagId"
    assert fates(report) == ["created", full, "created", "created", full]
    assert report.results[1].faults[0].detail == (
        f"the tag group {rows_of(report)[0].tag_group_id} allows 3 on resource_a, which has them"
    )
    freed = await engine.run(acme, SYSTEM, Delete(TAG_ASSIGNMENTS, [Target(rows_of(report)[0].id)]))
    assert fates(freed) == ["deleted"]
    await create(acme, TAG_ASSIGNMENTS, assign("t5", "a"))


async def test_an_assignment_that_is_taken_already_does_not_count_against_the_limit(acme: Database) -> None:
    await resources(acme, "a")
    await create(acme, TAG_ASSIGNMENTS, assign("high", "a"))
    report = await engine.run(
        acme,
        SYSTEM,
        Create(TAG_ASSIGNMENTS, [assign("high", "a"), assign("low", "a")], OnError.REJECT_FAILED),
    )
    assert fates(report) == ["already_exists/tagId", "limit_reached/tagId"]


async def test_a_lowered_limit_binds_later_assignments_only(acme: Database) -> None:
    await resources(acme, "a")
    await create(acme, TAG_ASSIGNMENTS, assign("security", "a"), assign("billing", "a"))
    lowering = Updating(Target("tag_group_topic"), TagGroupChange(max_applied_per_target=1))
    assert fates(await engine.run(acme, SYSTEM, Update(TAG_GROUPS, [lowering]))) == ["updated"]
    await create(acme, TAGS, new_tag("more", "tag_group_topic"))
    report = await engine.run(acme, SYSTEM, Create(TAG_ASSIGNMENTS, [assign("more", "a")]))
    assert fates(report) == ["limit_reached/tagId"]
    async with acme.read("test") as reader:
        [listed] = await children(reader, SYSTEM, BY_RESOURCE, [("resource_a", "scope_acme")], Page())
    assert sorted(row.tag_id for row in listed.rows) == ["tag_billing", "tag_security"]


async def test_a_caller_below_assigns_shared_tags_to_what_it_reaches(acme: Database) -> None:
    await resources(acme, "a")
    await resources(acme, "s", scope_id="scope_sales")
    sales = await caller_in(acme, "scope_sales")
    before = await stored(acme)
    outside = await engine.run(acme, sales, Create(TAG_ASSIGNMENTS, [assign("security", "a")]))
    missing = await engine.run(acme, sales, Create(TAG_ASSIGNMENTS, [assign("security", "b")]))
    assert fates(outside) == fates(missing) == ["unknown_reference/resourceId"]
    assert outside.results[0].faults[0].detail.replace("_a", "_b") == missing.results[0].faults[0].detail
    above = assign("security", "s", scope_id="scope_acme")
    assert fates(await engine.run(acme, sales, Create(TAG_ASSIGNMENTS, [above]))) == [
        "unknown_reference/scopeId"
    ]
    assert await stored(acme) == before
    await create(acme, TAG_ASSIGNMENTS, assign("security", "s"), caller=sales)


async def test_assignments_are_found_by_tag_and_resource(acme: Database) -> None:
    await resources(acme, "a", "b")
    rows = await create(acme, TAG_ASSIGNMENTS, assign("security", "a"), assign("high", "b"))
    sales = await caller_in(acme, "scope_sales")
    pairs = [("tag_high", "resource_b"), ("tag_high", "resource_a"), ("tag_security", "resource_a")]
    async with acme.read("test") as reader:
        assert await by_pairs(reader, SYSTEM, pairs) == [rows[1], None, rows[0]]
        assert await by_pairs(reader, sales, pairs) == [None, None, None]
        assert ids(await by_pairs(reader, SYSTEM, [])) == []
