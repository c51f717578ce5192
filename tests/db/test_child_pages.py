"""Pages of many parents' children against a model: below, at and above the page's size, whatever the caller reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from db import resources, tag_assignments, tags
from db.access import SYSTEM
from db.reads import Page, children
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from tests.factories import caller_in, create, ids, new_resource, new_tag

if TYPE_CHECKING:
    from typing import Any

    from db.access import Principal
    from db.database import Database
    from db.reads import Edge
    from tests.db.conftest import Statements

ROOT = "scope_acme"
# Each resource has one tag more than the one before. What is made later doesn't come later.
COUNT = 7
TAGS = [f"tag_{name}" for name in ("g", "b", "e", "a", "f", "c", "d")]
RESOURCES = [f"resource_{name}" for name in ("d", "g", "a", "f", "b", "e", "c", "h")]
LOCAL_TAGS, LOCAL_RESOURCES = set(TAGS[::2]), set(RESOURCES[1::2])
"""What a caller in `scope_sales` can't read: tags and resources of `scope_engineering`."""
LIMITS = (0, 1, 3, COUNT, COUNT + 1)

Families = dict[str, list[str]]


def tags_of(resource: str) -> list[str]:
    """Return the ids of a resource's tags, which are of its scope or of the one above."""
    usable = [tag for tag in TAGS if resource in LOCAL_RESOURCES or tag not in LOCAL_TAGS]
    return usable[: RESOURCES.index(resource)]


FAMILIES: list[tuple[Edge[Any], Families]] = [
    (tags.BY_RESOURCE, {each: tags_of(each) for each in RESOURCES}),
    (resources.BY_TAG, {tag: [each for each in RESOURCES if tag in tags_of(each)] for tag in TAGS}),
    (
        tag_assignments.BY_RESOURCE,
        {each: [f"tag_assignment_{each}-{tag}" for tag in tags_of(each)] for each in RESOURCES},
    ),
    (
        resources.BY_SCOPE,
        {
            "scope_engineering": [each for each in RESOURCES if each in LOCAL_RESOURCES],
            "scope_sales": [each for each in RESOURCES if each not in LOCAL_RESOURCES],
            "scope_platform": [],
        },
    ),
]


@pytest.fixture
async def families(acme: Database) -> Database:
    """Return the small catalogue with resources that have no tags to seven tags."""
    local = [
        new_tag(each[4:], "tag_group_topic", scope_id="scope_engineering" if each in LOCAL_TAGS else ROOT)
        for each in TAGS
    ]
    await create(acme, tags.TAGS, *local)
    for each in RESOURCES:
        scope = "scope_engineering" if each in LOCAL_RESOURCES else "scope_sales"
        await create(acme, resources.RESOURCES, new_resource(each, id=each, scope_id=scope))
        assigned = [
            NewTagAssignment(id=f"tag_assignment_{each}-{tag}", tag_id=tag, resource_id=each)
            for tag in tags_of(each)
        ]
        await create(acme, TAG_ASSIGNMENTS, *assigned)
    return acme


def readable(caller: str, child: str) -> bool:
    """Tell whether a caller may read a child."""
    local = child.split("-", maxsplit=1)[0].removeprefix("tag_assignment_")
    return caller != "a scope" or local not in LOCAL_TAGS | LOCAL_RESOURCES


def expected(family: list[str], wanted: Page, *, after: str | None, before: str | None) -> Any:
    """Return the page of a list of ids that lies between two of them, and whether the list goes on."""
    between = [each for each in sorted(family) if (after or "") < each < (before or "~")]
    if wanted.backward:
        cut = max(len(between) - wanted.limit, 0)
        return between[cut:], before is not None, cut > 0
    return between[: wanted.limit], len(between) > wanted.limit, after is not None


@pytest.mark.parametrize("caller_name", ["everything", "a root", "a scope"])
@pytest.mark.parametrize("limit", LIMITS)
async def test_pages_of_children_are_those_of_a_model(
    families: Database, caller_name: str, limit: int
) -> None:
    caller: Principal = SYSTEM
    if caller_name != "everything":
        caller = await caller_in(families, ROOT if caller_name == "a root" else "scope_sales")
    for edge, all_of_them in FAMILIES:
        family = {
            parent: [child for child in theirs if readable(caller_name, child)]
            for parent, theirs in all_of_them.items()
        }
        every = sorted({child for theirs in family.values() for child in theirs})
        async with families.read("test") as reader:
            parents = [(parent, ROOT) for parent in reversed(family)]
            whole = await children(reader, caller, edge, parents, Page())
            cursors: dict[str | None, str | None] = {None: None}
            cursors |= {row.id: each.cursor(row) for each in whole for row in each.rows}
            assert sorted(id_ for id_ in cursors if id_) == every
            for after in (None, *every[:2], *every[-1:]):
                for before in (None, *every[-2:]):
                    for backward in (False, True):
                        wanted = Page(limit, cursors[after], cursors[before], backward=backward)
                        model = {
                            parent: expected(family[parent[0]], wanted, after=after, before=before)
                            for parent in parents
                        }
                        for asked in (parents, [max(parents, key=lambda parent: len(family[parent[0]]))]):
                            found = await children(reader, caller, edge, asked, wanted)
                            told = [(ids(each.rows), each.has_next, each.has_previous) for each in found]
                            assert told == [model[parent] for parent in asked], (edge.column, wanted)


@pytest.mark.parametrize(
    "edge", [edge for edge, _ in FAMILIES], ids=lambda edge: edge.noun.title + edge.column
)
@pytest.mark.parametrize("limit", LIMITS)
async def test_a_page_takes_one_statement_however_many_children_there_are(
    families: Database, statements: Statements, edge: Edge[Any], limit: int
) -> None:
    parents = [(parent, ROOT) for parent in dict(FAMILIES)[edge]]
    statements.take()
    async with families.read("test") as reader:
        await children(reader, SYSTEM, edge, parents, Page(limit))
    assert statements.take() == 1


async def test_a_child_of_many_parents_is_one_row(families: Database) -> None:
    parents = [(each, ROOT) for each in RESOURCES]
    async with families.read("test") as reader:
        found = await children(reader, SYSTEM, tags.BY_RESOURCE, parents, Page())
    rows = [row for each in found for row in each.rows]
    assert len(rows) > len({row.id for row in rows}) == len({id(row) for row in rows})
