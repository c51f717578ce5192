"""Tag groups: the tags they bring, and their lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db import engine
from db.access import SYSTEM
from db.commands import Create, Delete, OnError, Target, Update, Updating
from db.reads import Page, children
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, InlineTag, NewTagGroup, TagGroupChange
from db.tags import BY_TAG_GROUP, TAGS, TagChange
from tests.factories import create, fates, new_tag, resources, stored

if TYPE_CHECKING:
    from db.database import Database


def group(key: str, *tags: InlineTag, **fields: Any) -> NewTagGroup:
    return NewTagGroup(scope_id="scope_sales", key=key, name=key, tags=list(tags), **fields)


def inline(identifier: str, **fields: Any) -> InlineTag:
    return InlineTag(identifier=identifier, label=identifier.upper(), **fields)


@pytest.mark.parametrize("count", [1, 2, 64, 1000])
async def test_a_group_brings_its_tags(acme: Database, count: int) -> None:
    [row] = await create(acme, TAG_GROUPS, group("new", *(inline(f"t{i}") for i in range(count))))
    async with acme.read("test") as reader:
        [tags] = await children(reader, SYSTEM, BY_TAG_GROUP, [(row.id, row.root_id)], Page(limit=1000))
    assert [(tag.identifier, tag.label, tag.scope_id) for tag in tags.rows] == [
        (f"t{i}", f"T{i}", "scope_sales") for i in range(count)
    ]
    assert {(tag.created_at, tag.created_by) for tag in tags.rows} == {(row.created_at, row.created_by)}


async def test_what_is_wrong_with_a_groups_tags_is_told_at_each(acme: Database) -> None:
    before = await stored(acme)
    items = [
        group("a", inline("x", id="tag_x"), inline("x"), inline("y", id="tag_x"), inline("z\t")),
        group("b", inline("x", id="tag_high")),
        group("c", inline("x", id="tag_c"), inline("y")),
        group("d", inline("x", id="tag_c")),
        group("e", inline("x")),
    ]
    report = await engine.run(acme, SYSTEM, Create(TAG_GROUPS, items))
    assert fates(report) == [
        "duplicate_in_batch/tags/1/identifier duplicate_in_batch/tags/2/id invalid_value/tags/3/identifier",
        "id_taken/tags/0/id",
        "rolled_back",
        "duplicate_in_batch/tags/0/id",
        "rolled_back",
    ]
    assert await stored(acme) == before
    report = await engine.run(acme, SYSTEM, Create(TAG_GROUPS, items, OnError.REJECT_FAILED))
    assert fates(report)[2::2] == ["created", "created"]
    after = await stored(acme)
    assert len(after["tag_groups"]) == len(before["tag_groups"]) + 2
    assert len(after["tags"]) == len(before["tags"]) + 3


async def test_the_groups_of_one_batch_bring_a_thousand_tags_at_most(acme: Database) -> None:
    before = await stored(acme)
    items = [group(f"g{i}", *(inline(f"t{j}") for j in range(77))) for i in range(13)]
    report = await engine.run(acme, SYSTEM, Create(TAG_GROUPS, items))
    assert fates(report) == ["too_many_items/tags"] * 13
    assert await stored(acme) == before


async def test_a_locked_group_may_be_born_with_tags(acme: Database) -> None:
    await create(acme, TAG_GROUPS, group("new", inline("x"), is_locked=True))


async def test_a_locked_groups_tags_can_only_be_assigned(acme: Database) -> None:
    await create(acme, TAGS, new_tag("old", "tag_group_topic"))
    await resources(acme, "a")
    locking = Updating(Target("tag_group_topic"), TagGroupChange(is_locked=True))
    assert fates(await engine.run(acme, SYSTEM, Update(TAG_GROUPS, [locking]))) == ["updated"]
    before = await stored(acme)
    relabel = Updating(Target("tag_old"), TagChange(label="new"))
    for command, fate in (
        (Create(TAGS, [new_tag("x", "tag_group_topic")]), "locked/tagGroupId"),
        (Update(TAGS, [relabel]), "locked/tagGroupId"),
        (Delete(TAGS, [Target("tag_old")]), "locked/tagGroupId"),
        (Delete(TAG_GROUPS, [Target("tag_group_topic")]), "locked/isLocked"),
    ):
        assert fates(await engine.run(acme, SYSTEM, command)) == [fate]
    assert await stored(acme) == before
    same = Updating(Target("tag_old"), TagChange(label="Old"))
    assert fates(await engine.run(acme, SYSTEM, Update(TAGS, [same]))) == ["unchanged"]
    await create(acme, TAG_ASSIGNMENTS, NewTagAssignment(tag_id="tag_old", resource_id="resource_a"))


async def test_of_a_locked_group_only_the_lock_changes(acme: Database) -> None:
    before = await stored(acme)
    for change in (
        TagGroupChange(name="n"),
        TagGroupChange(max_applied_per_target=3),
        TagGroupChange(name="n", is_locked=False),
    ):
        updating = Updating(Target("tag_group_frozen"), change)
        assert fates(await engine.run(acme, SYSTEM, Update(TAG_GROUPS, [updating]))) == ["locked/isLocked"]
    assert await stored(acme) == before
    steps = [TagGroupChange(is_locked=False), TagGroupChange(name="n"), TagGroupChange(is_locked=True)]
    command = Update(TAG_GROUPS, [Updating(Target("tag_group_frozen"), change) for change in steps])
    assert fates(await engine.run(acme, SYSTEM, command)) == ["updated"] * 3


async def test_clearing_the_lock_unlocks_and_a_new_group_is_unlocked(acme: Database) -> None:
    [row] = await create(acme, TAG_GROUPS, group("new"))
    assert row.is_locked is False
    clearing = Updating(Target("tag_group_frozen"), TagGroupChange(is_locked=None))
    report = await engine.run(acme, SYSTEM, Update(TAG_GROUPS, [clearing]))
    assert [result.row and result.row.is_locked for result in report.results] == [False]
