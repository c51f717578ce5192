"""What `sheaf doctor` asks of a database: are the tables those of this version, does every reference lead somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sqlalchemy import Column, Select, Table, and_, func, inspect, select

from db import tables
from db.migrations.upgrade import engine_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Any

    from sqlalchemy import Connection

    from db.database import Reader

T = TypeVar("T")


class Link(NamedTuple):
    """A column whose value is the id of a row of another table, in the same root."""

    table: Table
    column: str
    target: Table


# Bulk tables carry no row-level foreign keys, so nothing but the writes themselves keeps these true.
LINKS = (
    Link(tables.scopes, "parent_scope_id", tables.scopes),
    Link(tables.resource_types, "scope_id", tables.scopes),
    Link(tables.resources, "scope_id", tables.scopes),
    Link(tables.resources, "resource_type_id", tables.resource_types),
    Link(tables.tag_groups, "scope_id", tables.scopes),
    Link(tables.tags, "scope_id", tables.scopes),
    Link(tables.tags, "tag_group_id", tables.tag_groups),
    Link(tables.tag_assignments, "tag_id", tables.tags),
    Link(tables.tag_assignments, "resource_id", tables.resources),
    Link(tables.tag_assignments, "scope_id", tables.scopes),
    Link(tables.tokens, "scope_id", tables.scopes),
    Link(tables.type_references, "resource_type_id", tables.resource_types),
    Link(tables.type_references, "target_type_id", tables.resource_types),
    Link(tables.resource_references, "source_id", tables.resources),
    Link(tables.resource_references, "target_id", tables.resources),
    Link(tables.resource_references, "target_type_id", tables.resource_types),
    Link(tables.resource_references, "scope_id", tables.scopes),
    Link(tables.batches, "scope_id", tables.scopes),
    Link(tables.batch_payloads, "batch_id", tables.batches),
    Link(tables.batch_failures, "batch_id", tables.batches),
    Link(tables.batch_failures, "scope_id", tables.scopes),
    Link(tables.waiting_records, "scope_id", tables.scopes),
    Link(tables.waiting_records, "resource_type_id", tables.resource_types),
    Link(tables.waiting_stakes, "batch_id", tables.batches),
    Link(tables.waiting_stakes, "waiting_id", tables.waiting_records),
    Link(tables.waiting_targets, "waiting_id", tables.waiting_records),
    Link(tables.waiting_targets, "target_type_id", tables.resource_types),
    Link(tables.waiting_targets, "scope_id", tables.scopes),
)


def _counting(link: Link) -> Select[Any]:
    target = link.target.alias("target")
    column: Column[Any] = link.table.c[link.column]
    return (
        select(func.count())
        .select_from(link.table)
        .outerjoin(target, and_(target.c.id == column, target.c.root_id == link.table.c.root_id))
        .where(column.is_not(None), target.c.id.is_(None))
    )


_COUNTING = {link: _counting(link) for link in LINKS}


async def orphans(reader: Reader) -> dict[str, int]:
    """Count, for each kind of reference that has any, the rows whose reference leads nowhere."""
    found: dict[str, int] = {}
    for link, statement in _COUNTING.items():
        ((count,),) = await reader.fetch(statement, {})
        if count:
            found[f"{link.table.name}.{link.column}"] = count
    return found


async def missing(url: str, indexes: Collection[str]) -> list[str]:
    """Name the tables, columns and indexes of this version that a database doesn't have, given its indexes.

    SQLAlchemy doesn't see the indexes of expressions on SQLite.
    """
    return await inspected(url, lambda connection: list(_missing(connection, indexes)))


async def inspected(url: str, look: Callable[[Connection], T]) -> T:
    """Let a function look at a database through a connection of SQLAlchemy, and return what it found."""
    engine = engine_of(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(look)
    finally:
        await engine.dispose()


def _missing(connection: Connection, indexes: Collection[str]) -> Iterator[str]:
    found = inspect(connection)
    for table in tables.metadata.sorted_tables:
        if not found.has_table(table.name):
            yield f"table {table.name}"
            continue
        columns = {column["name"] for column in found.get_columns(table.name)}
        yield from (f"column {table.name}.{name}" for name in set(table.columns.keys()) - columns)
        named = sorted(str(index.name) for index in table.indexes)
        yield from (f"index {name}" for name in named if name not in indexes)
