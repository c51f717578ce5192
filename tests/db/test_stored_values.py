"""Values are stored as they were given, whatever is the same in all rows of a statement and whatever texts they are."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Integer, select

from db.database.statements import SEPARATOR
from db.tables import resource_types, resources

if TYPE_CHECKING:
    from sqlalchemy import Column

    from db.database import Database, Row, Transaction

FIRST, SECOND = SEPARATOR[0], SEPARATOR[1]
ODD = [
    "",
    " ",
    FIRST,
    SECOND,
    SEPARATOR,
    SECOND + FIRST,
    "NULL",
    "null",
    "{}",
    ",",
    '"',
    "\\",
    "\n",
    "\\N",
    "😀",
]
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8) | st.lists(
    st.sampled_from(ODD), max_size=4
).map("".join)
WHOLE = st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)])
JSON = st.sampled_from(["null", "{}", "[1.0]", '"\\u001f"', '{"b": 1, "a": "NULL"}'])
CHANGED = ("name", "description", "schema_version", "is_target", "schema", "scope_id")

numbers = count()


def _values(column: Column[Any]) -> st.SearchStrategy[Any]:
    if column.name == "id":
        return st.just(None).map(lambda _: f"{next(numbers)}")
    if column.name == "key_folded":  # unique in its scope
        return TEXTS.map(lambda text: f"{next(numbers)}{text}")
    kinds: dict[type, st.SearchStrategy[Any]] = {Boolean: st.booleans(), Integer: WHOLE}
    values = JSON if column.info.get("json") else kinds.get(type(column.type), TEXTS)
    return st.none() | values if column.nullable else values


def _rows(names: list[str]) -> st.SearchStrategy[list[Row]]:
    columns = [resource_types.c[name] for name in names]
    return st.lists(st.tuples(*map(_values, columns)), min_size=1, max_size=5)


NAMES = [column.name for column in resource_types.columns]


async def _stored(tx: Transaction, rows: list[Row]) -> list[Row]:
    found = await tx.fetch(select(resource_types), {})
    places = {row[0]: place for place, row in enumerate(rows)}
    return sorted((tuple(row) for row in found if row[0] in places), key=lambda row: places[row[0]])


class _Undone(Exception):
    pass


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(rows=_rows(NAMES), changes=_rows(list(CHANGED)), alike=st.sets(st.sampled_from(NAMES[1:])))
async def test_what_is_inserted_and_updated_is_read_back(
    database: Database, rows: list[Row], changes: list[Row], alike: set[str]
) -> None:
    alike -= {"key_folded"}
    same = [NAMES.index(name) for name in alike]
    rows = [tuple(rows[0][i] if i in same else value for i, value in enumerate(row)) for row in rows]
    root, position = NAMES.index("root_id"), {name: NAMES.index(name) for name in CHANGED}

    async def work(tx: Transaction) -> None:
        assert await tx.insert(resource_types, rows) is None
        assert await _stored(tx, rows) == rows
        changed = [list(row) for row in rows]
        for row, change in zip(changed, changes, strict=False):
            for name, value in zip(CHANGED, change, strict=True):
                row[position[name]] = value
        given = [(row[0], row[root], *(row[position[name]] for name in CHANGED)) for row in changed]
        await tx.update(resource_types, CHANGED, given)
        assert await _stored(tx, rows) == [tuple(row) for row in changed]
        raise _Undone

    with pytest.raises(_Undone):
        await database.write("test", work)


def _resource(number: int) -> Row:
    stamps = ("2026-01-01T00:00:00Z", "tests", None, None, "r")
    return (f"resource_{number}", "type", "scope", f"{number}", None, None, *stamps, "root")


@pytest.mark.parametrize("before", [0, 1, 2, 64, 1000])
@pytest.mark.parametrize("more", [0, 1, 2, 64, 1000])
async def test_an_insert_tells_which_rows_it_stored(database: Database, before: int, more: int) -> None:
    async def insert(numbers: range, revision: str) -> set[tuple[str, str]] | None:
        rows = [(*row[:10], revision, row[11]) for row in map(_resource, numbers)]
        return await database.write("test", lambda tx: tx.insert(resources, rows))

    assert await insert(range(before), "first") is None
    stored = await insert(range(before + more), "second")
    new = {(f"resource_{number}", "root") for number in range(before, before + more)}
    assert stored == (new if before else None)
