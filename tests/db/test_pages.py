"""Pages of lists: order, cursors, selections and filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db import engine
from db.access import SYSTEM
from db.commands import Delete, Target, Update, Updating
from db.errors import Code, Refused
from db.reads import Page, Selection, count, page
from db.resource_types import RESOURCE_TYPES
from db.resources import RESOURCES, ResourceChange
from db.scopes import SCOPES
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tags import TAGS
from tests.factories import caller_in, create, ids, resources

if TYPE_CHECKING:
    from db.database import Database
    from db.reads import Slice

# Ids in the order of their bytes, which is neither that of dictionaries nor of lengths.
IN_ORDER = [f"resource_{name}" for name in ("-", ".", "1", "10", "9", "A", "Z", "_", "a", "aa", "b")]


@pytest.fixture
async def ordered(acme: Database) -> Database:
    """Return the small catalogue with resources whose ids sort by bytes."""
    await resources(acme, *(each.removeprefix("resource_") for each in sorted(IN_ORDER, key=str.lower)))
    return acme


async def listed(
    database: Database,
    selection: Selection | None = None,
    wanted: Page | None = None,
    noun: Any = RESOURCES,
    caller: Any = SYSTEM,
) -> Slice[Any]:
    async with database.read("test") as reader:
        return await page(reader, caller, noun, selection or Selection(), wanted or Page())


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 11, 12, 64])
async def test_pages_forward_are_the_list_in_the_order_of_bytes(ordered: Database, limit: int) -> None:
    found: list[str | None] = []
    after = None
    for _ in range(12):
        part = await listed(ordered, wanted=Page(limit=limit, after=after))
        assert part.has_previous is (after is not None)
        found += ids(part.rows)
        if not part.has_next:
            break
        assert len(part.rows) == limit
        after = part.cursor(part.rows[-1])
    assert found == IN_ORDER


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 11, 12])
async def test_pages_backward_are_the_list_from_its_end(ordered: Database, limit: int) -> None:
    found: list[str | None] = []
    before = None
    for _ in range(12):
        part = await listed(ordered, wanted=Page(limit=limit, before=before, backward=True))
        assert part.has_next is (before is not None)
        found = ids(part.rows) + found
        if not part.has_previous:
            break
        before = part.cursor(part.rows[0])
    assert found == IN_ORDER


async def test_a_page_between_two_cursors(ordered: Database) -> None:
    everything = await listed(ordered)
    after, before = everything.cursor(everything.rows[2]), everything.cursor(everything.rows[6])
    assert ids((await listed(ordered, wanted=Page(after=after, before=before))).rows) == IN_ORDER[3:6]


async def test_a_cursor_survives_the_deletion_of_its_row(ordered: Database) -> None:
    part = await listed(ordered, wanted=Page(limit=4))
    after = part.cursor(part.rows[-1])
    await engine.run(ordered, SYSTEM, Delete(RESOURCES, [Target(part.rows[-1].id)]))
    assert ids((await listed(ordered, wanted=Page(limit=2, after=after))).rows) == IN_ORDER[4:6]


async def test_a_cursor_of_another_list_is_refused(ordered: Database) -> None:
    part = await listed(ordered, wanted=Page(limit=1))
    after = part.cursor(part.rows[0])
    for selection in (
        Selection(scope_id="scope_engineering"),
        Selection(filters={"externalResourceId": "a"}),
        Selection(ids=("resource_a",)),
    ):
        with pytest.raises(Refused) as refusal:
            await listed(ordered, selection, Page(after=after))
        assert refusal.value.code is Code.INVALID_VALUE
    with pytest.raises(Refused):
        await listed(ordered, wanted=Page(after=after), noun=TAGS)


@pytest.mark.parametrize(
    "cursor", ["", "x", "AAAA", "é", "bnVsbA", "WzEsMiwzXQ", "WyJhIiwiYiJd", "\ud800", "\0"]
)
async def test_what_is_no_cursor_is_refused(ordered: Database, cursor: str) -> None:
    for wanted in (Page(after=cursor), Page(before=cursor, backward=True)):
        with pytest.raises(Refused) as refusal:
            await listed(ordered, wanted=wanted)
        assert refusal.value.code is Code.INVALID_VALUE


async def test_a_scope_is_exactly_that_scope_or_all_below_it(acme: Database) -> None:
    for name in ("acme", "engineering", "platform", "sales"):
        await resources(acme, name, scope_id=f"scope_{name}")
    for scope, deep, expected in (
        ("scope_acme", False, ["acme"]),
        ("scope_acme", True, ["acme", "engineering", "platform", "sales"]),
        ("scope_engineering", True, ["engineering", "platform"]),
        ("scope_platform", False, ["platform"]),
        ("scope_nowhere", True, []),
    ):
        selection = Selection(scope_id=scope, with_descendants=deep)
        assert ids((await listed(acme, selection)).rows) == [f"resource_{name}" for name in expected]
        async with acme.read("test") as reader:
            assert await count(reader, SYSTEM, RESOURCES, selection) == len(expected)
    below = await listed(acme, Selection(scope_id="scope_engineering", with_descendants=True), noun=SCOPES)
    assert ids(below.rows) == ["scope_engineering", "scope_platform"]
    assert ids((await listed(acme, Selection(scope_id="scope_sales"), noun=SCOPES)).rows) == ["scope_sales"]


async def test_chosen_ids_leave_out_what_is_missing(ordered: Database) -> None:
    chosen = ("resource_b", "resource_none", "resource_a", "resource_b")
    assert ids((await listed(ordered, Selection(ids=chosen))).rows) == ["resource_a", "resource_b"]
    assert ids((await listed(ordered, Selection(ids=()))).rows) == []
    sales = await caller_in(ordered, "scope_sales")
    assert ids((await listed(ordered, Selection(ids=chosen), caller=sales)).rows) == []


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"externalResourceId": "a"}, ["a"]),
        ({"externalResourceId": "A"}, []),
        ({"resourceTypeId": "resource_type_ticket"}, ["t"]),
        ({"tagId": "tag_security"}, ["a", "b"]),
        ({"tagId": "tag_security", "externalResourceId": "b"}, ["b"]),
        ({"displayNamePrefix": "Alp"}, ["a", "b"]),
        ({"displayNamePrefix": "alp"}, []),
        ({"displayNamePrefix": "Alpha%"}, []),
        ({"displayNamePrefix": "É"}, ["c"]),
        ({"displayNamePrefix": "\U0010ffff"}, ["d"]),
        ({"displayNamePrefix": ""}, ["a", "b", "c", "d"]),
        ({"updatedSince": "2000-01-01T00:00:00Z"}, ["a", "b", "c", "d", "t"]),
        ({"updatedSince": "2999-01-01T00:00:00+02:00"}, []),
    ],
)
async def test_filters_keep_what_they_say(
    acme: Database, filters: dict[str, str], expected: list[str]
) -> None:
    for name, shown in (("a", "Alpha"), ("b", "Alpine"), ("c", "École"), ("d", "\U0010ffff\U0010ffff")):
        await resources(acme, name, display_name=shown)
    await resources(acme, "t", resource_type_id="resource_type_ticket")
    tagged = [NewTagAssignment(tag_id="tag_security", resource_id=f"resource_{name}") for name in "ab"]
    await create(acme, TAG_ASSIGNMENTS, *tagged)
    selection = Selection(filters=filters)
    assert ids((await listed(acme, selection)).rows) == [f"resource_{name}" for name in expected]
    async with acme.read("test") as reader:
        assert await count(reader, SYSTEM, RESOURCES, selection) == len(expected)


async def test_types_are_found_by_key_ignoring_case(acme: Database) -> None:
    found = await listed(acme, Selection(filters={"key": "DOCUMENT"}), noun=RESOURCE_TYPES)
    assert ids(found.rows) == ["resource_type_document"]


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-01-15", "2024-01-15T10:30:00", "2024-13-01T00:00:00Z"]
)
async def test_a_time_without_offset_is_refused(acme: Database, text: str) -> None:
    with pytest.raises(Refused) as refusal:
        await listed(acme, Selection(filters={"updatedSince": text}))
    assert refusal.value.code is Code.INVALID_VALUE


async def test_changed_since_the_second_of_the_change_holds(acme: Database) -> None:
    await resources(acme, "a", "b")
    report = await engine.run(
        acme, SYSTEM, Update(RESOURCES, [Updating(Target("resource_a"), ResourceChange(display_name="n"))])
    )
    row = report.results[0].row
    assert row is not None
    found = await listed(acme, Selection(filters={"updatedSince": row.updated_at}))
    assert "resource_a" in ids(found.rows)
