"""What a create does with what is there already: `skip` and `merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db import engine
from db.access import SYSTEM
from db.commands import Create, OnConflict, OnError
from db.reads import by_ids
from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.resources import RESOURCES
from db.scopes import SCOPES, NewScope
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, InlineTag, NewTagGroup
from db.tags import TAGS
from tests.factories import caller_in, create, fates, ids, new_resource, new_tag, resources, rows_of, stored

if TYPE_CHECKING:
    from db.database import Database
    from db.outcomes import Report


async def skip(
    database: Database, noun: Any, *items: Any, on_error: OnError = OnError.REJECT_ALL
) -> Report[Any]:
    return await engine.run(database, SYSTEM, Create(noun, items, on_error, OnConflict.SKIP))


async def merge(
    database: Database, noun: Any, *items: Any, on_error: OnError = OnError.REJECT_ALL
) -> Report[Any]:
    return await engine.run(database, SYSTEM, Create(noun, items, on_error, OnConflict.MERGE))


@pytest.mark.parametrize("count", [1, 2, 64, 1000])
async def test_skip_leaves_what_is_there_and_creates_the_rest(acme: Database, count: int) -> None:
    old = await create(
        acme, RESOURCES, *(new_resource(f"r{i}", display_name="old") for i in range(0, count, 2))
    )
    report = await skip(acme, RESOURCES, *(new_resource(f"r{i}", display_name="new") for i in range(count)))
    assert fates(report) == ["unchanged" if i % 2 == 0 else "created" for i in range(count)]
    assert rows_of(report)[::2] == old
    async with acme.read("test") as reader:
        rows = await by_ids(reader, SYSTEM, RESOURCES, [row.id for row in rows_of(report)])
    assert [row and row.display_name for row in rows] == [
        "old" if i % 2 == 0 else "new" for i in range(count)
    ]


@pytest.mark.parametrize("count", [1, 2, 64, 1000])
async def test_merge_changes_what_differs_and_creates_the_rest(acme: Database, count: int) -> None:
    def items(name: str) -> list[Any]:
        return [new_resource(f"r{i}", display_name=name if i % 3 == 0 else "same") for i in range(count)]

    await create(acme, RESOURCES, *items("old"))
    report = await merge(acme, RESOURCES, *items("new"), new_resource("more"))
    assert fates(report) == [*("updated" if i % 3 == 0 else "unchanged" for i in range(count)), "created"]
    async with acme.read("test") as reader:
        rows = await by_ids(reader, SYSTEM, RESOURCES, [row.id for row in rows_of(report)])
    assert rows == rows_of(report)
    assert [row and row.display_name for row in rows[:count]] == [
        "new" if i % 3 == 0 else "same" for i in range(count)
    ]


async def test_merge_keeps_what_an_item_leaves_out_and_patches_data_deeply(acme: Database) -> None:
    data = {"a": {"x": 1, "y": 2}, "b": 1}
    [old] = await create(acme, RESOURCES, new_resource("r", display_name="kept", data=data))
    report = await merge(acme, RESOURCES, new_resource("r", data={"a": {"x": None, "z": 3}}))
    [row] = rows_of(report)
    assert (fates(report), row.display_name, row.data) == (["updated"], "kept", '{"a":{"y":2,"z":3},"b":1}')
    assert (row.id, row.created_at, row.updated_by) == (old.id, old.created_at, "system")
    assert row.revision != old.revision


async def test_merge_of_the_same_changes_nothing_and_keeps_the_revision(acme: Database) -> None:
    await create(acme, RESOURCES, new_resource("r", display_name="n", data={"a": 1}))
    before = await stored(acme)
    assert fates(await merge(acme, RESOURCES, new_resource("r", display_name="n", data={"a": 1}))) == [
        "unchanged"
    ]
    assert await stored(acme) == before


async def test_twice_in_one_batch_skip_leaves_the_later_and_merge_folds_it_in(acme: Database) -> None:
    items = [new_resource("r", display_name="first", data={"a": 1}), new_resource("r", data={"b": 2})]
    report = await skip(acme, RESOURCES, *items)
    assert fates(report) == ["created", "unchanged"]
    assert [row.data for row in rows_of(report)] == ['{"a":1}', '{"a":1}']
    items = [new_resource("s", display_name="first", data={"a": 1}), new_resource("s", data={"b": 2})]
    report = await merge(acme, RESOURCES, *items)
    assert fates(report) == ["created", "updated"]
    assert [(row.display_name, row.data) for row in rows_of(report)] == [("first", '{"a":1,"b":2}')] * 2
    async with acme.read("test") as reader:
        assert await by_ids(reader, SYSTEM, RESOURCES, [rows_of(report)[0].id]) == [rows_of(report)[0]]


async def test_merge_refuses_an_id_and_a_key_of_different_objects(acme: Database) -> None:
    await create(acme, RESOURCES, new_resource("a", id="resource_a"), new_resource("b", id="resource_b"))
    before = await stored(acme)
    report = await merge(
        acme,
        RESOURCES,
        new_resource("b", id="resource_a", display_name="both"),
        new_resource("a", id="resource_new", display_name="another id"),
        new_resource("c", id="resource_a", display_name="immutable"),
        new_resource("a", id="resource_a", display_name="good"),
    )
    assert fates(report) == [
        "already_exists/externalResourceId",
        "already_exists/id",
        "immutable_field/externalResourceId",
        "rolled_back",
    ]
    assert await stored(acme) == before


async def test_skip_meets_by_id_or_by_key(acme: Database) -> None:
    await create(acme, RESOURCES, new_resource("a", id="resource_a"))
    before = await stored(acme)
    report = await skip(
        acme, RESOURCES, new_resource("other", id="resource_a"), new_resource("a", id="resource_x")
    )
    assert fates(report) == ["unchanged", "unchanged"]
    assert [row.id for row in rows_of(report)] == ["resource_a", "resource_a"]
    assert await stored(acme) == before


async def test_what_is_out_of_reach_is_neither_skipped_nor_merged(acme: Database) -> None:
    await create(acme, RESOURCES, new_resource("a", id="resource_a", display_name="theirs"))
    sales = await caller_in(acme, "scope_sales")
    before = await stored(acme)
    item = new_resource("a", id="resource_a", scope_id="scope_sales")
    told = set()
    for on_conflict in OnConflict:
        report = await engine.run(acme, sales, Create(RESOURCES, [item], on_conflict=on_conflict))
        assert fates(report) == ["id_taken/id"]
        told.add(report.results[0].faults)
    near = new_resource("b", id="resource_b", scope_id="scope_sales")
    await create(acme, RESOURCES, near, caller=sales)
    report = await engine.run(acme, sales, Create(RESOURCES, [near]))
    assert {tuple(f.detail.replace("_b", "_a") for f in report.results[0].faults)} == {
        tuple(f.detail for f in faults) for faults in told
    }
    assert len((await stored(acme))["resources"]) == len(before["resources"]) + 1


async def test_merge_of_a_locked_group_or_its_tags_is_refused_and_skip_is_not(acme: Database) -> None:
    before = await stored(acme)
    group = NewTagGroup(scope_id="scope_acme", key="frozen", name="Other")
    assert fates(await merge(acme, TAG_GROUPS, group)) == ["locked/isLocked"]
    assert fates(await skip(acme, TAG_GROUPS, group)) == ["unchanged"]
    assert fates(await merge(acme, TAGS, new_tag("new", "tag_group_frozen"))) == ["locked/tagGroupId"]
    assert fates(await skip(acme, TAGS, new_tag("new", "tag_group_frozen"))) == ["locked/tagGroupId"]
    assert await stored(acme) == before


async def test_a_group_that_is_there_keeps_the_tags_it_has(acme: Database) -> None:
    before = await stored(acme)
    item = NewTagGroup(
        scope_id="scope_acme", key="topic", name="Topic", tags=[InlineTag(identifier="more", label="More")]
    )
    assert fates(await skip(acme, TAG_GROUPS, item)) == ["unchanged"]
    assert fates(await merge(acme, TAG_GROUPS, item)) == ["unchanged"]
    assert await stored(acme) == before


async def test_a_changed_schema_is_a_new_version(acme: Database) -> None:
    def kind(schema: dict[str, Any] | None) -> NewResourceType:
        return NewResourceType(scope_id="scope_acme", key="k", name="K", schema=schema)

    versions = []
    for schema in ({"type": "object"}, {"type": "object"}, {"type": "object", "title": "T"}, None):
        report = await merge(acme, RESOURCE_TYPES, kind(schema))
        versions.append((*fates(report), rows_of(report)[0].schema_version))
    assert versions == [("created", 1), ("unchanged", 1), ("updated", 2), ("unchanged", 2)]


async def test_a_scope_can_be_met_by_its_external_id_among_siblings(acme: Database) -> None:
    item = NewScope(parent_scope_id="scope_acme", name="E", external_id="eng")
    report = await merge(acme, SCOPES, item)
    assert (fates(report), rows_of(report)[0].id) == (["updated"], "scope_engineering")
    cousin = NewScope(parent_scope_id="scope_sales", name="E", external_id="eng")
    assert fates(await merge(acme, SCOPES, cousin)) == ["created"]


async def test_a_child_of_an_id_that_met_another_scope_by_key_has_no_parent(acme: Database) -> None:
    items = [
        NewScope(id="scope_alias", parent_scope_id="scope_acme", name="E", external_id="eng"),
        NewScope(id="scope_child", parent_scope_id="scope_alias", name="C"),
    ]
    report = await skip(acme, SCOPES, *items, on_error=OnError.REJECT_FAILED)
    assert fates(report) == ["unchanged", "unknown_reference/parentScopeId"]
    async with acme.read("test") as reader:
        assert ids(await by_ids(reader, SYSTEM, SCOPES, ["scope_alias", "scope_child"])) == [None, None]


async def test_a_repeated_assignment_shares_the_fate_of_the_first(acme: Database) -> None:
    await resources(acme, "a")
    pairs = [("tag_high", "resource_a"), ("tag_low", "resource_a"), ("tag_low", "resource_a")]
    items = [NewTagAssignment(tag_id=tag, resource_id=resource) for tag, resource in pairs]
    report = await skip(acme, TAG_ASSIGNMENTS, *items, on_error=OnError.REJECT_FAILED)
    assert fates(report) == ["created", "limit_reached/tagId", "limit_reached/tagId"]
    assert [row[1] for row in (await stored(acme))["tag_assignments"]] == ["tag_high"]


async def test_a_repeated_group_shares_the_fate_of_the_first(acme: Database) -> None:
    before = await stored(acme)
    item = NewTagGroup(
        scope_id="scope_acme", key="new", name="N", tags=[InlineTag(id="tag_high", identifier="i", label="l")]
    )
    report = await skip(acme, TAG_GROUPS, item, item, on_error=OnError.REJECT_FAILED)
    assert fates(report) == ["id_taken/tags/0/id"] * 2
    assert await stored(acme) == before


async def test_a_new_scope_may_take_the_key_that_a_merged_one_leaves(acme: Database) -> None:
    report = await merge(
        acme,
        SCOPES,
        NewScope(id="scope_engineering", parent_scope_id="scope_acme", name="E", external_id="moved"),
        NewScope(id="scope_new", parent_scope_id="scope_acme", name="N", external_id="eng"),
    )
    assert fates(report) == ["updated", "created"]
    async with acme.read("test") as reader:
        rows = await by_ids(reader, SYSTEM, SCOPES, ["scope_engineering", "scope_new"])
    assert [row and row.external_id for row in rows] == ["moved", "eng"]


async def test_a_merged_scope_may_not_take_the_key_that_another_leaves_in_the_same_batch(
    acme: Database,
) -> None:
    before = await stored(acme)
    report = await merge(
        acme,
        SCOPES,
        NewScope(id="scope_sales", parent_scope_id="scope_acme", name="S", external_id="moved"),
        NewScope(id="scope_engineering", parent_scope_id="scope_acme", name="E", external_id="sales"),
    )
    assert fates(report) == ["rolled_back", "already_exists/externalId"]
    assert await stored(acme) == before
