"""To-many edges: a page of children for each of many parents, in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db import resource_types, resources, tag_assignments, tag_groups, tags
from db.access import SYSTEM
from db.errors import Refused
from db.reads import Page, children, count_children
from db.scopes import CHILDREN, SCOPES, NewScope
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from tests import factories
from tests.factories import caller_in, catalogue, create, ids, new_resource

if TYPE_CHECKING:
    from db.database import Database

ROOT = "scope_acme"


@pytest.fixture
async def tagged(acme: Database) -> Database:
    """Return the small catalogue with five resources, tagged in several ways."""
    await factories.resources(acme, "e1", "e2", "e3")
    await factories.resources(acme, "s1", "s2", scope_id="scope_sales")
    pairs = [("security", "e1"), ("billing", "e1"), ("security", "e2"), ("security", "s1"), ("high", "s1")]
    items = [
        NewTagAssignment(
            id=f"tag_assignment_{tag}_{name}", tag_id=f"tag_{tag}", resource_id=f"resource_{name}"
        )
        for tag, name in pairs
    ]
    await create(acme, TAG_ASSIGNMENTS, *items)
    return acme


async def test_each_parent_gets_its_own_children_in_order(tagged: Database) -> None:
    expected: dict[Any, dict[str, list[str]]] = {
        tags.BY_RESOURCE: {
            "resource_e1": ["tag_billing", "tag_security"],
            "resource_none": [],
            "resource_s1": ["tag_high", "tag_security"],
            "resource_e3": [],
        },
        resources.BY_TAG: {
            "tag_security": ["resource_e1", "resource_e2", "resource_s1"],
            "tag_low": [],
            "tag_high": ["resource_s1"],
        },
        resources.BY_SCOPE: {"scope_sales": ["resource_s1", "resource_s2"], "scope_platform": []},
        resources.BY_RESOURCE_TYPE: {
            "resource_type_ticket": [],
            "resource_type_document": [f"resource_{name}" for name in ("e1", "e2", "e3", "s1", "s2")],
        },
        CHILDREN: {
            "scope_acme": ["scope_engineering", "scope_sales"],
            "scope_sales": [],
            "scope_engineering": ["scope_platform"],
        },
        tag_assignments.BY_RESOURCE: {
            "resource_e1": ["tag_assignment_billing_e1", "tag_assignment_security_e1"]
        },
        tag_assignments.BY_TAG: {"tag_high": ["tag_assignment_high_s1"]},
        tag_assignments.BY_SCOPE: {
            "scope_sales": ["tag_assignment_high_s1", "tag_assignment_security_s1"],
            "scope_acme": [],
        },
        tags.BY_TAG_GROUP: {"tag_group_priority": ["tag_high", "tag_low"], "tag_group_frozen": []},
        tag_groups.BY_SCOPE: {"scope_acme": ["tag_group_frozen", "tag_group_priority", "tag_group_topic"]},
        resource_types.BY_SCOPE: {"scope_engineering": ["resource_type_ticket"]},
    }
    async with tagged.read("test") as reader:
        for edge, families in expected.items():
            parents = [(parent, ROOT) for parent in families]
            found = await children(reader, SYSTEM, edge, parents, Page())
            assert [ids(part.rows) for part in found] == list(families.values())
            counted = await count_children(reader, SYSTEM, edge, parents)
            assert counted == [len(family) for family in families.values()]


async def test_a_parent_named_twice_gets_the_same_twice(tagged: Database) -> None:
    parents = [("scope_sales", ROOT), ("scope_engineering", ROOT), ("scope_sales", ROOT)]
    async with tagged.read("test") as reader:
        found = await children(reader, SYSTEM, resources.BY_SCOPE, parents, Page(limit=2))
        assert [(ids(part.rows), part.has_next) for part in found] == [
            (["resource_s1", "resource_s2"], False),
            (["resource_e1", "resource_e2"], True),
            (["resource_s1", "resource_s2"], False),
        ]
        assert await count_children(reader, SYSTEM, resources.BY_SCOPE, parents) == [2, 3, 2]
        assert await children(reader, SYSTEM, resources.BY_SCOPE, [], Page()) == []
        assert await count_children(reader, SYSTEM, resources.BY_SCOPE, []) == []


@pytest.mark.parametrize("count", [1, 2, 64, 1000])
async def test_the_limit_is_that_of_each_parent(acme: Database, count: int) -> None:
    scopes = [NewScope(id=f"scope_{i}", parent_scope_id=ROOT, name="n") for i in range(count)]
    await create(acme, SCOPES, *scopes)
    for k in range(3):
        items = [new_resource(f"{k}", id=f"resource_{i}_{k}", scope_id=f"scope_{i}") for i in range(count)]
        await create(acme, resources.RESOURCES, *items)
    parents = [(f"scope_{i}", ROOT) for i in reversed(range(count))]
    async with acme.read("test") as reader:
        first = await children(reader, SYSTEM, resources.BY_SCOPE, parents, Page(limit=2))
        last = await children(reader, SYSTEM, resources.BY_SCOPE, parents, Page(limit=2, backward=True))
    for i, (a, b) in zip(reversed(range(count)), zip(first, last, strict=True), strict=True):
        assert (ids(a.rows), a.has_next, a.has_previous) == (
            [f"resource_{i}_0", f"resource_{i}_1"],
            True,
            False,
        )
        assert (ids(b.rows), b.has_next, b.has_previous) == (
            [f"resource_{i}_1", f"resource_{i}_2"],
            False,
            True,
        )


async def test_children_page_on_behind_a_cursor(tagged: Database) -> None:
    parent = [("scope_engineering", ROOT)]
    async with tagged.read("test") as reader:
        [first] = await children(reader, SYSTEM, resources.BY_SCOPE, parent, Page(limit=2))
        after = first.cursor(first.rows[-1])
        [rest] = await children(reader, SYSTEM, resources.BY_SCOPE, parent, Page(limit=2, after=after))
        assert (ids(rest.rows), rest.has_next, rest.has_previous) == (["resource_e3"], False, True)
        [back] = await children(
            reader, SYSTEM, resources.BY_SCOPE, parent, Page(limit=1, before=after, backward=True)
        )
        assert (ids(back.rows), back.has_next, back.has_previous) == (["resource_e1"], True, False)
        with pytest.raises(Refused):
            await children(reader, SYSTEM, resources.BY_TAG, [("tag_security", ROOT)], Page(after=after))


async def test_children_and_counts_stop_where_reach_ends(tagged: Database) -> None:
    sales = await caller_in(tagged, "scope_sales")
    async with tagged.read("test") as reader:
        security = [("tag_security", ROOT)]
        [found] = await children(reader, sales, resources.BY_TAG, security, Page())
        assert ids(found.rows) == ["resource_s1"]
        assert await count_children(reader, sales, resources.BY_TAG, security) == [1]
        assert await count_children(reader, sales, tag_assignments.BY_TAG, security) == [1]
        document = [("resource_type_document", ROOT)]
        assert await count_children(reader, sales, resources.BY_RESOURCE_TYPE, document) == [2]
        assert await count_children(reader, sales, CHILDREN, [(ROOT, ROOT)]) == [1]


async def test_parents_of_two_roots_with_one_id_keep_their_children_apart(tagged: Database) -> None:
    await catalogue(tagged, root="scope_other")
    other = await caller_in(tagged, "scope_other", root="scope_other")
    await factories.resources(tagged, "o", scope_id="scope_sales", caller=other)
    parents = [("scope_sales", "scope_other"), ("scope_sales", ROOT)]
    async with tagged.read("test") as reader:
        found = await children(reader, SYSTEM, resources.BY_SCOPE, parents, Page())
        assert [ids(part.rows) for part in found] == [["resource_o"], ["resource_s1", "resource_s2"]]
        assert await count_children(reader, SYSTEM, resources.BY_SCOPE, parents) == [1, 2]
        assert await count_children(reader, other, resources.BY_SCOPE, parents) == [1, 0]
