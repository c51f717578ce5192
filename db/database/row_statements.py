"""Rows that PostgreSQL is to store: what is the same in all of them is sent once, any other column as one text.

asyncpg takes half a millisecond to look at the members of an array of 1,000, and PostgreSQL a tenth to take apart
another column of them. JSON comes in arrays all the same: to split more than some 200 characters each takes longer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Integer

from db.database.interface import columns_of
from db.database.statements import packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Table

    from db.database.interface import Row

# For each column, whether all rows have one value in it: one statement for each such pattern that occurs.
_Same = tuple[bool, ...]


def insertion(table: Table, rows: Sequence[Row]) -> tuple[str, list[object]]:
    """Return the statement that inserts rows, skipping those that meet a unique key, and its values."""
    columns = tuple(table.columns)
    same, values = _sent(columns, rows)
    if not all(same):
        values.append(len(rows))
    return _insertion(table, same), values


def inserted(answer: Sequence[Row], count: int) -> set[tuple[str, str]] | None:
    """Return the keys of those rows that were inserted, by what the statement answered; `None` for all."""
    if len(answer) == count or (answer and answer[0][0] is None):
        return None
    return {(row[0], row[1]) for row in answer}


def updating(table: Table, names: Sequence[str], rows: Sequence[Row]) -> tuple[str, list[object]]:
    """Return the statement that sets columns of rows, each given as (id, root_id, *values), with its values."""
    names = ("id", "root_id", *names)
    same, values = _sent([table.columns[name] for name in names], rows)
    return _updating(table, names, same), values


def _sent(columns: Sequence[Column[Any]], rows: Sequence[Row]) -> tuple[_Same, list[object]]:
    same: list[bool] = []
    values: list[object] = []
    for column, given in zip(columns, columns_of(rows), strict=True):
        # Most columns that differ do so in the last row.
        same.append(given[0] == given[-1] and given.count(given[0]) == len(given))
        if same[-1]:
            values.append(given[0])
        elif column.info.get("json"):
            values.append(given)
        elif isinstance(column.type, (Boolean, Integer)):
            values.append(packed([None if value is None else str(value) for value in given]))
        else:
            values.append(packed(given))
    return tuple(same), values


def _source(columns: Sequence[Column[Any]], same: _Same) -> tuple[list[str], str]:
    """Return where the value of each column comes from, and the clause that makes rows of those that differ."""
    taken, given, lists = [], [], []
    for position, (column, alike) in enumerate(zip(columns, same, strict=True), 1):
        if alike:
            taken.append(f"${position}{_cast(column, alike=True)}")
        else:
            lists.append(f"${position}::text[]" if column.info.get("json") else unpacked(f"${position}"))
            given.append(column.name)
            taken.append(f"k.{column.name}{_cast(column, alike=False)}")
    return taken, f" from unnest({', '.join(lists)}) as k({', '.join(given)})" if lists else ""


def _cast(column: Column[Any], *, alike: bool) -> str:
    """Return what turns what was sent into a value of its column: JSON is sent as text, which asyncpg leaves alone."""
    if isinstance(column.type, Boolean):
        return "::bool"
    if isinstance(column.type, Integer):
        return "::int"
    if column.info.get("json"):
        return "::text::json" if alike else "::json"
    return "::text" if alike else ""


@lru_cache(maxsize=256)
def _insertion(table: Table, same: _Same) -> str:
    columns = tuple(table.columns)
    taken, source = _source(columns, same)
    keys = [column.name for column in table.primary_key.columns]
    key = ", ".join(keys)
    statement = (
        f"insert into {table.name} ({', '.join(column.name for column in columns)})"
        f" select {', '.join(taken)}{source} on conflict do nothing returning {key}"
    )
    if not source:
        return statement
    # A thousand keys, of which nothing is to be learned when all are there, cost both sides some time.
    count, wanted = "(select count(*) from stored)", f"${len(columns) + 1}::int"
    return (
        f"with stored as ({statement}) select {key} from stored where {count} < {wanted}"
        f" union all select {', '.join(['null'] * len(keys))} where {count} = {wanted}"
    )


@lru_cache(maxsize=256)
def _updating(table: Table, names: tuple[str, ...], same: _Same) -> str:
    (own, root, *taken), source = _source([table.columns[name] for name in names], same)
    sets = ", ".join(f"{name} = {value}" for name, value in zip(names[2:], taken, strict=True))
    return f"update {table.name} as t set {sets}{source} where t.id = {own} and t.root_id = {root}"
