"""Races on PostgreSQL for what a group allows, and between what goes and what holds on to it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from db import engine
from db.access import SYSTEM
from db.commands import Create, Delete, OnError, Target, Update, Updating
from db.database import open_database
from db.errors import Unavailable
from db.resources import RESOURCES
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, InlineTag, NewTagGroup, TagGroupChange
from db.tags import TAGS
from tests import factories
from tests.factories import create, fates, resources, stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.commands import Command
    from db.database import Database
    from db.outcomes import Report

TAG_COUNT = 10
LIMIT = 3
NAMES = "abcde"


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    """Open a PostgreSQL database with a group of ten tags, of which a resource may carry three."""
    database = open_database(postgresql_url, pool_size=25)
    await factories.catalogue(database)
    tags = [InlineTag(id=f"tag_t{i}", identifier=f"t{i}", label="l") for i in range(TAG_COUNT)]
    group = NewTagGroup(
        id="tag_group_few",
        scope_id="scope_acme",
        key="few",
        name="n",
        max_applied_per_target=LIMIT,
        tags=tags,
    )
    await create(database, TAG_GROUPS, group)
    await resources(database, *NAMES)
    yield database
    await database.close()


def assign(tag: int, name: str) -> NewTagAssignment:
    return NewTagAssignment(tag_id=f"tag_t{tag}", resource_id=f"resource_{name}")


async def race(database: Database, commands: list[Command]) -> Counter[str]:
    reports = await asyncio.gather(*(engine.run(database, SYSTEM, command) for command in commands))
    return Counter(fate for report in reports for fate in fates(report))


async def come_again(database: Database, command: Command) -> Report[Any]:
    """Run a command, once more if it is told to come again.

    A group's delete locks the group before its tags, an assignment the tags before their group: such deadlocks may use
    up the retries.
    """
    try:
        return await engine.run(database, SYSTEM, command)
    except Unavailable as error:
        await asyncio.sleep(error.retry_after_s * (1 + random.random()))
        return await engine.run(database, SYSTEM, command)


async def applied(database: Database) -> Counter[str]:
    return Counter(row[2] for row in (await stored(database))["tag_assignments"])


async def test_a_limit_holds_between_single_assignments_at_once(database: Database) -> None:
    pairs = [(tag, name) for tag in range(TAG_COUNT) for name in NAMES]
    random.Random(1).shuffle(pairs)
    told = await race(database, [Create(TAG_ASSIGNMENTS, [assign(*pair)]) for pair in pairs])
    room = LIMIT * len(NAMES)
    assert told == {"created": room, "limit_reached/tagId": len(pairs) - room}
    assert await applied(database) == {f"resource_{name}": LIMIT for name in NAMES}


async def test_a_limit_holds_between_batches_at_once(database: Database) -> None:
    commands: list[Command] = []
    for tag in range(TAG_COUNT):
        order = random.Random(tag).sample(NAMES, len(NAMES))
        commands.append(Create(TAG_ASSIGNMENTS, [assign(tag, name) for name in order], OnError.REJECT_FAILED))
    told = await race(database, commands)
    assert told["created"] == LIMIT * len(NAMES)
    assert set(told) == {"created", "limit_reached/tagId"}
    assert await applied(database) == {f"resource_{name}": LIMIT for name in NAMES}


async def test_a_limit_that_is_lowered_meanwhile_is_either_old_or_new(database: Database) -> None:
    change = Updating(Target("tag_group_few"), TagGroupChange(max_applied_per_target=1))
    commands: list[Command] = [Create(TAG_ASSIGNMENTS, [assign(tag, "a")]) for tag in range(TAG_COUNT)]
    told = await race(database, [*commands[:2], Update(TAG_GROUPS, [change]), *commands[2:]])
    assert told["updated"] == 1
    assert 1 <= told["created"] <= LIMIT
    assert await applied(database) == {"resource_a": told["created"]}


@pytest.mark.parametrize("seed", range(4))
async def test_no_assignment_outlives_its_tag_group_or_resource(database: Database, seed: int) -> None:
    commands: list[Command] = [
        Create(TAG_ASSIGNMENTS, [assign(tag, name)]) for tag in range(3) for name in NAMES
    ]
    commands += [
        Delete(TAGS, [Target("tag_t0")]),
        Delete(RESOURCES, [Target("resource_a"), Target("resource_b")]),
        Delete(TAG_GROUPS, [Target("tag_group_few")]),
    ]
    random.Random(seed).shuffle(commands)
    reports = await asyncio.gather(*(come_again(database, command) for command in commands))
    told = Counter(fate for report in reports for fate in fates(report))
    assert set(told) <= {
        "created", "deleted", "limit_reached/tagId", "not_found/id",
        "unknown_reference/tagId", "unknown_reference/resourceId",
    }  # fmt: skip
    after = await stored(database)
    assert after["tag_assignments"] == []
    assert [row[0] for row in after["tags"] if row[2] == "tag_group_few"] == []
    assert {row[0] for row in after["resources"]} == {"resource_c", "resource_d", "resource_e"}


async def test_groups_that_bring_the_same_tags_at_once_do_not_share_them(database: Database) -> None:
    def group(writer: int) -> NewTagGroup:
        order = random.Random(writer).sample(range(20), 20)
        tags = [InlineTag(id=f"tag_n{i}", identifier=f"n{i}", label="l") for i in order]
        return NewTagGroup(
            id=f"tag_group_w{writer}", scope_id="scope_acme", key=f"w{writer}", name="n", tags=tags
        )

    told = await race(database, [Create(TAG_GROUPS, [group(writer)]) for writer in range(10)])
    assert told["created"] == 1
    assert all(fate == "created" or fate.startswith("id_taken/tags/") for fate in told)
    after = await stored(database)
    assert len([row for row in after["tag_groups"] if row[0].startswith("tag_group_w")]) == 1
    assert len({row[2] for row in after["tags"] if row[0].startswith("tag_n")}) == 1
