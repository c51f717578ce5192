"""What stands in the way of a create: objects with its id or unique key, and parents that fail."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple
from sqlalchemy import Delete, Select, delete, select

from db.errors import Code, Fault
from db.tables import scopes
from db.writes import in_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Table

    from db.nouns import Noun, UniqueKey
    from db.writes import Writing

ORPHANED = Fault(Code.UNKNOWN_REFERENCE, "/parentScopeId", "its parent is a faulty item of the same batch")


async def insert(w: Writing, noun: Noun[Any], rows: list[Any]) -> set[tuple[str, str]] | None:
    """Insert rows in the order of their unique keys, so that concurrent batches wait for each other in one order."""
    if not rows:
        return None
    return await w.tx.insert(noun.table, sorted(map(astuple, rows), key=_order(noun)))


@lru_cache(maxsize=16)
def _order(noun: Noun[Any]) -> Callable[[Any], Any]:
    """Return what a noun's rows are sorted by."""
    names = [column.name for column in noun.table.columns]
    columns = noun.unique[0].columns if noun.unique else ("id",)
    places = [names.index(column) for column in columns]
    if any(noun.table.c[column].nullable for column in columns):
        return lambda row: [row[place] or "" for place in places]
    return itemgetter(*places)


@lru_cache(maxsize=16)
def take_back(table: Table) -> Delete:
    """Delete rows that this batch made, by their keys."""
    return delete(table).where(in_keys(table, "keys", "id", "root_id"))


def orphans(rows: Sequence[Any], bad: set[int]) -> set[int]:
    """Return the items, beside the bad ones, whose parent is a bad item of the same batch, or below one."""
    if not bad or not hasattr(
        next((row for row in rows if not isinstance(row, tuple)), None), "parent_scope_id"
    ):
        return set()
    good = {i: row for i, row in enumerate(rows) if i not in bad and not isinstance(row, tuple)}
    lost = [rows[i].path for i in bad if not isinstance(rows[i], tuple)]
    # A path that was planned in this batch is new: what begins with it was meant to be below that item.
    prefixes = set(lost)
    return {
        i
        for i, row in good.items()
        if any(
            row.path[: end + 1] in prefixes for end, character in enumerate(row.path[:-1]) if character == "/"
        )
    }


@lru_cache(maxsize=64)
def by_key(noun: Noun[Any], key: UniqueKey | None, locking: bool) -> Select[Any]:
    """Select rows by id (no key) or by a unique key, whatever the caller's reach, with their home's path."""
    table = noun.table
    columns = key.columns if key else ("id", "root_id")
    if table is scopes:
        statement = select(*table.c, table.c.path.label("home_path"))
    else:
        home = scopes.alias("home")
        on = (home.c.id == table.c[noun.home_column]) & (home.c.root_id == table.c.root_id)
        statement = select(*table.c, home.c.path.label("home_path")).join_from(table, home, on)
    statement = statement.where(in_keys(table, "keys", *columns))
    if key and key.where:
        statement = statement.where(key.where(table))
    statement = statement.order_by(table.c.id, table.c.root_id)
    return statement.with_for_update(of=table, key_share=True) if locking else statement


def id_taken(taken: str) -> Fault:
    return Fault(Code.ID_TAKEN, "/id", f"the id {taken} is taken")


def already_exists(noun: Noun[Any], key: UniqueKey, row: Any) -> Fault:
    return Fault(Code.ALREADY_EXISTS, key.pointer, f"a {noun.title} with {key.describe(row)} exists")
