"""Reach: what a caller sees, uses and learns, in its scope, above it and beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db import engine
from db.access import SYSTEM
from db.commands import Create, Delete, Target, Update, Updating
from db.errors import Code, Conflict
from db.reads import Page, Selection, by_id, by_ids, count, page
from db.resource_types import RESOURCE_TYPES
from db.resources import RESOURCES, NewResource, ResourceChange
from db.scopes import SCOPES
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS
from db.tags import TAGS
from tests.factories import caller_in, catalogue, create, fates, ids, new_resource, resources, rows_of, stored

if TYPE_CHECKING:
    from db.access import Principal
    from db.database import Database

SCOPES_OF_ACME = ["scope_acme", "scope_engineering", "scope_platform", "scope_sales"]


@pytest.fixture
async def acme(acme: Database) -> Database:
    """Return the small catalogue with a tagged resource in each scope."""
    await resources(acme, "p", scope_id="scope_platform")
    await resources(acme, "e", scope_id="scope_engineering")
    await resources(acme, "s", scope_id="scope_sales")
    await resources(acme, "a", scope_id="scope_acme")
    items = [
        NewTagAssignment(id=f"tag_assignment_{r}", tag_id="tag_security", resource_id=f"resource_{r}")
        for r in "pesa"
    ]
    await create(acme, TAG_ASSIGNMENTS, *items)
    return acme


async def seen(database: Database, caller: Principal, noun: Any) -> list[str | None]:
    async with database.read("test") as reader:
        listed = await page(reader, caller, noun, Selection(), Page())
        assert await count(reader, caller, noun, Selection()) == len(listed.rows)
        everything = await page(reader, SYSTEM, noun, Selection(), Page())
        found = await by_ids(reader, caller, noun, [row.id for row in everything.rows])
    assert [row for row in found if row] == listed.rows
    return ids(listed.rows)


@pytest.mark.parametrize(
    ("scope", "scopes", "names"),
    [
        ("scope_acme", SCOPES_OF_ACME, "aeps"),
        ("scope_engineering", ["scope_engineering", "scope_platform"], "ep"),
        ("scope_platform", ["scope_platform"], "p"),
        ("scope_sales", ["scope_sales"], "s"),
    ],
)
async def test_a_caller_sees_its_scope_and_what_is_below(
    acme: Database, scope: str, scopes: list[str], names: str
) -> None:
    caller = await caller_in(acme, scope)
    assert await seen(acme, caller, SCOPES) == scopes
    assert await seen(acme, caller, RESOURCES) == [f"resource_{name}" for name in names]
    assert await seen(acme, caller, TAG_ASSIGNMENTS) == [f"tag_assignment_{name}" for name in names]


async def test_types_groups_and_tags_of_the_scopes_above_are_readable(acme: Database) -> None:
    for scope, types in (("scope_platform", ["document", "ticket"]), ("scope_sales", ["document"])):
        caller = await caller_in(acme, scope)
        assert await seen(acme, caller, RESOURCE_TYPES) == [f"resource_type_{name}" for name in types]
        assert len(await seen(acme, caller, TAG_GROUPS)) == 3
        assert len(await seen(acme, caller, TAGS)) == 4


async def test_what_is_shared_from_above_cannot_be_changed_or_deleted(acme: Database) -> None:
    caller = await caller_in(acme, "scope_sales")
    before = await stored(acme)
    for noun, target in (
        (RESOURCE_TYPES, "resource_type_document"),
        (TAG_GROUPS, "tag_group_topic"),
        (TAGS, "tag_high"),
    ):
        assert fates(await engine.run(acme, caller, Delete(noun, [Target(target)]))) == ["not_found/id"]
    assert await stored(acme) == before


async def test_what_is_out_of_reach_is_told_as_if_it_did_not_exist(acme: Database) -> None:
    caller = await caller_in(acme, "scope_sales")
    before = await stored(acme)
    for noun, inside in ((RESOURCES, "resource_e"), (SCOPES, "scope_engineering"), (SCOPES, "scope_acme")):
        there = await engine.run(acme, caller, Delete(noun, [Target(inside)]))
        nowhere = await engine.run(acme, caller, Delete(noun, [Target(f"{inside}x")]))
        told = [report.results[0].faults[0] for report in (there, nowhere)]
        assert (told[0].code, told[0].detail + "x") == (told[1].code, told[1].detail)
    change = Updating(Target("resource_e", frozenset({"guess"})), ResourceChange(display_name="n"))
    assert fates(await engine.run(acme, caller, Update(RESOURCES, [change]))) == ["not_found/id"]
    items = [
        new_resource("x", scope_id=scope) for scope in ("scope_engineering", "scope_nowhere", "scope_acme")
    ]
    report = await engine.run(acme, caller, Create(RESOURCES, items))
    assert fates(report) == ["unknown_reference/scopeId"] * 3
    assert len({result.faults[0].detail.rpartition(" ")[0] for result in report.results}) == 1
    hidden = new_resource("x", scope_id="scope_sales", resource_type_id="resource_type_ticket")
    missing = new_resource("x", scope_id="scope_sales", resource_type_id="resource_type_tickex")
    report = await engine.run(acme, caller, Create(RESOURCES, [hidden, missing]))
    details = [result.faults[0].detail for result in report.results]
    assert details[0].replace("ticket", "tickex") == details[1]
    assert await stored(acme) == before


async def test_a_scope_out_of_reach_lists_nothing(acme: Database) -> None:
    caller = await caller_in(acme, "scope_sales")
    async with acme.read("test") as reader:
        for scope in ("scope_engineering", "scope_nowhere", "scope_acme"):
            for deep in (False, True):
                selection = Selection(scope_id=scope, with_descendants=deep)
                assert (await page(reader, caller, RESOURCES, selection, Page())).rows == []
                assert await count(reader, caller, RESOURCES, selection) == 0
        shared = await page(reader, caller, TAGS, Selection(scope_id="scope_acme"), Page())
    assert len(shared.rows) == 4


async def test_an_id_taken_out_of_reach_is_told_in_the_same_words_as_one_within(acme: Database) -> None:
    caller = await caller_in(acme, "scope_sales")
    before = await stored(acme)
    items = [new_resource(f"new {name}", id=f"resource_{name}", scope_id="scope_sales") for name in "se"]
    report = await engine.run(acme, caller, Create(RESOURCES, items))
    assert [result.faults[0].detail for result in report.results] == [
        "the id resource_s is taken", "the id resource_e is taken",
    ]  # fmt: skip
    assert await stored(acme) == before


async def test_the_same_ids_live_under_several_roots(acme: Database) -> None:
    await catalogue(acme, root="scope_other")
    other = await caller_in(acme, "scope_other", root="scope_other")
    await resources(acme, "p", "only", caller=other)
    ours = await caller_in(acme, "scope_acme")
    async with acme.read("test") as reader:
        for caller in (ours, other):
            row = await by_id(reader, caller, RESOURCES, "resource_p")
            assert row is not None
            assert row.root_id == caller.root_id
        assert ids([await by_id(reader, ours, RESOURCES, "resource_only")]) == [None]
        assert ids([await by_id(reader, SYSTEM, RESOURCES, "resource_only")]) == ["resource_only"]


async def test_an_id_of_several_roots_is_ambiguous_to_who_reaches_both(acme: Database) -> None:
    await catalogue(acme, root="scope_other")
    await resources(acme, "p", caller=await caller_in(acme, "scope_other", root="scope_other"))
    before = await stored(acme)
    async with acme.read("test") as reader:
        for reading in (
            by_id(reader, SYSTEM, RESOURCES, "resource_p"),
            page(reader, SYSTEM, RESOURCES, Selection(scope_id="scope_sales"), Page()),
            count(reader, SYSTEM, RESOURCES, Selection(scope_id="scope_sales")),
        ):
            with pytest.raises(Conflict) as conflict:
                await reading
            assert conflict.value.code is Code.AMBIGUOUS_ID
    for command in (
        Update(RESOURCES, [Updating(Target("resource_p"), ResourceChange(display_name="n"))]),
        Delete(RESOURCES, [Target("resource_p")]),
    ):
        assert fates(await engine.run(acme, SYSTEM, command)) == ["ambiguous_id/id"]
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, [new_resource("x", scope_id="scope_sales")]))
    assert fates(report) == ["ambiguous_id/scopeId"]
    assert await stored(acme) == before
    named = NewResource(
        scope_id="scope_other", resource_type_id="resource_type_document", external_resource_id="x"
    )
    report = await engine.run(acme, SYSTEM, Create(RESOURCES, [named]))
    assert [row.root_id for row in rows_of(report)] == ["scope_other"]


async def test_a_list_over_all_roots_is_in_order_and_pages_through_equal_ids(acme: Database) -> None:
    await catalogue(acme, root="scope_other")
    await resources(acme, *"pes", caller=await caller_in(acme, "scope_other", root="scope_other"))
    listed: list[tuple[str, str]] = []
    after = None
    async with acme.read("test") as reader:
        while True:
            part = await page(reader, SYSTEM, RESOURCES, Selection(), Page(limit=2, after=after))
            listed += [(row.id, row.root_id) for row in part.rows]
            if not part.has_next:
                break
            after = part.cursor(part.rows[-1])
    assert listed == sorted((row[0], row[11]) for row in (await stored(acme))["resources"])
    assert len(listed) == 7


@pytest.mark.parametrize("odd", ["", "%", "resource_' or 1=1 --", "resource_\U0010ffff", "x" * 10_000])
async def test_an_odd_id_is_an_id_that_nothing_has(acme: Database, odd: str) -> None:
    before = await stored(acme)
    async with acme.read("test") as reader:
        assert ids(await by_ids(reader, SYSTEM, RESOURCES, [odd, "resource_a"])) == [None, "resource_a"]
    for command in (
        Delete(RESOURCES, [Target(odd)]),
        Update(RESOURCES, [Updating(Target(odd), ResourceChange(display_name="n"))]),
    ):
        assert fates(await engine.run(acme, SYSTEM, command)) == ["not_found/id"]
    assert await stored(acme) == before
