"""Lists of a noun: the readable objects that a selection names, page by page, and their number."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, func, or_, select

from db import cursors, filters
from db.access import Principal, ReachKind
from db.database import any_of, first_of_all, key_rows, looked_up, member_equals, unordered
from db.errors import Code, Conflict
from db.reads.pages import BY_ID, Order, Page, Slice, bounded, sliced
from db.reads.reach import path_range, reach_parameters, within
from db.tables import scopes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.database import Reader, Statement
    from db.nouns import Filter, Links, Noun, RowT


@dataclass(frozen=True)
class Member:
    """A member of an object's JSON, and the text, number, truth value or null that it must equal."""

    path: tuple[str, ...]
    value: str | float | bool | None
    alternatives: tuple[str | float | bool | None, ...] = ()
    """What it may equal instead."""

    @property
    def values(self) -> tuple[str | float | bool | None, ...]:
        """All that it may equal."""
        return self.value, *self.alternatives


@dataclass(frozen=True)
class Selection:
    """Which objects of a noun: in one scope, perhaps with those below, and where the filters hold; in which order."""

    scope_id: str | None = None
    with_descendants: bool = False
    filters: Mapping[str, Any] = field(default_factory=dict)
    """By their names in `Noun.filters` or `Noun.searches`."""
    ids: tuple[str, ...] | None = None
    data: tuple[Member, ...] = ()
    order: Order = BY_ID

    def refined(self, *, data: tuple[Member, ...], order: Order) -> Selection:
        """Return the selection with conditions on members and an order."""
        return replace(self, data=data, order=order)

    @property
    def fingerprint(self) -> str:
        """A digest of all that makes this list another list than others."""
        parts: list[object] = [self.scope_id, self.with_descendants, self.filters, self.ids]
        if self.data or self.order.columns:
            parts += [
                [(each.path, each.values) for each in self.data],
                self.order.columns,
                self.order.descending,
            ]
        return cursors.fingerprint(*parts)


class _Form(NamedTuple):
    """What the text of a list's statement depends on: the values of the selection aren't part of it."""

    noun: Noun[Any]
    kind: ReachKind
    scoped: str | None
    filters: frozenset[str]
    chosen: bool
    members: tuple[int, ...]
    """How many values each may equal."""
    order: Order

    @property
    def conditions(self) -> list[Filter]:
        """The filters, in the order of their names."""
        return [self.noun.filters.get(name) or self.noun.searches[name] for name in sorted(self.filters)]

    @property
    def led(self) -> bool:
        """Whether something else than a reach finds the objects."""
        return self.chosen or self.scoped == "exactly" or any(each.leads for each in self.conditions)

    @property
    def by_links(self) -> bool:
        """Whether the tables that link the objects are what to go through, and nothing else that is asked.

        Their ids are hidden then from the join: for a page PostgreSQL might merge whole indexes.
        """
        by_id = self.one_root and not self.order.columns
        return by_id and self.scoped != "exactly" and not any(each.scattered for each in self.conditions)

    @property
    def one_root(self) -> bool:
        """Whether all objects are of one root."""
        return self.kind is not ReachKind.EVERYTHING or self.scoped == "exactly"

    @property
    def hides_root(self) -> bool:
        """Whether cursors don't tell the root: not to who reaches but a part of it, nor where a scope says as much.

        Whoever reaches the whole of it may go on where every root is read, as REST does for the root token.
        """
        return self.kind is ReachKind.SUBTREE or self.scoped == "exactly"

    @property
    def root(self) -> str:
        """The parameter that holds the one root."""
        return "scope_root" if self.kind is ReachKind.EVERYTHING else "reach_root"


def _selected(form: _Form, *, aside: Filter | None = None) -> Select[Any]:
    """Return the statement of all that a form means, one filter left aside."""
    noun, table = form.noun, form.noun.table
    linked = aside is not None or any(each.link is not None for each in form.conditions)
    statement = within(select(table), noun, form.kind, readable=True, led=form.led, linked=linked)
    for wanted in form.conditions:
        if wanted is aside:
            continue
        if wanted.link is not None:
            link = wanted.link.table
            # The root is hidden, or SQLite would begin with all that is in it.
            link_id = unordered(wanted.link) if form.by_links else wanted.link
            linked_to = and_(link_id == table.c.id, link.c.root_id == looked_up(table.c.root_id))
            statement = statement.join(link, linked_to)
            if form.one_root:
                statement = statement.where(link.c.root_id == bindparam(form.root))
        statement = statement.where(wanted.clause())
    for index, values in enumerate(form.members):
        equal = [
            member_equals(table.c.data, f"data_path_{index}", f"data_value_{index}_{n}")
            for n in range(values)
        ]
        statement = statement.where(or_(*equal))
    if form.chosen:
        statement = statement.where(any_of(table.c.id, "ids"))
    if form.scoped == "exactly":
        return statement.where(
            table.c.root_id == bindparam("scope_root"), table.c[noun.scope_column] == bindparam("scope")
        )
    return _below(statement, noun, led=form.led) if form.scoped == "below" else statement


@lru_cache(maxsize=1024)
def _page(form: _Form, bounds: tuple[bool, bool, bool]) -> Statement:
    by_id = form.one_root and not form.order.columns
    linked = next((each.link for each in form.conditions if each.link is not None), None)
    if form.by_links and linked is None:
        for each in form.conditions:
            if each.links is not None:
                return _union(form, bounds, each, each.links)
    return bounded(
        _selected(form),
        form.noun.table,
        bounds,
        one_root=form.one_root,
        order=form.order,
        ids=(linked,) if form.by_links and linked is not None else (),
        scattered=by_id and any(each.scattered for each in form.conditions),
    )


def _union(form: _Form, bounds: tuple[bool, bool, bool], spread: Filter, links: Links) -> Statement:
    """Return the statement of a page of what a filter keeps for any of its keys."""
    table, link, keys = form.noun.table, links.table, key_rows(links.parameter, "key")
    linked = and_(unordered(link.c[links.column]) == table.c.id, link.c.root_id == table.c.root_id)
    children = _selected(form, aside=spread).join(link, linked)
    children = children.where(link.c.root_id == bindparam(form.root), link.c[links.key] == keys.c.key)
    children = bounded(children, table, bounds, one_root=True, order=form.order, ids=[link.c[links.column]])
    return first_of_all(keys, children, table, descending=form.order.descending is not bounds[2])


@lru_cache(maxsize=256)
def _count(form: _Form) -> Select[Any]:
    return _selected(form).with_only_columns(func.count(), maintain_column_froms=True)


def _below(statement: Select[Any], noun: Noun[Any], *, led: bool) -> Select[Any]:
    if noun.table is scopes:
        return statement.where(path_range(scopes.c.path, "scope_low", "scope_high"))
    owner = scopes.alias("owner")
    return statement.join(
        owner,
        and_(owner.c.id == noun.table.c[noun.scope_column], owner.c.root_id == noun.table.c.root_id),
    ).where(path_range(looked_up(owner.c.path) if led else owner.c.path, "scope_low", "scope_high"))


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
    """Return a page of the readable objects that a selection names, in its order.

    Raises `Refused` (`invalid_value`) for a cursor of another list.
    """
    fingerprint = cursors.fingerprint(noun.namespace, selection.fingerprint)
    between = cursors.bounds(fingerprint, wanted.after, wanted.before)
    narrowed = await _narrow(reader, caller, noun, selection)
    if narrowed is None:
        return Slice([], fingerprint=fingerprint, order=selection.order)
    form, parameters = narrowed
    statement = _page(form, wanted.bounds)
    parameters |= {**between, "limit": wanted.limit + 1}
    if selection.order.columns == ("display_name",):
        filters.tighten(parameters, descending=selection.order.descending)
    records = await reader.fetch(statement, parameters)
    return sliced(noun.rows(records), wanted, fingerprint, selection.order, hides_root=form.hides_root)


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
    for name, value in selection.filters.items():
        parameters |= (noun.filters.get(name) or noun.searches[name]).bind(value)
    for index, member in enumerate(selection.data):
        parameters[f"data_path_{index}"] = list(member.path)
        for n, value in enumerate(member.values):
            parameters[f"data_value_{index}_{n}"] = json.dumps(value)
    form = _Form(
        noun,
        caller.kind,
        scoped,
        frozenset(selection.filters),
        selection.ids is not None,
        tuple(len(member.values) for member in selection.data),
        selection.order,
    )
    return form, parameters
