"""Lists of keys come to a statement as they were given, whatever texts they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from db.database import any_of, key_rows
from db.database.statements import SEPARATOR, packed
from db.tables import scopes

if TYPE_CHECKING:
    from db.database import Database

FIRST, SECOND = SEPARATOR[0], SEPARATOR[1]
ODD = [
    [],
    [""],
    ["", ""],
    ["a", "", "b"],
    [","],
    ["{}", '"', "\\", "NULL", "a\nb", " "],
    [f"a{FIRST}", f"{SECOND}b", FIRST, SECOND],
    [SEPARATOR],
    [f"a{SEPARATOR}b", "c"],
    [f"{FIRST}{SEPARATOR}{SECOND}", "é", "日本", "😀"],
    *([f"{number}" for number in range(count)] for count in (1, 2, 64, 1000)),
]

_keys = key_rows("keys", "one", "other")
_placed = key_rows("keys", "one", "other", placed=True)
_NAMED = select(scopes.c.id).where(any_of(scopes.c.id, "ids")).order_by(scopes.c.id)


@pytest.mark.parametrize("texts", ODD, ids=lambda texts: f"{len(texts)} {texts[:4]!a}")
async def test_keys_are_read_as_they_were_given(database: Database, texts: list[str]) -> None:
    keys = [(each, f"{number}") for number, each in enumerate(texts)]
    async with database.read("test") as reader:
        rows = await reader.fetch(select(_keys.c.one, _keys.c.other), {"keys": keys})
        placed = await reader.fetch(select(_placed.c.place, _placed.c.one), {"keys": keys})
    assert sorted(map(tuple, rows)) == sorted(keys)
    assert sorted(map(tuple, placed)) == sorted((number, each) for each, number in keys)


async def test_an_id_with_a_separator_in_it_is_not_two(acme: Database) -> None:
    async with acme.read("test") as reader:
        joined = {"ids": [f"scope_acme{SEPARATOR}scope_sales"]}
        assert await reader.fetch(_NAMED, joined) == []
        apart = {"ids": ["scope_acme", "scope_none", "scope_sales"]}
        assert [row[0] for row in await reader.fetch(_NAMED, apart)] == ["scope_acme", "scope_sales"]


@pytest.mark.parametrize("texts", ODD, ids=lambda texts: f"{len(texts)} {texts[:4]!a}")
def test_texts_are_packed_behind_what_is_in_none_of_them(texts: list[str]) -> None:
    text = packed(texts)
    separator = text[: len(SEPARATOR)]
    assert text.split(separator)[1:] == texts if texts else not text
    assert separator in {"", SEPARATOR} or FIRST in texts or any(SEPARATOR in each for each in texts)
