"""Batches, what failed and waits of them, and references are found by an index, where there are many of them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from db import resource_references
from db.access import SYSTEM, Principal, Reach, Role
from db.batches import BATCHES, BY_SCOPE, FAILURES_OF_BATCH
from db.reads import Page, Selection, Slice, by_ids, children, count_children, page
from db.uploads import progress, waiting_lists
from tests.db import crowd

if TYPE_CHECKING:
    from db.database import Database

SCOPES, BATCHES_OF_ALL, OTHERS = 500, 5_000, 20_000
ROOT = "scope_0"
IN_ROOT = Principal("s", Role.ADMIN, Reach(ROOT, ROOT, "p0/"))
BELOW = Principal("s", Role.ADMIN, Reach(ROOT, "scope_3", "p0/p3/"))
CALLERS = {"everywhere": SYSTEM, "root": IN_ROOT, "subtree": BELOW}
KEYS = [(f"batch_{i}", ROOT) for i in range(3, 5_000, 500)]
BIG = (
    "batches",
    "batch_failures",
    "waiting_records",
    "waiting_stakes",
    "waiting_targets",
    "resource_references",
)

_STAMPS = "'2026-01-01T00:00:00Z', 's', 'r', 'scope_0'"
_SCOPE = f"'scope_' || (n % {SCOPES})"
_BATCH = f"'batch_' || (n % {BATCHES_OF_ALL})"
_MADE = "created_at, created_by, revision, root_id"
_TIMES = "'2099-01-01T00:00:00Z', '2026-01-01T00:00:00Z'"
_PARENT = "case when n = 0 then null else 'scope_0' end"
_PATH = "'p0/' || case when n = 0 then '' else 'p' || n || '/' end"
_OPTIONS = "on_conflict, ignore_unknown_fields, wait_s, delete_all, cascade, turn"
_CHOSEN = "'upsert', false, 60, false, false, n"
_WAITING = "resource_type_id, patch, created_by, expires_at, created_at"
_ENDS = "'resource_' || n || '/of', 'resource_' || n, 'resource_' || (n % 1000)"
_COUNTS = "total, succeeded, failed, waiting"
_MUST = "must_be_new, must_exist, due"
_TARGET = "target_type_id, target_external_id"
_ROWS = {
    f"scopes (id, name, parent_scope_id, path, {_MADE})": (
        SCOPES,
        f"'scope_' || n, 'n', {_PARENT}, {_PATH}, {_STAMPS}",
    ),
    f"resource_types (id, name, key, scope_id, key_folded, {_MADE})": (
        1,
        f"'resource_type_0', 'n', 'k', 'scope_0', 'k', {_STAMPS}",
    ),
    f"batches (id, scope_id, resource_type_id, type_key, kind, status, {_COUNTS}, {_OPTIONS}, {_MADE})": (
        BATCHES_OF_ALL,
        f"'batch_' || n, {_SCOPE}, 'resource_type_0', 'k', 'k', 'pending', 8, 0, 4, 4, {_CHOSEN}, {_STAMPS}",
    ),
    "batch_failures (id, root_id, batch_id, scope_id, record_index, code, faults)": (
        OTHERS,
        f"{_BATCH} || ':' || n, 'scope_0', {_BATCH}, {_SCOPE}, n, 'invalid_value', '[]'",
    ),
    f"waiting_records (id, root_id, scope_id, external_id, {_WAITING}, {_MUST})": (
        OTHERS,
        f"'resource_' || n, 'scope_0', {_SCOPE}, 'x' || n, 'resource_type_0', '', 's', {_TIMES}, false, false, false",
    ),
    "waiting_stakes (waiting_id, root_id, batch_id, record_index)": (
        OTHERS,
        f"'resource_' || n, 'scope_0', {_BATCH}, n",
    ),
    f"waiting_targets (waiting_id, root_id, scope_id, {_TARGET})": (
        OTHERS,
        f"'resource_' || n, 'scope_0', {_SCOPE}, 'resource_type_0', 'y' || n",
    ),
    f"resource_references (root_id, path, scope_id, {_TARGET}, id, source_id, target_id)": (
        OTHERS,
        f"'scope_0', '/of', {_SCOPE}, 'resource_type_0', 'x', {_ENDS}",
    ),
}


@pytest.fixture
async def crowded(database: Database, database_url: str) -> Database:
    """Return a database of many uploads."""
    if database_url.startswith("sqlite"):
        connection = sqlite3.connect(database_url.removeprefix("sqlite:///"))
        connection.executescript(crowd.script(crowd.SQLITE_NUMBERS, _ROWS))
        connection.close()
    else:
        other = await asyncpg.connect(database_url)
        await other.execute(crowd.script(crowd.POSTGRESQL_NUMBERS, _ROWS))
        await other.close()
    return database


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> crowd.Plans:
    """Note the plan of every statement."""
    monkeypatch.setattr(crowd, "BIG", BIG)
    return crowd.Plans(monkeypatch)


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
async def test_batches_and_what_is_in_them_are_found_by_an_index(
    crowded: Database, plans: crowd.Plans, caller: Principal
) -> None:
    own = [key for key in KEYS if caller is not BELOW or int(key[0].removeprefix("batch_")) % SCOPES == 3]
    async with crowded.read("test") as reader:
        assert all(await by_ids(reader, caller, BATCHES, [batch for batch, _ in own]))  # type: ignore[arg-type]  # `all` takes objects
        for wanted in (Page(limit=2), Page(limit=2, backward=True)):
            failures: list[Slice[Any]] = await children(reader, caller, FAILURES_OF_BATCH, own, wanted)
            waiting = await waiting_lists.pages(reader, caller, own, wanted)
            assert [len(each.rows) for each in (*failures, *waiting)] == [2] * 2 * len(own)
            assert all(
                await waiting_lists.missing(reader, [row.key for each in waiting for row in each.rows])
            )
            after = Page(limit=2, after=waiting[0].cursor(waiting[0].rows[0]))
            assert await waiting_lists.pages(reader, caller, own[:1], after)
        assert await count_children(reader, caller, FAILURES_OF_BATCH, own) == [4] * len(own)
        assert await waiting_lists.sizes(reader, caller, own) == [4] * len(own)
        assert len(await progress.failure_counts(reader, own)) == len(own)
        (below,) = await children(reader, caller, BY_SCOPE, [("scope_3", ROOT)], Page(limit=2))
        assert len(below.rows) == 2
        await page(reader, caller, BATCHES, Selection(scope_id="scope_3"), Page(limit=2))
    assert len(plans.noted) > 10
    assert plans.scans() == []


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize("edge", [resource_references.BY_SOURCE, resource_references.BY_TARGET])
async def test_references_are_found_by_an_index(
    crowded: Database, plans: crowd.Plans, edge: Any, caller: Principal
) -> None:
    parents = [(f"resource_{i}", ROOT) for i in range(3, 1_000, 50)]
    async with crowded.read("test") as reader:
        found = await children(reader, caller, edge, parents, Page(limit=5))
        counted = await count_children(reader, caller, edge, parents)
    assert [min(5, count) for count in counted] == [len(each.rows) for each in found]
    assert any(counted)
    assert plans.scans() == []
