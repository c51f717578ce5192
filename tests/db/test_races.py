"""Races on PostgreSQL: many writers want the same keys at once, and each hears who got them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from db import engine
from db.access import SYSTEM
from db.commands import Create, Delete, OnConflict, OnError, Target, Update, Updating
from db.database import open_database
from db.reads import by_id
from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.resources import RESOURCES, ResourceChange
from db.scopes import SCOPES, NewScope
from db.tag_groups import TAG_GROUPS, TagGroupChange
from db.tags import TAGS
from tests import factories
from tests.factories import create, fates, new_resource, new_tag, resources, stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.commands import Command
    from db.database import Database
    from db.outcomes import Report

WRITERS = 50
KEYS = 20


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    """Open a PostgreSQL database with enough connections for many writers at once."""
    database = open_database(postgresql_url, pool_size=25)
    await factories.catalogue(database)
    yield database
    await database.close()


def keys_of(writer: int, *, own_ids: bool) -> list[Any]:
    """Return the same keys for every writer, in an order of its own."""
    order = random.Random(writer).sample(range(KEYS), KEYS)
    return [
        new_resource(f"k{key}", id=f"resource_k{key}" if own_ids else None, display_name=f"by {writer}")
        for key in order
    ]


async def race(database: Database, commands: list[Command]) -> list[Report[Any]]:
    return list(await asyncio.gather(*(engine.run(database, SYSTEM, command) for command in commands)))


@pytest.mark.parametrize("own_ids", [False, True])
async def test_of_many_writers_of_whole_batches_one_wins_them_all(database: Database, own_ids: bool) -> None:
    batches = [keys_of(writer, own_ids=own_ids) for writer in range(WRITERS)]
    reports = await race(database, [Create(RESOURCES, batch) for batch in batches])
    assert sum(report.committed for report in reports) == 1
    code = "id_taken/id" if own_ids else "already_exists/externalResourceId"
    for report, batch in zip(reports, batches, strict=True):
        assert fates(report) == ["created" if report.committed else code] * KEYS
        for result, item in zip(report.results, batch, strict=True):
            name = item.id if own_ids else repr(item.external_resource_id)
            assert result.row or name in result.faults[0].detail
    [winner] = [writer for writer, report in enumerate(reports) if report.committed]
    rows = (await stored(database))["resources"]
    assert Counter(row[4] for row in rows) == {f"by {winner}": KEYS}


@pytest.mark.parametrize("own_ids", [False, True])
async def test_of_many_writers_exactly_one_wins_each_key(database: Database, own_ids: bool) -> None:
    batches = [keys_of(writer, own_ids=own_ids)[writer % 7 :] for writer in range(WRITERS)]
    reports = await race(database, [Create(RESOURCES, batch, OnError.REJECT_FAILED) for batch in batches])
    code = "id_taken/id" if own_ids else "already_exists/externalResourceId"
    winners = Counter(
        item.external_resource_id
        for report, batch in zip(reports, batches, strict=True)
        for result, item in zip(report.results, batch, strict=True)
        if result.row
    )
    assert winners == {f"k{key}": 1 for key in range(KEYS)}
    assert {fate for report in reports for fate in fates(report)} == {"created", code}
    told = {result.row.id for report in reports for result in report.results if result.row}
    assert told == {row[0] for row in (await stored(database))["resources"]}


async def test_ids_and_keys_in_opposite_orders_still_end(database: Database) -> None:
    def batch(writer: int) -> list[Any]:
        return [new_resource(f"k{key}", id=f"resource_k{(key * (writer + 1)) % 7}") for key in range(7)]

    commands: list[Command] = [
        Create(RESOURCES, batch(writer), OnError.REJECT_FAILED) for writer in (0, 1, 2, 4, 5)
    ]
    reports = await race(database, commands)
    told = {result.row.id for report in reports for result in report.results if result.row}
    assert told == {row[0] for row in (await stored(database))["resources"]}
    assert {fate for report in reports for fate in fates(report)} <= {
        "created", "id_taken/id", "already_exists/externalResourceId",
    }  # fmt: skip


@pytest.mark.parametrize("on_conflict", [OnConflict.SKIP, OnConflict.MERGE])
async def test_racing_writers_that_skip_or_merge_all_succeed(
    database: Database, on_conflict: OnConflict
) -> None:
    commands: list[Command] = [
        Create(RESOURCES, keys_of(writer, own_ids=False), on_conflict=on_conflict)
        for writer in range(WRITERS)
    ]
    reports = await race(database, commands)
    assert all(report.committed for report in reports)
    made = Counter(fate for report in reports for fate in fates(report))
    later = "unchanged" if on_conflict is OnConflict.SKIP else "updated"
    assert made == {"created": KEYS, later: KEYS * (WRITERS - 1)}
    rows = (await stored(database))["resources"]
    assert len(rows) == KEYS
    assert len({row[4] for row in rows}) == 1


async def test_merges_of_different_fields_of_one_object_all_survive(database: Database) -> None:
    await resources(database, "a", data={})
    commands: list[Command] = [
        Create(RESOURCES, [new_resource("a", data={f"f{i}": i})], on_conflict=OnConflict.MERGE)
        for i in range(20)
    ]
    commands += [
        Update(RESOURCES, [Updating(Target("resource_a"), ResourceChange(data={f"g{i}": i}))])
        for i in range(20)
    ]
    commands.append(Update(RESOURCES, [Updating(Target("resource_a"), ResourceChange(display_name="n"))]))
    reports = await race(database, commands)
    assert [fates(report) for report in reports] == [["updated"]] * 41
    async with database.read("test") as reader:
        row = await by_id(reader, SYSTEM, RESOURCES, "resource_a")
    assert row is not None
    assert row.display_name == "n"
    assert all(f'"{name}{i}":{i}' in (row.data or "") for name in "fg" for i in range(20))


async def test_of_many_updates_with_one_revision_one_wins(database: Database) -> None:
    await resources(database, "a")
    async with database.read("test") as reader:
        row = await by_id(reader, SYSTEM, RESOURCES, "resource_a")
    assert row is not None
    target = Target("resource_a", frozenset({row.revision}))
    commands: list[Command] = [
        Update(RESOURCES, [Updating(target, ResourceChange(display_name=f"n{i}"))]) for i in range(20)
    ]
    reports = await race(database, commands)
    assert Counter(fate for report in reports for fate in fates(report)) == {
        "updated": 1,
        "precondition_failed": 19,
    }


async def test_updates_of_the_same_rows_in_different_orders_all_succeed(database: Database) -> None:
    await resources(database, *(f"r{i}" for i in range(20)))
    commands: list[Command] = []
    for writer in range(20):
        order = random.Random(writer).sample(range(20), 20)
        change = ResourceChange(data={f"w{writer}": 1})
        commands.append(Update(RESOURCES, [Updating(Target(f"resource_r{i}"), change) for i in order]))
    reports = await race(database, commands)
    assert all(fates(report) == ["updated"] * 20 for report in reports)
    rows = (await stored(database))["resources"]
    assert all(f'"w{writer}":1' in row[5] for row in rows for writer in range(20))


@pytest.mark.parametrize("round_", range(5))
async def test_no_resource_outlives_its_scope_or_type(database: Database, round_: int) -> None:
    await create(database, SCOPES, NewScope(id="scope_brief", parent_scope_id="scope_acme", name="n"))
    kind = NewResourceType(id="resource_type_brief", scope_id="scope_acme", key="brief", name="n")
    await create(database, RESOURCE_TYPES, kind)
    makers: list[Command] = [
        Create(RESOURCES, [new_resource(f"s{i}", scope_id="scope_brief")]) for i in range(round_ * 3)
    ]
    makers += [
        Create(RESOURCES, [new_resource(f"t{i}", resource_type_id="resource_type_brief")])
        for i in range(round_ * 3)
    ]
    makers.append(Create(SCOPES, [NewScope(id="scope_child", parent_scope_id="scope_brief", name="n")]))
    deletes: list[Command] = [
        Delete(SCOPES, [Target("scope_brief")]), Delete(RESOURCE_TYPES, [Target("resource_type_brief")]),
    ]  # fmt: skip
    commands = makers + deletes
    random.Random(round_).shuffle(commands)
    reports = await race(database, commands)
    assert {fate for report in reports for fate in fates(report)} <= {
        "created", "deleted", "in_use/id",
        "unknown_reference/scopeId", "unknown_reference/resourceTypeId", "unknown_reference/parentScopeId",
    }  # fmt: skip
    after = await stored(database)
    scopes, kinds = {row[0] for row in after["scopes"]}, {row[0] for row in after["resource_types"]}
    assert {row[2] for row in after["resources"]} | {row[1] for row in after["scopes"] if row[1]} <= scopes
    assert {row[1] for row in after["resources"]} <= kinds


async def test_a_lock_and_new_tags_do_not_lose_each_other(database: Database) -> None:
    lock = Update(TAG_GROUPS, [Updating(Target("tag_group_topic"), TagGroupChange(is_locked=True))])
    commands: list[Command] = [Create(TAGS, [new_tag(f"n{i}", "tag_group_topic")]) for i in range(10)]
    reports = await race(database, [*commands[:5], lock, *commands[5:]])
    made = [fate for report in reports for fate in fates(report)]
    assert set(made) <= {"created", "locked/tagGroupId", "updated"}
    assert len((await stored(database))["tags"]) == 4 + made.count("created")
    assert fates(await engine.run(database, SYSTEM, Create(TAGS, [new_tag("late", "tag_group_topic")]))) == [
        "locked/tagGroupId"
    ]
