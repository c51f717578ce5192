"""Scopes: the tree that decides who reaches what."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import select

from db import filters, references, tables
from db.access import paths_above
from db.database import any_of
from db.errors import Code, Fault
from db.ids import Namespace, new_path_key
from db.nouns import Dependant, Noun, UniqueKey
from db.reads import Edge, reach_parameters, within
from db.shapes import MAX_META_BYTES, Change, ExternalId, Name, NewItem, Reference, ScopeId, encode_json
from db.tokens import CHANNEL, EVERY_TOKEN
from db.writes import ids_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select

    from db.access import Principal, ReachKind
    from db.database import Reader
    from db.references import Known
    from db.shapes import Item
    from db.writes import Writing

MAX_TREE_DEPTH = 64


class ScopeRow(msgspec.Struct, frozen=True, gc=False):
    """A stored scope."""

    id: str
    parent_scope_id: str | None
    name: str
    external_id: str | None
    meta: str | None
    created_at: str
    created_by: str
    updated_at: str | None
    updated_by: str | None
    revision: str
    root_id: str
    path: str


class NewScope(NewItem, frozen=True, kw_only=True):
    """A scope asked for; without a parent it is a root, which only the server's root token may make."""

    id: ScopeId | None = None
    parent_scope_id: Reference | None = None
    name: Name
    external_id: ExternalId | None = None
    meta: dict[str, Any] | None = None


class ScopeChange(Change, frozen=True):
    """A change of a scope."""

    id: str | UnsetType = UNSET
    parent_scope_id: str | UnsetType | None = UNSET
    name: Name | UnsetType | None = UNSET
    external_id: ExternalId | UnsetType | None = UNSET
    meta: dict[str, Any] | UnsetType | None = UNSET
    created_at: str | UnsetType = UNSET
    created_by: str | UnsetType = UNSET
    updated_at: str | UnsetType | None = UNSET
    updated_by: str | UnsetType | None = UNSET


async def prepare(w: Writing, items: Sequence[Item[NewScope]]) -> list[ScopeRow | tuple[Fault, ...]]:
    """Place each scope below its parent, which may be a later item of the same batch."""
    named = {item.parent_scope_id for item in items if not isinstance(item, tuple) and item.parent_scope_id}
    stored = await references.scopes_by_id(w, named, within_reach=False)
    ids = ids_for(SCOPES, items)
    numbered = [("" if isinstance(item, tuple) else item.id or next(ids), item) for item in items]
    planter = _Planter(w, stored)
    for scope_id, item in numbered:
        if not isinstance(item, tuple):
            planter.plan(scope_id, item)
    return [item if isinstance(item, tuple) else planter.row(scope_id, item) for scope_id, item in numbered]


class _Planter:
    """Finds the place of each new scope: its root and its path."""

    def __init__(self, w: Writing, stored: Known) -> None:
        self._w = w
        self._stored = stored
        self._planned: dict[str, NewScope] = {}
        self._places: dict[str, tuple[str, str] | Fault] = {}

    def plan(self, scope_id: str, item: NewScope) -> None:
        """Note a scope of the batch; the first of two with one id is the one that others mean."""
        self._planned.setdefault(scope_id, item)

    def row(self, scope_id: str, item: NewScope) -> ScopeRow | tuple[Fault, ...]:
        """Return the row of an item, or why it has no place."""
        meta = None if item.meta is None else encode_json(item.meta, "meta", MAX_META_BYTES)
        place = self._place(scope_id) if self._planned[scope_id] is item else self._below(scope_id, item)
        faults = tuple(fault for fault in (place, meta) if isinstance(fault, Fault))
        if faults or isinstance(place, Fault) or isinstance(meta, Fault):
            return faults
        created_at, created_by, updated_at, updated_by, revision = self._w.stamps
        return ScopeRow(
            scope_id, item.parent_scope_id, item.name, item.external_id, meta,
            created_at, created_by, updated_at, updated_by, revision, *place,
        )  # fmt: skip

    def _place(self, scope_id: str) -> tuple[str, str] | Fault:
        """Return the (root, path) of a planned scope, placing those above it first."""
        chain: list[str] = []
        current: str | None = scope_id
        while current is not None and current not in self._places:
            if current in chain:
                fault = Fault(
                    Code.INVALID_VALUE, "/parentScopeId", "parentScopeId: the items are their own ancestors"
                )
                self._places.update(dict.fromkeys(chain[chain.index(current) :], fault))
                break
            chain.append(current)
            parent = self._planned[current].parent_scope_id
            current = parent if parent in self._planned else None
        for each in reversed(chain):
            if each not in self._places:
                self._places[each] = self._below(each, self._planned[each])
        return self._places[scope_id]

    def _below(self, scope_id: str, item: NewScope) -> tuple[str, str] | Fault:
        parent = item.parent_scope_id
        if parent is None:
            if self._w.caller.reach is not None:
                return Fault(
                    Code.FORBIDDEN, "/parentScopeId", "only the server's root token makes root scopes"
                )
            return scope_id, new_path_key() + "/"
        above = self._parent(parent)
        if isinstance(above, Fault):
            return above
        root_id, path = above
        if path.count("/") >= MAX_TREE_DEPTH:
            detail = f"parentScopeId: a scope can't be deeper than {MAX_TREE_DEPTH} levels"
            return Fault(Code.LIMIT_REACHED, "/parentScopeId", detail)
        return root_id, path + new_path_key() + "/"

    def _parent(self, parent: str) -> tuple[str, str] | Fault:
        """Return the place of a parent: the stored one, unless the batch makes one with that id in another root."""
        planned = self._place(parent) if parent in self._planned else None
        stored = [each for each in self._stored.get(parent, ()) if self._w.caller.reaches(each.path)]
        if isinstance(planned, tuple) and all(
            each.root_id != planned[0] for each in self._stored.get(parent, ())
        ):
            return planned
        if isinstance(planned, tuple):
            stored = [each for each in stored if each.root_id == planned[0]]
        if planned is not None and not stored:
            detail = "parentScopeId: the parent is a faulty item of the same batch"
            return Fault(Code.UNKNOWN_REFERENCE, "/parentScopeId", detail)
        found = references.pick({parent: stored}, parent, "parentScopeId", "scope")
        return found if isinstance(found, Fault) else (found.root_id, found.path)


async def after_store(w: Writing, stored: Sequence[tuple[ScopeRow | None, ScopeRow]]) -> None:
    """Tell every process of a new root: whoever reaches every root must name one from then on."""
    if any(before is None and row.parent_scope_id is None for before, row in stored):
        await w.tx.notify(CHANNEL, EVERY_TOKEN)


def _external(row: ScopeRow) -> str:
    return f"the externalId {row.external_id!r}"


SCOPES: Noun[ScopeRow] = Noun(
    namespace=Namespace.SCOPE,
    title="scope",
    table=tables.scopes,
    row=ScopeRow,
    prepare=prepare,
    after_store=after_store,
    unique=(
        UniqueKey(
            ("root_id", "parent_scope_id", "external_id"),
            "/externalId",
            _external,
            applies=lambda row: row.external_id is not None and row.parent_scope_id is not None,
        ),
        UniqueKey(
            ("external_id",),
            "/externalId",
            _external,
            applies=lambda row: row.external_id is not None and row.parent_scope_id is None,
            where=lambda table: table.c.parent_scope_id.is_(None),
        ),
    ),
    mutable=frozenset({"name", "external_id", "meta"}),
    required=frozenset({"name"}),
    json={"meta": MAX_META_BYTES},
    merged=frozenset({"meta"}),
    scope_column="id",
    home_column="id",
    filters={
        "parentScopeId": filters.equals(tables.scopes.c.parent_scope_id, "parent_scope_id"),
        "externalId": filters.equals(tables.scopes.c.external_id, "external_id"),
    },
    dependants=(
        Dependant("resource type", tables.resource_types, "scope_id"),
        Dependant("tag group", tables.tag_groups, "scope_id"),
        Dependant("tag", tables.tags, "scope_id"),
        Dependant("resource", tables.resources, "scope_id"),
        Dependant("tag assignment", tables.tag_assignments, "scope_id"),
        Dependant("child scope", tables.scopes, "parent_scope_id"),
        Dependant(
            "unfinished upload", tables.batches, "scope_id", where=tables.batches.c.completed_at.is_(None)
        ),
    ),
    attached=(
        Dependant("token", tables.tokens, "scope_id"),
        Dependant("failed record", tables.batch_failures, "scope_id"),
        Dependant("finished upload", tables.batches, "scope_id"),
    ),
)

CHILDREN = Edge(SCOPES, "parent_scope_id")


@lru_cache(maxsize=4)
def _by_paths(kind: ReachKind) -> Select[Any]:
    table = tables.scopes
    return within(select(table).where(any_of(table.c.path, "paths")), SCOPES, kind, readable=True)


async def ancestors(reader: Reader, caller: Principal, paths: Sequence[str]) -> list[list[ScopeRow]]:
    """Return the scopes in reach above each scope, given by its path, from the root down."""
    above = [paths_above(path) for path in paths]
    wanted = sorted({path for chain in above for path in chain})
    if not wanted:
        return [[] for _ in paths]
    records = await reader.fetch(_by_paths(caller.kind), {**reach_parameters(caller), "paths": wanted})
    found = {row.path: row for row in SCOPES.rows(records)}
    return [[found[path] for path in chain if path in found] for chain in above]
