"""A page of each parent's children, and their number: one statement for all parents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Generic

from sqlalchemy import Select, and_, func, select

from db import cursors
from db.access import ReachKind
from db.database import first_links_of_each, first_of_each, key_rows, unordered
from db.nouns import Noun, RowT
from db.reads.pages import Page, Slice, all_sliced, bounded
from db.reads.reach import reach_parameters, within
from db.tables import tag_assignments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Subquery, Table
    from sqlalchemy.sql.selectable import TableValuedAlias

    from db.access import Principal
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
def _children(
    edge: Edge[Any], kind: ReachKind, bounds: tuple[bool, bool, bool], *, several: bool
) -> Statement:
    """Return the statement of a page of each parent's children, whose first column are the places of the parents."""
    table = edge.noun.table
    keys = key_rows("parents", "parent", "root", placed=True)
    if edge.link is not None and several:
        # What several parents have in common is read, and comes, once.
        pages = _links(edge, bounds, keys)
        if kind is ReachKind.SUBTREE:
            child = edge.links.c[edge.link]
            pages = _linked(edge, kind, bounds, keys).with_only_columns(child, maintain_column_froms=True)
        return first_links_of_each(keys, pages).then(
            lambda page: within(_led_to(page, table), edge.noun, kind, readable=True, led=True, linked=True)
        )
    if edge.link is not None:
        return first_of_each(keys, _linked(edge, kind, bounds, keys), table)
    children = select(table).where(table.c.root_id == keys.c.root, table.c[edge.column] == keys.c.parent)
    children = within(children, edge.noun, kind, readable=True, led=True)
    return first_of_each(
        keys, bounded(children, table, bounds, one_root=True, scattered=edge.scattered), table
    )


def _links(edge: Edge[Any], bounds: tuple[bool, bool, bool], keys: TableValuedAlias) -> Select[Any]:
    """Return a page of a parent's links, for who may read every child of a root: each link leads to one."""
    link = edge.links
    child = link.c[edge.link or ""]
    links = select(child).where(link.c.root_id == keys.c.root, link.c[edge.column] == keys.c.parent)
    ids: list[ColumnElement[str]] = [unordered(child) if edge.scattered else child]
    return bounded(links, link, bounds, one_root=True, ids=ids)


def _linked(
    edge: Edge[Any], kind: ReachKind, bounds: tuple[bool, bool, bool], keys: TableValuedAlias
) -> Select[Any]:
    """Return a page of the readable children that a parent's links lead to."""
    table, link = edge.noun.table, edge.links
    child = link.c[edge.link or ""]
    # Hidden, since PostgreSQL knows of no parent how many children it has, and might merge whole indexes.
    hidden = child if edge.scattered else unordered(child)
    children = select(table).join(link, and_(hidden == table.c.id, link.c.root_id == table.c.root_id))
    children = children.where(link.c.root_id == keys.c.root, link.c[edge.column] == keys.c.parent)
    children = within(children, edge.noun, kind, readable=True, led=True, linked=True)
    ids = () if edge.scattered else (child,)
    return bounded(children, table, bounds, one_root=True, ids=ids, scattered=edge.scattered)


def _led_to(page: Subquery, table: Table) -> Select[Any]:
    children = and_(table.c.id == page.c.id, table.c.root_id == page.c.root)
    return select(page.c.places, *table.c).join_from(page, table, children)


async def children(
    reader: Reader, caller: Principal, edge: Edge[RowT], parents: Sequence[tuple[str, str]], wanted: Page
) -> list[Slice[RowT]]:
    """Return a page of the readable children of each parent, given as (id, root_id), in the parents' order."""
    fingerprint = cursors.fingerprint(edge.noun.namespace, edge.column, edge.link)
    places = {parent: place for place, parent in enumerate(dict.fromkeys(parents))}
    parameters: dict[str, object] = {
        **reach_parameters(caller),
        **cursors.bounds(fingerprint, wanted.after, wanted.before),
        "parents": list(places),
        "limit": wanted.limit + 1,
    }
    statement = _children(edge, caller.kind, wanted.bounds, several=len(places) > 1)
    records = await reader.fetch(statement, parameters)
    found: list[list[RowT]] = [[] for _ in places]
    if edge.link is not None:
        # Each child comes once, for all its parents.
        records = sorted(records, key=itemgetter(1), reverse=wanted.backward)
    make = edge.noun.row
    for record in records:
        row = make(*record[1:])
        for place in map(int, record[0].split(",")):
            found[place].append(row)
    if edge.link is None:
        by_id = attrgetter("id")
        for rows in found:
            if len(rows) > 1:
                rows.sort(key=by_id, reverse=wanted.backward)
    slices = all_sliced(found, wanted, fingerprint)
    return slices if len(places) == len(parents) else [slices[places[parent]] for parent in parents]


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
