"""Reads of any noun: by id for loaders, a page of a list, a page of each parent's children.

Reach is a condition of every statement, so that no door can forget it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from operator import gt, lt
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from sqlalchemy import Select, and_, bindparam, func, or_, select

from db import cursors
from db.access import Principal, Reach, ReachKind
from db.database import any_of, first_of_each, key_rows
from db.errors import Code, Conflict
from db.nouns import Noun, RowT
from db.tables import scopes, tag_assignments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement

    from db.database import Reader, Statement

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000


@dataclass(frozen=True)
class Page:
    """Which part of a list: the first `limit` objects behind `after`, or (backward) the last ones before `before`."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None
    before: str | None = None
    backward: bool = False


@dataclass(frozen=True)
class Selection:
    """Which objects of a noun: in one scope, perhaps with those below, and where the filters hold."""

    scope_id: str | None = None
    with_descendants: bool = False
    filters: Mapping[str, str] = field(default_factory=dict)
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Slice(Generic[RowT]):
    """A page of rows, in the list's order, and whether the list goes on at either side of it."""

    rows: list[RowT]
    has_next: bool = False
    has_previous: bool = False
    fingerprint: str = ""

    def cursor(self, row: RowT) -> str:
        """Return the cursor of one of the rows."""
        return cursors.encode(self.fingerprint, row)


@dataclass(frozen=True, eq=False)
class Edge(Generic[RowT]):
    """A to-many edge: the children's noun, and the column that holds the parent's id."""

    noun: Noun[RowT]
    column: str
    link: str | None = None
    """The column of `tag_assignments` that holds the child's id, for edges that go through it."""


def reach_parameters(caller: Principal) -> dict[str, object]:
    """Return the parameters of the conditions that `within` adds."""
    if caller.reach is None:
        return {}
    reach = caller.reach
    return {
        "reach_root": reach.root_id,
        "reach_low": reach.low,
        "reach_high": reach.high,
        "reach_above": reach.above,
    }


def path_range(path: ColumnElement[Any], low: str, high: str) -> ColumnElement[bool]:
    """Hold for the paths from parameter `low` to before parameter `high`."""
    return and_(path >= bindparam(low), path < bindparam(high))


def within(statement: Select[Any], noun: Noun[Any], kind: ReachKind, *, readable: bool) -> Select[Any]:
    """Keep what is in the caller's reach; with `readable` also the shared nouns of the scopes above."""
    table = noun.table
    if kind is ReachKind.EVERYTHING:
        return statement
    statement = statement.where(table.c.root_id == bindparam("reach_root"))
    if kind is ReachKind.ROOT:
        return statement
    if table is scopes:
        return statement.where(path_range(scopes.c.path, "reach_low", "reach_high"))
    home = scopes.alias("home")
    statement = statement.join(
        home, and_(home.c.id == table.c[noun.home_column], home.c.root_id == table.c.root_id)
    )
    inside = path_range(home.c.path, "reach_low", "reach_high")
    if readable and noun.shared:
        return statement.where(or_(inside, any_of(home.c.path, "reach_above")))
    return statement.where(inside)


@lru_cache(maxsize=256)
def _by_ids(noun: Noun[Any], kind: ReachKind) -> Select[Any]:
    table = noun.table
    return within(select(table).where(any_of(table.c.id, "ids")), noun, kind, readable=True)


async def by_ids(
    reader: Reader, caller: Principal, noun: Noun[RowT], ids: Sequence[str]
) -> list[RowT | None]:
    """Return one row per id, in the order of the ids, `None` where none is readable."""
    found: dict[str, RowT] = {}
    records = await reader.fetch(_by_ids(noun, caller.kind), {**reach_parameters(caller), "ids": list(ids)})
    for row in noun.rows(records):
        row_id: str = row.id
        if row_id in found:
            raise Conflict(
                Code.AMBIGUOUS_ID, f"{row_id} exists under several roots: narrow with reach-tenant-id"
            )
        found[row_id] = row
    return [found.get(wanted) for wanted in ids]


async def by_id(reader: Reader, caller: Principal, noun: Noun[RowT], wanted: str) -> RowT | None:
    """Return the row of an id, `None` where none is readable."""
    return (await by_ids(reader, caller, noun, [wanted]))[0]


class _Form(NamedTuple):
    """What the text of a list's statement depends on: the values of the selection aren't part of it."""

    noun: Noun[Any]
    kind: ReachKind
    scoped: str | None
    filters: frozenset[str]
    chosen: bool


def _selected(form: _Form) -> Select[Any]:
    noun, table = form.noun, form.noun.table
    statement = within(select(table), noun, form.kind, readable=True)
    for name in sorted(form.filters):
        statement = statement.where(noun.filters[name].clause())
    if form.chosen:
        statement = statement.where(any_of(table.c.id, "ids"))
    if form.scoped == "exactly":
        return statement.where(
            table.c.root_id == bindparam("scope_root"), table.c[noun.scope_column] == bindparam("scope")
        )
    return _below(statement, noun) if form.scoped == "below" else statement


@lru_cache(maxsize=1024)
def _page(form: _Form, bounds: tuple[bool, bool, bool]) -> Select[Any]:
    """Build the statement of a page; `bounds` are whether there is an `after`, a `before`, and `backward`."""
    one_root = form.kind is not ReachKind.EVERYTHING or form.scoped == "exactly"
    return _bounded(_selected(form), form.noun.table, bounds, one_root=one_root)


@lru_cache(maxsize=256)
def _count(form: _Form) -> Select[Any]:
    return _selected(form).with_only_columns(func.count(), maintain_column_froms=True)


def _below(statement: Select[Any], noun: Noun[Any]) -> Select[Any]:
    if noun.table is scopes:
        return statement.where(path_range(scopes.c.path, "scope_low", "scope_high"))
    owner = scopes.alias("owner")
    return statement.join(
        owner,
        and_(owner.c.id == noun.table.c[noun.scope_column], owner.c.root_id == noun.table.c.root_id),
    ).where(path_range(owner.c.path, "scope_low", "scope_high"))


def _bounded(
    statement: Select[Any], table: Any, bounds: tuple[bool, bool, bool], *, one_root: bool
) -> Select[Any]:
    """Order by id compared as bytes (then root, where several are read), between the cursors, limited."""
    after, before, backward = bounds
    order = [table.c.id] if one_root else [table.c.id, table.c.root_id]
    for present, name in ((after, "after"), (before, "before")):
        if not present:
            continue
        ahead = gt if name == "after" else lt
        bound = ahead(table.c.id, bindparam(name))
        if not one_root:
            tied = and_(table.c.id == bindparam(name), ahead(table.c.root_id, bindparam(f"{name}_root")))
            bound = or_(bound, tied)
        statement = statement.where(bound)
    return statement.order_by(*(c.desc() if backward else c for c in order)).limit(bindparam("limit"))


@lru_cache(maxsize=16)
def _scope(kind: ReachKind, shared: bool) -> Select[Any]:
    statement = select(scopes.c.id, scopes.c.root_id, scopes.c.path).where(scopes.c.id == bindparam("id"))
    if kind is ReachKind.EVERYTHING:
        return statement
    statement = statement.where(scopes.c.root_id == bindparam("reach_root"))
    inside = path_range(scopes.c.path, "reach_low", "reach_high")
    return statement.where(or_(inside, any_of(scopes.c.path, "reach_above")) if shared else inside)


async def page(
    reader: Reader, caller: Principal, noun: Noun[RowT], selection: Selection, wanted: Page
) -> Slice[RowT]:
    """Return a page of the readable objects that a selection names, ordered by id.

    Raises `Refused` (`invalid_value`) for a cursor of another list.
    """
    fingerprint = cursors.fingerprint(
        noun.namespace, selection.scope_id, selection.with_descendants, selection.filters, selection.ids
    )
    bounds = (wanted.after is not None, wanted.before is not None, wanted.backward)
    between = cursors.bounds(fingerprint, wanted.after, wanted.before)
    narrowed = await _narrow(reader, caller, noun, selection)
    if narrowed is None:
        return Slice([], fingerprint=fingerprint)
    form, parameters = narrowed
    records = await reader.fetch(_page(form, bounds), {**parameters, **between, "limit": wanted.limit + 1})
    return _sliced(noun.rows(records), wanted, fingerprint)


async def count(reader: Reader, caller: Principal, noun: Noun[Any], selection: Selection) -> int:
    """Return how many readable objects a selection names."""
    narrowed = await _narrow(reader, caller, noun, selection)
    if narrowed is None:
        return 0
    form, parameters = narrowed
    total: int = (await reader.fetch(_count(form), parameters))[0][0]
    return total


async def _narrow(
    reader: Reader, caller: Principal, noun: Noun[Any], selection: Selection
) -> tuple[_Form, dict[str, object]] | None:
    """Return a selection's form and parameters, `None` for a scope that the caller can't see."""
    parameters: dict[str, object] = {**reach_parameters(caller), "ids": selection.ids}
    scoped = None
    if selection.scope_id is not None:
        found = await reader.fetch(_scope(caller.kind, noun.shared), {**parameters, "id": selection.scope_id})
        if not found:
            return None
        if len(found) > 1:
            raise Conflict(
                Code.AMBIGUOUS_ID,
                f"{selection.scope_id} exists under several roots: narrow with reach-tenant-id",
            )
        _, root, path = found[0]
        scoped = "below" if selection.with_descendants else "exactly"
        parameters |= {"scope": selection.scope_id, "scope_root": root, "scope_low": path}
        parameters["scope_high"] = path[:-1] + "0"
    for name, text in selection.filters.items():
        parameters |= noun.filters[name].bind(text)
    form = _Form(noun, caller.kind, scoped, frozenset(selection.filters), selection.ids is not None)
    return form, parameters


def _sliced(rows: list[RowT], wanted: Page, fingerprint: str) -> Slice[RowT]:
    more = len(rows) > wanted.limit
    rows = rows[: wanted.limit]
    if wanted.backward:
        rows.reverse()
        return Slice(rows, wanted.before is not None, more, fingerprint)
    return Slice(rows, more, wanted.after is not None, fingerprint)


@lru_cache(maxsize=256)
def _children(edge: Edge[Any], kind: ReachKind, bounds: tuple[bool, bool, bool]) -> Statement:
    table = edge.noun.table
    keys = key_rows("parents", "parent", "root")
    children = select(table)
    if edge.link is None:
        children = children.where(table.c.root_id == keys.c.root, table.c[edge.column] == keys.c.parent)
    else:
        link = tag_assignments
        children = children.join(
            link, and_(link.c[edge.link] == table.c.id, link.c.root_id == table.c.root_id)
        ).where(link.c.root_id == keys.c.root, link.c[edge.column] == keys.c.parent)
    children = within(children, edge.noun, kind, readable=True)
    children = _bounded(children, table, bounds, one_root=True)
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
    bounds = (wanted.after is not None, wanted.before is not None, wanted.backward)
    found: dict[tuple[str, str], list[RowT]] = {}
    make = edge.noun.row
    for parent, *columns in await reader.fetch(_children(edge, caller.kind, bounds), parameters):
        row = make(*columns)
        found.setdefault((parent, row.root_id), []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row.id, reverse=wanted.backward)
    return [_sliced(found.get(parent, []), wanted, fingerprint) for parent in parents]


@lru_cache(maxsize=64)
def _child_counts(edge: Edge[Any], kind: ReachKind) -> Select[Any]:
    table = edge.noun.table
    keys = key_rows("parents", "parent", "root")
    owner = table if edge.link is None else tag_assignments
    joined = keys.join(owner, and_(owner.c.root_id == keys.c.root, owner.c[edge.column] == keys.c.parent))
    if edge.link is not None:
        child = and_(table.c.id == owner.c[edge.link], table.c.root_id == owner.c.root_id)
        joined = joined.join(table, child)
    statement = select(keys.c.parent, keys.c.root, func.count()).select_from(joined)
    return within(statement, edge.noun, kind, readable=True).group_by(keys.c.parent, keys.c.root)


async def count_children(
    reader: Reader, caller: Principal, edge: Edge[Any], parents: Sequence[tuple[str, str]]
) -> list[int]:
    """Return how many readable children each parent, given as (id, root_id), has, in the parents' order."""
    parameters = {**reach_parameters(caller), "parents": list(dict.fromkeys(parents))}
    counted = await reader.fetch(_child_counts(edge, caller.kind), parameters)
    totals = {(parent, root): total for parent, root, total in counted}
    return [totals.get(parent, 0) for parent in parents]


async def roots(reader: Reader, *, limit: int = 2) -> list[Reach]:
    """Return the reaches of some root scopes."""
    return [Reach(row[0], row[0], row[1]) for row in await reader.fetch(_ROOTS, {"limit": limit})]


_ROOTS = (
    select(scopes.c.id, scopes.c.path)
    .where(scopes.c.parent_scope_id.is_(None))
    .order_by(scopes.c.id)
    .limit(bindparam("limit"))
)
