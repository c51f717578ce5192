"""A page of each parent's children, and their number: one statement for all parents."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic

from sqlalchemy import Select, and_, func, select

from db import cursors
from db.database import first_of_each, key_rows, unordered
from db.nouns import Noun, RowT
from db.reads.pages import Page, Slice, bounded, sliced
from db.reads.reach import reach_parameters, within
from db.tables import tag_assignments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table

    from db.access import Principal, ReachKind
    from db.database import Reader, Statement


@dataclass(frozen=True, eq=False)
class Edge(Generic[RowT]):
    """A to-many edge: the children's noun, and the column that holds the parent's id."""

    noun: Noun[RowT]
    column: str
    link: str | None = None
    """The column of `links` that holds the child's id, for edges that go through it."""
    links: Table = tag_assignments
    scattered: bool = False
    """Whether the index that finds the children has them in another order than that of their ids."""


@lru_cache(maxsize=256)
def _children(edge: Edge[Any], kind: ReachKind, bounds: tuple[bool, bool, bool]) -> Statement:
    table = edge.noun.table
    keys = key_rows("parents", "parent", "root")
    children = select(table)
    if edge.link is None:
        children = children.where(table.c.root_id == keys.c.root, table.c[edge.column] == keys.c.parent)
    else:
        link = edge.links
        # Hidden, since PostgreSQL knows of no parent how many children it has, and might merge whole indexes.
        link_id = link.c[edge.link] if edge.scattered else unordered(link.c[edge.link])
        linked_to = and_(link_id == table.c.id, link.c.root_id == table.c.root_id)
        children = children.join(link, linked_to).where(
            link.c.root_id == keys.c.root, link.c[edge.column] == keys.c.parent
        )
    children = within(children, edge.noun, kind, readable=True, led=True, linked=edge.link is not None)
    ids = () if edge.link is None or edge.scattered else (edge.links.c[edge.link],)
    children = bounded(children, table, bounds, one_root=True, ids=ids, scattered=edge.scattered)
    return first_of_each(keys, children, table)


async def children(
    reader: Reader, caller: Principal, edge: Edge[RowT], parents: Sequence[tuple[str, str]], wanted: Page
) -> list[Slice[RowT]]:
    """Return a page of the readable children of each parent, given as (id, root_id), in the parents' order."""
    fingerprint = cursors.fingerprint(edge.noun.namespace, edge.column, edge.link)
    parameters: dict[str, object] = {
        **reach_parameters(caller),
        **cursors.bounds(fingerprint, wanted.after, wanted.before),
        "parents": list(dict.fromkeys(parents)),
        "limit": wanted.limit + 1,
    }
    found: defaultdict[tuple[str, str], list[RowT]] = defaultdict(list)
    # A child of many parents is read many times, and made once.
    known: dict[tuple[str, str], RowT] = {}
    make = edge.noun.row
    root = 1 + make.__struct_fields__.index("root_id")
    for record in await reader.fetch(_children(edge, caller.kind, wanted.bounds), parameters):
        key = record[1], record[root]
        row = known.get(key)
        if row is None:
            row = known[key] = make(*record[1:])
        found[record[0], record[root]].append(row)
    by_id = attrgetter("id")
    for rows in found.values():
        if len(rows) > 1:
            rows.sort(key=by_id, reverse=wanted.backward)
    return [sliced(found.get(parent, []), wanted, fingerprint) for parent in parents]


@lru_cache(maxsize=64)
def _child_counts(edge: Edge[Any], kind: ReachKind) -> Select[Any]:
    table = edge.noun.table
    keys = key_rows("parents", "parent", "root")
    owner = table if edge.link is None else edge.links
    joined = keys.join(owner, and_(owner.c.root_id == keys.c.root, owner.c[edge.column] == keys.c.parent))
    if edge.link is not None:
        child = and_(table.c.id == owner.c[edge.link], table.c.root_id == owner.c.root_id)
        joined = joined.join(table, child)
    statement = select(keys.c.parent, keys.c.root, func.count()).select_from(joined)
    statement = within(statement, edge.noun, kind, readable=True, led=True, linked=edge.link is not None)
    return statement.group_by(keys.c.parent, keys.c.root)


async def count_children(
    reader: Reader, caller: Principal, edge: Edge[Any], parents: Sequence[tuple[str, str]]
) -> list[int]:
    """Return how many readable children each parent, given as (id, root_id), has, in the parents' order."""
    parameters = {**reach_parameters(caller), "parents": list(dict.fromkeys(parents))}
    counted = await reader.fetch(_child_counts(edge, caller.kind), parameters)
    totals = {(parent, root): total for parent, root, total in counted}
    return [totals.get(parent, 0) for parent in parents]
