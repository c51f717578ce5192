"""Deletes: what goes along, and what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db import engine, tokens
from db.access import SYSTEM, Role
from db.commands import Create, Delete, OnError, Target
from db.reads import Page, Selection, page
from db.resource_types import RESOURCE_TYPES
from db.resources import RESOURCES
from db.scopes import SCOPES, NewScope
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, NewTagGroup
from db.tags import TAGS
from tests.factories import caller_in, create, fates, ids, new_resource, resources, rows_of, stored

if TYPE_CHECKING:
    from db.database import Database
    from db.outcomes import Report


async def delete(
    database: Database, noun: Any, *targets: str | Target, on_error: OnError = OnError.REJECT_ALL
) -> Report[Any]:
    items = [target if isinstance(target, Target) else Target(target) for target in targets]
    return await engine.run(database, SYSTEM, Delete(noun, items, on_error))


async def remaining(database: Database, noun: Any) -> list[str | None]:
    async with database.read("test") as reader:
        return ids((await page(reader, SYSTEM, noun, Selection(), Page(limit=1000))).rows)


@pytest.mark.parametrize("count", [1, 2, 64, 1000])
async def test_the_objects_named_go_and_no_other(acme: Database, count: int) -> None:
    rows = await create(acme, RESOURCES, *(new_resource(f"r{i}") for i in range(count + 1)))
    report = await delete(acme, RESOURCES, *(row.id for row in rows[:-1]))
    assert fates(report) == ["deleted"] * count
    assert rows_of(report) == rows[:-1]
    assert await remaining(acme, RESOURCES) == [rows[-1].id]


async def test_what_is_not_there_or_named_twice_is_told(acme: Database) -> None:
    await resources(acme, "a", "b")
    before = await stored(acme)
    report = await delete(acme, RESOURCES, "resource_a", "resource_none", "resource_a")
    assert fates(report) == ["rolled_back", "not_found/id", "duplicate_in_batch/id"]
    assert await stored(acme) == before
    report = await delete(
        acme, RESOURCES, "resource_a", "resource_none", "resource_a", on_error=OnError.REJECT_FAILED
    )
    assert fates(report) == ["deleted", "not_found/id", "duplicate_in_batch/id"]
    assert await remaining(acme, RESOURCES) == ["resource_b"]


async def test_a_stale_precondition_keeps_the_object(acme: Database) -> None:
    await resources(acme, "a")
    before = await stored(acme)
    assert fates(await delete(acme, RESOURCES, Target("resource_a", frozenset({"old"})))) == [
        "precondition_failed"
    ]
    assert await stored(acme) == before
    assert fates(await delete(acme, RESOURCES, Target("resource_a", frozenset({"*"})))) == ["deleted"]


async def test_a_dry_run_of_a_delete_keeps_everything(acme: Database) -> None:
    await resources(acme, "a")
    before = await stored(acme)
    report = await engine.run(acme, SYSTEM, Delete(RESOURCES, [Target("resource_a")]), dry_run=True)
    assert (fates(report), report.committed) == (["deleted"], False)
    assert await stored(acme) == before


async def test_a_scope_in_use_names_kinds_counts_and_ids(acme: Database) -> None:
    await resources(acme, "a", scope_id="scope_sales")
    await create(
        acme,
        SCOPES,
        *(NewScope(id=f"scope_s{i:02}", parent_scope_id="scope_sales", name="s") for i in range(25)),
    )
    before = await stored(acme)
    report = await delete(acme, SCOPES, "scope_sales")
    assert fates(report) == ["in_use/id"]
    first_20 = ", ".join(f"scope_s{i:02}" for i in range(20))
    assert report.results[0].faults[0].detail == (
        f"still in use by 1 resource (resource_a); 25 child scopes ({first_20}, …)"
    )
    assert await stored(acme) == before


@pytest.mark.parametrize(
    ("target", "users"),
    [
        ("scope_platform", ""),
        ("scope_engineering", "1 resource type (resource_type_ticket); 1 child scope (scope_platform)"),
        (
            "scope_acme",
            (
                "1 resource type (resource_type_document);"
                " 3 tag groups (tag_group_frozen, tag_group_priority, tag_group_topic);"
                " 4 tags (tag_billing, tag_high, tag_low, tag_security);"
                " 2 child scopes (scope_engineering, scope_sales)"
            ),
        ),
    ],
)
async def test_a_scope_stays_while_anything_is_in_it(acme: Database, target: str, users: str) -> None:
    report = await delete(acme, SCOPES, target)
    told = [fault.detail for fault in report.results[0].faults]
    assert told == ([f"still in use by {users}"] if users else [])


async def test_a_type_stays_while_resources_have_it(acme: Database) -> None:
    await create(acme, RESOURCES, *(new_resource(f"r{i:02}", id=f"resource_r{i:02}") for i in range(21)))
    before = await stored(acme)
    report = await delete(acme, RESOURCE_TYPES, "resource_type_document", "resource_type_ticket")
    assert fates(report) == ["in_use/id", "rolled_back"]
    first_20 = ", ".join(f"resource_r{i:02}" for i in range(20))
    assert report.results[0].faults[0].detail == f"still in use by 21 resources ({first_20}, …)"
    assert await stored(acme) == before


@pytest.mark.parametrize("order", [1, -1])
async def test_scopes_that_depend_on_each_other_go_together(database: Database, order: int) -> None:
    chain = [NewScope(id="scope_0", name="n")]
    chain += [NewScope(id=f"scope_{i}", parent_scope_id=f"scope_{i - 1}", name="n") for i in range(1, 40)]
    await create(database, SCOPES, *chain)
    report = await delete(database, SCOPES, *(f"scope_{i}" for i in range(40)[::order]))
    assert fates(report) == ["deleted"] * 40
    assert await remaining(database, SCOPES) == []


async def test_what_keeps_a_scope_keeps_all_scopes_above_it(acme: Database) -> None:
    await create(
        acme,
        SCOPES,
        NewScope(id="scope_a", parent_scope_id="scope_sales", name="n"),
        NewScope(id="scope_b", parent_scope_id="scope_a", name="n"),
        NewScope(id="scope_c", parent_scope_id="scope_a", name="n"),
    )
    await resources(acme, "kept", scope_id="scope_b")
    report = await delete(
        acme, SCOPES, "scope_sales", "scope_a", "scope_b", "scope_c", on_error=OnError.REJECT_FAILED
    )
    assert [[fault.detail for fault in result.faults] for result in report.results] == [
        ["still in use by 1 child scope (scope_a)"],
        ["still in use by 1 child scope (scope_b)"],
        ["still in use by 1 resource (resource_kept)"],
        [],
    ]
    assert await remaining(acme, SCOPES) == [
        "scope_a", "scope_acme", "scope_b", "scope_engineering", "scope_platform", "scope_sales",
    ]  # fmt: skip


async def test_all_children_that_stay_are_counted_however_they_are_kept(acme: Database) -> None:
    await create(
        acme,
        SCOPES,
        NewScope(id="scope_a_outside", parent_scope_id="scope_sales", name="n"),
        NewScope(id="scope_b", parent_scope_id="scope_sales", name="n"),
        NewScope(id="scope_c_outside", parent_scope_id="scope_b", name="n"),
    )
    report = await delete(acme, SCOPES, "scope_sales", "scope_b")
    assert [result.faults[0].detail for result in report.results] == [
        "still in use by 2 child scopes (scope_a_outside, scope_b)",
        "still in use by 1 child scope (scope_c_outside)",
    ]


async def test_a_group_takes_its_tags_and_their_assignments_along(acme: Database) -> None:
    await resources(acme, "a")
    await create(
        acme,
        TAG_ASSIGNMENTS,
        NewTagAssignment(tag_id="tag_high", resource_id="resource_a"),
        NewTagAssignment(id="tag_assignment_kept", tag_id="tag_billing", resource_id="resource_a"),
    )
    assert fates(await delete(acme, TAG_GROUPS, "tag_group_priority")) == ["deleted"]
    assert await remaining(acme, TAGS) == ["tag_billing", "tag_security"]
    assert await remaining(acme, TAG_ASSIGNMENTS) == ["tag_assignment_kept"]


@pytest.mark.parametrize(("noun", "target"), [(TAGS, "tag_high"), (RESOURCES, "resource_a")])
async def test_a_tag_and_a_resource_take_their_assignments_along(
    acme: Database, noun: Any, target: str
) -> None:
    await resources(acme, "a", "b")
    await create(
        acme,
        TAG_ASSIGNMENTS,
        NewTagAssignment(tag_id="tag_high", resource_id="resource_a"),
        NewTagAssignment(id="tag_assignment_kept", tag_id="tag_low", resource_id="resource_b"),
    )
    assert fates(await delete(acme, noun, target)) == ["deleted"]
    assert await remaining(acme, TAG_ASSIGNMENTS) == ["tag_assignment_kept"]


async def test_a_scope_takes_its_tokens_along(acme: Database) -> None:
    _, text = await tokens.issue(acme, SYSTEM, "scope_platform", Role.READER, subject="s")
    _, kept = await tokens.issue(acme, SYSTEM, "scope_sales", Role.READER, subject="s")
    assert fates(await delete(acme, SCOPES, "scope_platform")) == ["deleted"]
    async with acme.read("test") as reader:
        assert await tokens.principal(reader, tokens.hash_of(text)) is None
        assert await tokens.principal(reader, tokens.hash_of(kept)) is not None


async def test_what_is_gone_can_be_made_again(acme: Database) -> None:
    item = NewTagGroup(id="tag_group_new", scope_id="scope_sales", key="new", name="New")
    for _ in range(3):
        assert fates(await engine.run(acme, SYSTEM, Create(TAG_GROUPS, [item]))) == ["created"]
        assert fates(await delete(acme, TAG_GROUPS, "tag_group_new")) == ["deleted"]


async def test_a_shared_type_of_a_scope_above_can_be_used_but_not_deleted_from_below(acme: Database) -> None:
    below = await caller_in(acme, "scope_engineering")
    before = await stored(acme)
    report = await engine.run(acme, below, Delete(RESOURCE_TYPES, [Target("resource_type_document")]))
    assert fates(report) == ["not_found/id"]
    assert await stored(acme) == before
