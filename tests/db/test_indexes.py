"""The hot statements find their rows by an index, in a catalogue with enough of them to matter."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from db import engine, resources, scopes, tag_assignments, tags, tokens
from db.access import SYSTEM, Principal, Reach, Role
from db.commands import Create, Delete, OnConflict, Target, Update, Updating
from db.database import open_database
from db.reads import Page, Selection, by_ids, children, count_children, page
from db.resource_types import RESOURCE_TYPES
from db.resources import RESOURCES, NewResource, ResourceChange
from db.scopes import SCOPES
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS
from db.tags import TAGS, NewTag
from tests.db.crowd import POSTGRESQL, SQLITE, Plans
from tests.factories import fates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from db.database import Database
    from tests.postgres import PostgresServer

ROOT = "scope_0"
IN_ROOT = Principal("s", Role.ADMIN, Reach(ROOT, ROOT, "p0/"))
BELOW = Principal("s", Role.ADMIN, Reach(ROOT, "scope_3", "p0/p3/"))
CALLERS = {"everywhere": SYSTEM, "root": IN_ROOT, "subtree": BELOW}
KEYS = range(0, 40_000, 1_777)


@pytest.fixture(scope="module")
def crowded_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a crowded database file to copy."""
    path = tmp_path_factory.mktemp("crowd") / "sheaf.db"
    shutil.copyfile(sqlite_template, path)
    connection = sqlite3.connect(path)
    connection.executescript(SQLITE)
    connection.close()
    return path


@pytest.fixture(scope="module")
def crowded_postgresql(postgres_server: PostgresServer, postgres_template: str) -> str:
    """Return the URL of a crowded database to copy."""
    url = postgres_server.create_database(postgres_template)

    async def fill() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(POSTGRESQL)
        await connection.close()

    asyncio.run(fill())
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def crowd_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a crowded database that only this test knows."""
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copyfile(request.getfixturevalue('crowded_sqlite'), tmp_path / 'sheaf.db')}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create_database(request.getfixturevalue("crowded_postgresql"))
    yield url
    server.drop_database(url)


@pytest.fixture
async def crowd(crowd_url: str) -> AsyncIterator[Database]:
    """Open the test's crowded database."""
    database = open_database(crowd_url)
    yield database
    await database.close()


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Plans:
    """Note the plan of every statement."""
    return Plans(monkeypatch)


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize(
    ("noun", "some"),
    [
        (SCOPES, [f"scope_{i}" for i in range(22, 8_000, 400)]),
        (RESOURCE_TYPES, [f"resource_type_{i}" for i in range(0, 2_000, 99)]),
        (RESOURCES, [f"resource_{i}" for i in KEYS]),
        (TAG_GROUPS, [f"tag_group_{i}" for i in range(0, 2_000, 99)]),
        (TAGS, [f"tag_{i}" for i in range(0, 20_000, 999)]),
        (TAG_ASSIGNMENTS, [f"tag_assignment_{i}" for i in KEYS]),
    ],
    ids=lambda value: value.table.name if hasattr(value, "table") else None,
)
async def test_objects_are_found_by_id(
    crowd: Database, plans: Plans, noun: Any, some: list[str], caller: Principal
) -> None:
    async with crowd.read("test") as reader:
        found = await by_ids(reader, caller, noun, some)
    assert any(found)
    assert plans.scans() == []


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize(
    "selection",
    [
        Selection(scope_id="scope_3"),
        Selection(scope_id="scope_3", with_descendants=True),
        Selection(filters={"resourceTypeId": "resource_type_3"}),
        Selection(scope_id="scope_3", filters={"externalResourceId": "x3"}),
        Selection(filters={"tagId": "tag_3"}),
        Selection(ids=("resource_3", "resource_7")),
        Selection(),
    ],
    ids=["scope", "subtree", "type", "key", "tag", "ids", "all"],
)
async def test_a_page_of_resources_is_read_by_an_index(
    crowd: Database, plans: Plans, selection: Selection, caller: Principal
) -> None:
    async with crowd.read("test") as reader:
        first = await page(reader, caller, RESOURCES, selection, Page(limit=5))
        after = first.cursor(first.rows[-1]) if first.rows else None
        await page(reader, caller, RESOURCES, selection, Page(limit=5, after=after))
        await page(reader, caller, RESOURCES, selection, Page(limit=5, backward=True))
    assert plans.scans() == []


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize(
    ("edge", "parents"),
    [
        (resources.BY_SCOPE, [f"scope_{i}" for i in range(3, 23)]),
        (resources.BY_RESOURCE_TYPE, [f"resource_type_{i}" for i in range(20)]),
        (resources.BY_TAG, [f"tag_{i}" for i in range(20)]),
        (tags.BY_RESOURCE, [f"resource_{i}" for i in KEYS]),
        (tags.BY_TAG_GROUP, [f"tag_group_{i}" for i in range(20)]),
        (scopes.CHILDREN, [f"scope_{i}" for i in (0, 3, 30, 40, 4_000)]),
        (tag_assignments.BY_RESOURCE, [f"resource_{i}" for i in KEYS]),
        (tag_assignments.BY_TAG, [f"tag_{i}" for i in range(20)]),
        (tag_assignments.BY_SCOPE, [f"scope_{i}" for i in range(3, 23)]),
    ],
    ids=["scope", "type", "tag", "tags", "group", "children", "assignments", "tagged", "assigned"],
)
async def test_children_and_their_counts_are_read_by_an_index(
    crowd: Database, plans: Plans, edge: Any, parents: list[str], caller: Principal
) -> None:
    keys = [(parent, ROOT) for parent in parents]
    async with crowd.read("test") as reader:
        found = await children(reader, caller, edge, keys, Page(limit=5))
        counted = await count_children(reader, caller, edge, keys)
    assert [min(5, count) for count in counted] == [len(part.rows) for part in found]
    assert plans.scans() == []


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
async def test_writes_look_everything_up_by_an_index(
    crowd: Database, plans: Plans, caller: Principal
) -> None:
    place = {"scope_id": "scope_3", "resource_type_id": "resource_type_3"}
    new = [NewResource(id=f"resource_new{i}", external_resource_id=f"new{i}", **place) for i in range(20)]
    met = [NewResource(external_resource_id=f"new{i}", display_name="n", **place) for i in range(20)]
    targets = [Target(item.id or "") for item in new]
    assigned = [NewTagAssignment(tag_id="tag_3", resource_id=target.id) for target in targets]
    tag = NewTag(id="tag_new", scope_id="scope_3", tag_group_id="tag_group_3", identifier="new", label="l")
    change = ResourceChange(data={"a": 1})
    for command, fate in (
        (Create(RESOURCES, new), "created"),
        (Create(RESOURCES, met), "already_exists/externalResourceId"),
        (Create(RESOURCES, met, on_conflict=OnConflict.MERGE), "updated"),
        (Update(RESOURCES, [Updating(target, change) for target in targets]), "updated"),
        (Create(TAGS, [tag]), "created"),
        (Create(TAG_ASSIGNMENTS, assigned), "created"),
        (Delete(RESOURCES, targets), "deleted"),
        (Delete(TAGS, [Target("tag_new")]), "deleted"),
        (Delete(SCOPES, [Target("scope_3")]), "in_use/id"),
    ):
        report = await engine.run(crowd, caller, command)
        assert set(fates(report)) == {fate}
    assert plans.scans() == []


async def test_callers_and_their_scopes_are_found_by_an_index(crowd: Database, plans: Plans) -> None:
    _, text = await tokens.issue(crowd, SYSTEM, "scope_3", Role.ADMIN, subject="s")
    async with crowd.read("test") as reader:
        assert await tokens.principal(reader, tokens.hash_of(text)) is not None
        for caller in CALLERS.values():
            assert (await tokens.narrowed(reader, caller, "scope_3")).reach is not None
        assert (await tokens.narrowed(reader, IN_ROOT, "e3")).reach is not None
        assert await tokens.partner_scope(reader, "e0") is not None
    assert plans.scans() == []
