"""The tree of scopes: who is below whom, in one batch and over several."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from db import engine, scopes
from db.access import SYSTEM
from db.commands import Create, Delete, OnError, Target
from db.errors import Code, Fault
from db.reads import by_ids
from db.scopes import MAX_TREE_DEPTH, SCOPES, NewScope
from tests.factories import caller_in, create, fates, ids, rows_of, stored

if TYPE_CHECKING:
    from db.database import Database


def scope(name: str, parent: str | None = None) -> NewScope:
    return NewScope(id=f"scope_{name}", parent_scope_id=parent and f"scope_{parent}", name=name)


@pytest.mark.parametrize("count", [2, 64, 1000])
async def test_parents_may_be_later_items_of_the_batch(database: Database, count: int) -> None:
    items = [scope("0"), *(scope(str(i), str((i - 1) // 2)) for i in range(1, count))]
    random.Random(count).shuffle(items)
    rows = {row.id: row for row in await create(database, SCOPES, *items)}
    async with database.read("test") as reader:
        assert await by_ids(reader, SYSTEM, SCOPES, list(rows)) == list(rows.values())
    for i in range(1, count):
        row, parent = rows[f"scope_{i}"], rows[f"scope_{(i - 1) // 2}"]
        assert (row.parent_scope_id, row.root_id) == (parent.id, "scope_0")
        assert row.path.startswith(parent.path)
        assert row.path.count("/") == parent.path.count("/") + 1


async def test_items_that_are_their_own_ancestors_are_refused(acme: Database) -> None:
    before = await stored(acme)
    items = [
        scope("self", "self"),
        scope("a", "b"),
        scope("b", "c"),
        scope("c", "a"),
        scope("below", "a"),
        scope("good", "acme"),
    ]
    report = await engine.run(acme, SYSTEM, Create(SCOPES, items))
    cycle = "invalid_value/parentScopeId"
    assert fates(report) == [cycle] * 4 + ["unknown_reference/parentScopeId", "rolled_back"]
    assert (
        report.results[4].faults[0].detail == "parentScopeId: the parent is a faulty item of the same batch"
    )
    assert await stored(acme) == before


async def test_what_is_below_a_faulty_item_fails_with_it_and_the_rest_is_stored(acme: Database) -> None:
    items: list[NewScope | tuple[Fault, ...]] = [
        scope("grandchild", "child"),
        scope("child", "bad"),
        scope("bad", "nowhere"),
        (Fault(Code.UNKNOWN_FIELD, "/x", "x"),),
        scope("taken_child", "engineering"),
        scope("engineering", "acme"),
        scope("sibling", "acme"),
        scope("sibling_child", "sibling"),
    ]
    report = await engine.run(acme, SYSTEM, Create(SCOPES, items, OnError.REJECT_FAILED))
    orphan = "unknown_reference/parentScopeId"
    assert fates(report) == [
        orphan, orphan, orphan, "unknown_field/x", "created", "id_taken/id", "created", "created",
    ]  # fmt: skip
    assert report.results[2].faults[0].detail == "parentScopeId: there is no scope scope_nowhere"
    async with acme.read("test") as reader:
        found = await by_ids(
            reader, SYSTEM, SCOPES, ["scope_child", "scope_taken_child", "scope_sibling_child"]
        )
    assert ids(found) == [None, "scope_taken_child", "scope_sibling_child"]


async def test_what_is_below_an_item_whose_key_is_taken_fails_with_it(acme: Database) -> None:
    before = await stored(acme)
    items = [
        NewScope(id="scope_a", parent_scope_id="scope_acme", name="a", external_id="eng"),
        scope("b", "a"),
        scope("c", "b"),
    ]
    report = await engine.run(acme, SYSTEM, Create(SCOPES, items, OnError.REJECT_FAILED))
    orphan = "unknown_reference/parentScopeId"
    assert fates(report) == ["already_exists/externalId", orphan, orphan]
    assert await stored(acme) == before


async def test_the_tree_has_a_depth(database: Database) -> None:
    chain = [scope("1"), *(scope(str(i), str(i - 1)) for i in range(2, MAX_TREE_DEPTH + 1))]
    await create(database, SCOPES, *chain)
    before = await stored(database)
    report = await engine.run(database, SYSTEM, Create(SCOPES, [scope("deeper", str(MAX_TREE_DEPTH))]))
    assert fates(report) == ["limit_reached/parentScopeId"]
    assert await stored(database) == before
    one_batch = [scope("x1"), *(scope(f"x{i}", f"x{i - 1}") for i in range(2, MAX_TREE_DEPTH + 3))]
    report = await engine.run(database, SYSTEM, Create(SCOPES, one_batch))
    assert fates(report)[MAX_TREE_DEPTH - 1 :] == [
        "rolled_back", "limit_reached/parentScopeId", "unknown_reference/parentScopeId",
    ]  # fmt: skip
    assert await stored(database) == before


async def test_external_ids_are_unique_among_siblings(acme: Database) -> None:
    items = [
        NewScope(parent_scope_id="scope_acme", name="n", external_id="eng"),
        NewScope(parent_scope_id="scope_sales", name="n", external_id="eng"),
        NewScope(parent_scope_id="scope_sales", name="n", external_id="eng"),
        NewScope(parent_scope_id="scope_sales", name="n"),
        NewScope(parent_scope_id="scope_sales", name="n"),
    ]
    report = await engine.run(acme, SYSTEM, Create(SCOPES, items, OnError.REJECT_FAILED))
    assert fates(report) == [
        "already_exists/externalId", "created", "duplicate_in_batch/externalId", "created", "created",
    ]  # fmt: skip


async def test_a_repeated_item_may_name_a_parent_that_comes_later(acme: Database) -> None:
    items = [scope("a", "acme"), scope("a", "b"), scope("b", "a")]
    report = await engine.run(acme, SYSTEM, Create(SCOPES, items, OnError.REJECT_FAILED))
    assert fates(report) == ["created", "duplicate_in_batch/id", "created"]


async def test_ids_and_external_ids_of_roots_are_unique_in_the_server(acme: Database) -> None:
    before = await stored(acme)
    items = [
        NewScope(id="scope_acme", name="again"),
        NewScope(id="scope_other", name="n", external_id="scope_acme-external"),
    ]
    for item, fate in zip(items, ["id_taken/id", "already_exists/externalId"], strict=True):
        assert fates(await engine.run(acme, SYSTEM, Create(SCOPES, [item]))) == [fate]
    assert await stored(acme) == before


async def test_only_the_servers_root_token_makes_roots(acme: Database) -> None:
    before = await stored(acme)
    admin = await caller_in(acme, "scope_acme")
    report = await engine.run(acme, admin, Create(SCOPES, [scope("root"), scope("child", "root")]))
    assert fates(report) == ["forbidden/parentScopeId", "unknown_reference/parentScopeId"]
    assert await stored(acme) == before


async def test_a_scope_made_again_under_an_old_id_has_a_path_of_its_own(acme: Database) -> None:
    old = await caller_in(acme, "scope_platform")
    await engine.run(acme, SYSTEM, Delete(SCOPES, [Target("scope_platform")]))
    [row] = await create(acme, SCOPES, scope("platform", "engineering"))
    assert old.reach is not None
    assert row.path != old.reach.path
    async with acme.read("test") as reader:
        assert await by_ids(reader, old, SCOPES, ["scope_platform"]) == [None]


async def test_ancestors_are_those_in_reach_from_the_root_down(acme: Database) -> None:
    engineering = await caller_in(acme, "scope_engineering")
    async with acme.read("test") as reader:
        rows = await by_ids(reader, SYSTEM, SCOPES, ["scope_platform", "scope_acme", "scope_sales"])
        paths = [row.path for row in rows if row]
        assert [ids(chain) for chain in await scopes.ancestors(reader, SYSTEM, paths)] == [
            ["scope_acme", "scope_engineering"], [], ["scope_acme"],
        ]  # fmt: skip
        assert [ids(chain) for chain in await scopes.ancestors(reader, engineering, paths)] == [
            ["scope_engineering"], [], [],
        ]  # fmt: skip


async def test_the_same_tree_fits_under_several_roots(database: Database) -> None:
    for root in ("a", "b"):
        report = await engine.run(
            database, SYSTEM, Create(SCOPES, [scope(root), scope("same", root), scope("below", "same")])
        )
        assert [(row.id, row.root_id) for row in rows_of(report)] == [
            (f"scope_{root}", f"scope_{root}"), ("scope_same", f"scope_{root}"), ("scope_below", f"scope_{root}"),
        ]  # fmt: skip
