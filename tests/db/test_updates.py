"""Updates: PATCH and PUT of any noun, in the order of the items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db import engine
from db.access import SYSTEM
from db.commands import Delete, OnError, Target, Update, Updating
from db.errors import Code, Fault
from db.reads import by_id, by_ids
from db.resource_types import RESOURCE_TYPES, ResourceTypeChange
from db.resources import RESOURCES, ResourceChange
from db.scopes import SCOPES, NewScope, ScopeChange
from db.tag_groups import TAG_GROUPS, TagGroupChange
from db.tags import TAGS, TagChange
from tests.factories import caller_in, create, fates, new_resource, resources, rows_of, stored

if TYPE_CHECKING:
    from db.database import Database
    from db.outcomes import Report
    from db.shapes import Change


def put(target: str, change: Change) -> Updating:
    return Updating(Target(target), change, replace=True)


def patch(target: str, change: Change, **conditions: Any) -> Updating:
    return Updating(Target(target, **conditions), change)


async def update(
    database: Database, noun: Any, *items: Updating, on_error: OnError = OnError.REJECT_ALL
) -> Report[Any]:
    return await engine.run(database, SYSTEM, Update(noun, items, on_error))


@pytest.mark.parametrize("count", [1, 2, 64, 1000])
async def test_every_item_changes_its_own_object(acme: Database, count: int) -> None:
    rows = await create(acme, RESOURCES, *(new_resource(f"r{i}") for i in range(count)))
    items = [patch(row.id, ResourceChange(display_name=f"name {i}")) for i, row in enumerate(rows)]
    report = await update(acme, RESOURCES, *reversed(items))
    assert fates(report) == ["updated"] * count
    async with acme.read("test") as reader:
        changed = await by_ids(reader, SYSTEM, RESOURCES, [row.id for row in rows])
    assert [row and row.display_name for row in changed] == [f"name {i}" for i in range(count)]
    assert changed == [result.row for result in reversed(report.results)]


async def test_an_update_tells_who_and_when_and_makes_a_new_revision(acme: Database) -> None:
    await resources(acme, "a")
    alice = await caller_in(acme, "scope_engineering")
    async with acme.read("test") as reader:
        before = await by_id(reader, SYSTEM, RESOURCES, "resource_a")
    report = await engine.run(
        acme, alice, Update(RESOURCES, [patch("resource_a", ResourceChange(display_name="n"))])
    )
    after = rows_of(report)[0]
    assert before is not None
    assert (before.updated_at, before.updated_by, after.updated_by) == (None, None, "alice")
    assert after.updated_at >= after.created_at == before.created_at
    assert after.revision != before.revision


async def test_an_update_that_changes_nothing_keeps_everything(acme: Database) -> None:
    await resources(acme, "a", display_name="n", data={"a": 1})
    before = await stored(acme)
    change = ResourceChange(
        id="resource_a",
        scope_id="scope_engineering",
        external_resource_id="a",
        display_name="n",
        data={"a": 1},
    )
    assert fates(await update(acme, RESOURCES, patch("resource_a", change))) == ["unchanged"]
    assert fates(await update(acme, RESOURCES, patch("resource_a", ResourceChange()))) == ["unchanged"]
    assert fates(await update(acme, RESOURCES, put("resource_a", change))) == ["unchanged"]
    assert await stored(acme) == before


async def test_null_clears_and_absent_keeps(acme: Database) -> None:
    await resources(acme, "a", "b", display_name="n", data={"a": 1})
    report = await update(
        acme,
        RESOURCES,
        patch("resource_a", ResourceChange(display_name=None)),
        patch("resource_b", ResourceChange(data=None)),
    )
    assert [(row.display_name, row.data) for row in rows_of(report)] == [(None, '{"a":1}'), ("n", None)]


async def test_put_clears_what_is_absent_and_replaces_data(acme: Database) -> None:
    await resources(acme, "a", "b", display_name="n", data={"a": 1})
    report = await update(
        acme, RESOURCES, put("resource_a", ResourceChange(data={"b": 2})), put("resource_b", ResourceChange())
    )
    assert [(row.display_name, row.data) for row in rows_of(report)] == [(None, '{"b":2}'), (None, None)]


async def test_put_needs_what_is_required_and_resets_what_has_a_default(acme: Database) -> None:
    before = await stored(acme)
    for noun, target, change in (
        (SCOPES, "scope_sales", ScopeChange()),
        (RESOURCE_TYPES, "resource_type_document", ResourceTypeChange(name=None)),
        (TAG_GROUPS, "tag_group_topic", TagGroupChange()),
        (TAGS, "tag_high", TagChange()),
    ):
        assert fates(await update(acme, noun, put(target, change)))[0].startswith("missing_field/")
    assert await stored(acme) == before
    group = TagGroupChange(name="Priority", is_locked=None)
    report = await update(acme, TAG_GROUPS, put("tag_group_priority", group))
    assert (fates(report), rows_of(report)[0].max_applied_per_target) == (["updated"], None)


async def test_what_may_not_change_is_named(acme: Database) -> None:
    await resources(acme, "a")
    before = await stored(acme)
    cases: list[tuple[Any, str, Any, str]] = [
        (SCOPES, "scope_sales", ScopeChange(parent_scope_id="scope_engineering"), "/parentScopeId"),
        (SCOPES, "scope_sales", ScopeChange(id="scope_other"), "/id"),
        (RESOURCE_TYPES, "resource_type_document", ResourceTypeChange(key="other"), "/key"),
        (RESOURCE_TYPES, "resource_type_document", ResourceTypeChange(schema_version=3), "/schemaVersion"),
        (RESOURCES, "resource_a", ResourceChange(external_resource_id="b"), "/externalResourceId"),
        (RESOURCES, "resource_a", ResourceChange(created_by="me"), "/createdBy"),
        (TAG_GROUPS, "tag_group_topic", TagGroupChange(scope_id="scope_sales"), "/scopeId"),
        (TAGS, "tag_high", TagChange(identifier="higher"), "/identifier"),
        (TAGS, "tag_high", TagChange(tag_group_id="tag_group_topic"), "/tagGroupId"),
    ]
    for noun, target, change, pointer in cases:
        assert fates(await update(acme, noun, patch(target, change))) == [f"immutable_field{pointer}"]
    assert await stored(acme) == before


async def test_an_update_of_what_is_not_there_is_not_found(acme: Database) -> None:
    before = await stored(acme)
    report = await update(acme, RESOURCES, patch("resource_none", ResourceChange(display_name="n")))
    assert fates(report) == ["not_found/id"]
    assert await stored(acme) == before


async def test_preconditions_are_checked_in_the_order_of_the_contract(acme: Database) -> None:
    await resources(acme, "a")
    async with acme.read("test") as reader:
        row = await by_id(reader, SYSTEM, RESOURCES, "resource_a")
    assert row is not None
    before = await stored(acme)
    bad = (Fault(Code.UNKNOWN_FIELD, "/x", "x"),)
    for target, fate in (
        (Target("resource_none", frozenset({"old"})), "not_found/id"),
        (Target("resource_a", must_match=True), "precondition_required"),
        (Target("resource_a", frozenset({"old", "older"})), "precondition_failed"),
        (Target("resource_a", frozenset()), "precondition_failed"),
        (Target("resource_a", frozenset({"old", row.revision})), "unknown_field/x"),
        (Target("resource_a", frozenset({"*"}), must_match=True), "unknown_field/x"),
    ):
        assert fates(await update(acme, RESOURCES, Updating(target, bad))) == [fate]
    assert await stored(acme) == before
    good = patch("resource_a", ResourceChange(display_name="n"), if_match=frozenset({row.revision}))
    assert fates(await update(acme, RESOURCES, good)) == ["updated"]
    assert fates(await update(acme, RESOURCES, good)) == ["precondition_failed"]


async def test_a_revision_never_comes_back_after_delete_and_create(acme: Database) -> None:
    seen = set()
    for _ in range(3):
        [row] = await create(acme, RESOURCES, new_resource("a", id="resource_a"))
        seen.add(row.revision)
        await engine.run(acme, SYSTEM, Delete(RESOURCES, [Target("resource_a")]))
    assert len(seen) == 3


async def test_later_items_see_what_earlier_ones_of_the_batch_did(acme: Database) -> None:
    await resources(acme, "a", data={"n": 0})
    report = await update(
        acme,
        RESOURCES,
        patch("resource_a", ResourceChange(data={"x": 1})),
        patch("resource_a", ResourceChange(display_name="n")),
        patch("resource_a", ResourceChange(data={"n": None})),
    )
    assert fates(report) == ["updated"] * 3
    async with acme.read("test") as reader:
        row = await by_id(reader, SYSTEM, RESOURCES, "resource_a")
    assert row is not None
    assert row == rows_of(report)[2]
    assert (row.display_name, row.data) == ("n", '{"x":1}')


async def test_one_faulty_item_rejects_all_or_only_itself(acme: Database) -> None:
    await resources(acme, "a", "b")
    before = await stored(acme)
    items = [
        patch("resource_a", ResourceChange(display_name="n")),
        patch("resource_b", ResourceChange(external_resource_id="c")),
    ]
    report = await update(acme, RESOURCES, *items)
    assert (fates(report), report.committed) == (["rolled_back", "immutable_field/externalResourceId"], False)
    assert await stored(acme) == before
    report = await update(acme, RESOURCES, *items, on_error=OnError.REJECT_FAILED)
    assert (fates(report), report.committed) == (["updated", "immutable_field/externalResourceId"], True)


async def test_a_scope_may_not_take_the_external_id_of_a_sibling(acme: Database) -> None:
    before = await stored(acme)
    taking = patch("scope_sales", ScopeChange(external_id="eng", name="n"))
    assert fates(await update(acme, SCOPES, taking)) == ["already_exists/externalId"]
    assert await stored(acme) == before
    cousin = patch("scope_platform", ScopeChange(external_id="eng"))
    assert fates(await update(acme, SCOPES, cousin)) == ["updated"]


async def test_root_scopes_share_their_external_ids_with_no_other_root(acme: Database) -> None:
    await create(acme, SCOPES, NewScope(id="scope_b", name="B", external_id="b"))
    before = await stored(acme)
    taking = patch("scope_b", ScopeChange(external_id="scope_acme-external"))
    assert fates(await update(acme, SCOPES, taking)) == ["already_exists/externalId"]
    assert await stored(acme) == before


async def test_a_refused_item_leaves_nothing_behind_in_a_later_change_of_the_same_object(
    acme: Database,
) -> None:
    report = await update(
        acme,
        SCOPES,
        patch("scope_sales", ScopeChange(external_id="eng", name="refused")),
        patch("scope_sales", ScopeChange(meta={"a": 1})),
        on_error=OnError.REJECT_FAILED,
    )
    assert fates(report) == ["already_exists/externalId", "updated"]
    async with acme.read("test") as reader:
        row = await by_id(reader, SYSTEM, SCOPES, "scope_sales")
    assert row is not None
    assert (row.name, row.external_id, row.meta) == ("Sales", "sales", '{"a":1}')


async def test_a_dry_run_of_an_update_changes_nothing(acme: Database) -> None:
    await resources(acme, "a")
    before = await stored(acme)
    command = Update(RESOURCES, [patch("resource_a", ResourceChange(display_name="n"))])
    report = await engine.run(acme, SYSTEM, command, dry_run=True)
    assert (fates(report), rows_of(report)[0].display_name, report.committed) == (["updated"], "n", False)
    assert await stored(acme) == before
