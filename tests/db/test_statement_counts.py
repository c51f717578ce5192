"""The number of statements doesn't grow with the number of items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db import engine, resources, scopes, tag_assignments, tag_groups, tags
from db.access import SYSTEM
from db.commands import Create, Delete, OnConflict, OnError, Target, Update, Updating
from db.reads import Page, Selection, by_ids, children, count, count_children, page
from db.resource_types import RESOURCE_TYPES, NewResourceType, ResourceTypeChange
from db.resources import RESOURCES, ResourceChange
from db.scopes import SCOPES, NewScope, ScopeChange
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, InlineTag, NewTagGroup, TagGroupChange
from db.tags import TAGS, TagChange
from tests.factories import caller_in, create, fates, new_resource, new_tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.commands import Command
    from db.database import Database
    from tests.db.conftest import Statements

COUNTS = (1, 64, 1000)


def scope(i: str) -> NewScope:
    return NewScope(id=f"scope_{i}", parent_scope_id="scope_acme", name="n", external_id=f"e{i}")


def kind(i: str) -> NewResourceType:
    return NewResourceType(id=f"resource_type_{i}", scope_id="scope_acme", key=f"k{i}", name="n")


def resource(i: str) -> Any:
    return new_resource(i, id=f"resource_{i}", data={"i": i})


def group(i: str) -> NewTagGroup:
    tag = InlineTag(id=f"tag_of_{i}", identifier="x", label="l")
    return NewTagGroup(id=f"tag_group_{i}", scope_id="scope_acme", key=f"k{i}", name="n", tags=[tag])


def tag(i: str) -> Any:
    return new_tag(i, "tag_group_topic")


def assignment(i: str) -> NewTagAssignment:
    return NewTagAssignment(
        id=f"tag_assignment_{i}", tag_id=f"tag_{i}", resource_id="resource_one", scope_id="scope_acme"
    )


MAKERS: dict[Any, tuple[Callable[[str], Any], Any]] = {
    SCOPES: (scope, ScopeChange(name="changed", external_id=None)),
    RESOURCE_TYPES: (kind, ResourceTypeChange(name="changed", schema={})),
    RESOURCES: (resource, ResourceChange(display_name="changed", data={"more": 1})),
    TAG_GROUPS: (group, TagGroupChange(name="changed")),
    TAGS: (tag, TagChange(label="changed")),
    TAG_ASSIGNMENTS: (assignment, None),
}


def steps_of(noun: Any, names: list[str]) -> list[tuple[str, Command]]:
    make, change = MAKERS[noun]
    items = [make(name) for name in names]
    targets = [Target(item.id) for item in items]
    steps: list[tuple[str, Command]] = [
        ("created", Create(noun, items)),
        ("id_taken/id", Create(noun, items, OnError.REJECT_FAILED)),
        ("unchanged", Create(noun, items, on_conflict=OnConflict.SKIP)),
        ("unchanged", Create(noun, items, on_conflict=OnConflict.MERGE)),
    ]
    if change is not None:
        steps.append(("updated", Update(noun, [Updating(target, change) for target in targets])))
        steps.append(
            (
                "updated" if noun in {SCOPES, RESOURCES} else "unchanged",
                Create(noun, items, on_conflict=OnConflict.MERGE),
            )
        )
    return [*steps, ("deleted", Delete(noun, targets))]


@pytest.mark.parametrize("noun", MAKERS, ids=lambda noun: noun.table.name)
@pytest.mark.parametrize("scope_id", [None, "scope_acme"])
async def test_a_command_of_any_noun_takes_as_many_statements_for_one_as_for_a_thousand(
    acme: Database, statements: Statements, noun: Any, scope_id: str | None
) -> None:
    caller = SYSTEM if scope_id is None else await caller_in(acme, scope_id)
    taken: dict[int, list[int]] = {}
    await create(acme, RESOURCES, new_resource("one", id="resource_one"))
    if noun is TAG_ASSIGNMENTS:
        await create(acme, TAGS, *(tag(f"{n}x{i}") for n in COUNTS for i in range(n)))
    for n in COUNTS:
        taken[n] = []
        for fate, command in steps_of(noun, [f"{n}x{i}" for i in range(n)]):
            statements.take()
            report = await engine.run(acme, caller, command)
            taken[n].append(statements.take())
            assert set(fates(report)) <= {fate, "updated", "unchanged"}
            assert fates(report)[0].split("/")[0] not in {"rolled_back", "not_found"}
    assert taken[1] == taken[64] == taken[1000]
    # Of a scope more may hold on, or goes along: three tables of uploads.
    assert max(taken[1]) <= (13 if noun is SCOPES else 10)


async def test_loaders_take_one_statement_however_many_keys_they_get(
    acme: Database, statements: Statements
) -> None:
    caller = await caller_in(acme, "scope_engineering")
    for n in (1, 64, 900):
        await create(acme, SCOPES, *(scope(f"{n}x{i}") for i in range(n)))
        await create(acme, RESOURCES, *(resource(f"{n}x{i}") for i in range(n)))
        await create(acme, TAGS, *(tag(f"{n}x{i}") for i in range(n)))
        pairs = [(f"tag_{n}x{i}", f"resource_{n}x{i}") for i in range(n)]
        await create(acme, TAG_ASSIGNMENTS, *(NewTagAssignment(tag_id=t, resource_id=r) for t, r in pairs))
        resource_keys = [(r, "scope_acme") for _, r in pairs]
        tag_keys = [(t, "scope_acme") for t, _ in pairs]
        scope_keys = [(f"scope_{n}x{i}", "scope_acme") for i in range(n)]
        for who in (SYSTEM, caller):
            async with acme.read("test") as reader:
                for reading in (
                    by_ids(reader, who, RESOURCES, [key for key, _ in resource_keys]),
                    children(reader, who, tags.BY_RESOURCE, resource_keys, Page()),
                    children(reader, who, resources.BY_TAG, tag_keys, Page()),
                    children(reader, who, resources.BY_SCOPE, scope_keys, Page()),
                    children(reader, who, scopes.CHILDREN, scope_keys, Page()),
                    children(reader, who, tag_groups.BY_SCOPE, scope_keys, Page()),
                    count_children(reader, who, tag_assignments.BY_RESOURCE, resource_keys),
                    tag_assignments.by_pairs(reader, who, pairs),
                ):
                    statements.take()
                    assert len(await reading) == n
                    assert statements.take() == 1


async def test_a_page_takes_one_statement_and_one_more_for_a_scope(
    acme: Database, statements: Statements
) -> None:
    await create(acme, RESOURCES, *(resource(str(i)) for i in range(1000)))
    for who in (SYSTEM, await caller_in(acme, "scope_acme"), await caller_in(acme, "scope_engineering")):
        async with acme.read("test") as reader:
            for limit in COUNTS:
                for selection, expected in (
                    (Selection(), 1),
                    (Selection(scope_id="scope_engineering"), 2),
                    (Selection(scope_id="scope_engineering", with_descendants=True), 2),
                ):
                    statements.take()
                    listed = await page(reader, who, RESOURCES, selection, Page(limit=limit))
                    assert (len(listed.rows), statements.take()) == (limit, expected)
                    assert await count(reader, who, RESOURCES, selection) == 1000
                    assert statements.take() == expected
