"""Lists of a noun: the readable objects that a selection names, page by page, and their number."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, func, or_, select

from db import cursors
from db.access import Principal, ReachKind
from db.database import any_of, member_equals
from db.errors import Code, Conflict
from db.reads.pages import BY_ID, Order, Page, Slice, bounded, sliced
from db.reads.reach import path_range, reach_parameters, within
from db.tables import scopes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.database import Reader
    from db.nouns import Noun, RowT


@dataclass(frozen=True)
class Member:
    """A member of an object's JSON, and the text, number, truth value or null that it must equal."""

    path: tuple[str, ...]
    value: str | float | bool | None


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
                [(each.path, each.value) for each in self.data],
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
    data: tuple[type, ...]
    order: Order

    @property
    def one_root(self) -> bool:
        """Whether all objects are of one root."""
        return self.kind is not ReachKind.EVERYTHING or self.scoped == "exactly"


def _selected(form: _Form) -> Select[Any]:
    noun, table = form.noun, form.noun.table
    statement = within(select(table), noun, form.kind, readable=True)
    for name in sorted(form.filters):
        wanted = noun.filters.get(name) or noun.searches[name]
        if wanted.link is not None:
            link = wanted.link.table
            statement = statement.join(
                link, and_(wanted.link == table.c.id, link.c.root_id == table.c.root_id)
            )
        statement = statement.where(wanted.clause())
    for index, kind in enumerate(form.data):
        statement = statement.where(
            member_equals(table.c.data, f"data_path_{index}", f"data_value_{index}", kind)
        )
    if form.chosen:
        statement = statement.where(any_of(table.c.id, "ids"))
    if form.scoped == "exactly":
        return statement.where(
            table.c.root_id == bindparam("scope_root"), table.c[noun.scope_column] == bindparam("scope")
        )
    return _below(statement, noun) if form.scoped == "below" else statement


@lru_cache(maxsize=1024)
def _page(form: _Form, bounds: tuple[bool, bool, bool]) -> Select[Any]:
    linked = [
        each.link for name in form.filters if (each := form.noun.filters.get(name)) and each.link is not None
    ]
    own_id = linked[0] if linked and form.one_root else None
    return bounded(
        _selected(form), form.noun.table, bounds, one_root=form.one_root, order=form.order, own_id=own_id
    )


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
    records = await reader.fetch(statement, {**parameters, **between, "limit": wanted.limit + 1})
    return sliced(noun.rows(records), wanted, fingerprint, selection.order)


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
        parameters[f"data_value_{index}"] = member.value
    form = _Form(
        noun,
        caller.kind,
        scoped,
        frozenset(selection.filters),
        selection.ids is not None,
        tuple(type(member.value) for member in selection.data),
        selection.order,
    )
    return form, parameters
