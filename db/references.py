"""The look-ups of a write: one statement per kind of reference, which locks the distinct objects referred to.

A lock FOR KEY SHARE keeps what is referred to from being deleted before the write is committed, and nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, select

from db.access import ReachKind
from db.database import any_of
from db.errors import Code, Fault
from db.reads import path_range, reach_parameters
from db.tables import resource_types, resources, scopes, tag_groups, tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Table

    from db.writes import Writing


class Found(NamedTuple):
    """An object that items refer to, with the path of its scope and what its noun's rules need to know."""

    id: str
    root_id: str
    path: str
    facts: tuple[Any, ...] = ()


Known = dict[str, list[Found]]

TYPE_FACTS = ("revision", "schema_version", "external_id_field", "display_name_path", "is_target")


def _locked(
    statement: Select[Any], table: Table, *, shared: bool = False, changing: bool = False
) -> Select[Any]:
    statement = statement.order_by(table.c.id, table.c.root_id)
    return statement.with_for_update(of=table, read=not changing, key_share=not shared)


@lru_cache(maxsize=16)
def _scopes(kind: ReachKind, within_reach: bool) -> Select[Any]:
    statement = select(scopes.c.id, scopes.c.root_id, scopes.c.path).where(any_of(scopes.c.id, "ids"))
    if kind is not ReachKind.EVERYTHING:
        statement = statement.where(scopes.c.root_id == bindparam("reach_root"))
        if within_reach:
            statement = statement.where(path_range(scopes.c.path, "reach_low", "reach_high"))
    return _locked(statement, scopes)


@lru_cache(maxsize=32)
def _in_scopes(table: Table, home: str, facts: tuple[str, ...], narrowed: bool, lock: str) -> Select[Any]:
    statement = (
        select(table.c.id, table.c.root_id, scopes.c.path, *(table.c[fact] for fact in facts))
        .join_from(table, scopes, and_(scopes.c.id == table.c[home], scopes.c.root_id == table.c.root_id))
        .where(any_of(table.c.id, "ids"))
    )
    if narrowed:
        statement = statement.where(table.c.root_id == bindparam("reach_root"))
    return _locked(statement, table, shared=lock == "share", changing=lock == "no key update")


async def scopes_by_id(w: Writing, ids: Iterable[str], *, within_reach: bool = True) -> Known:
    """Look up scopes; without `within_reach` also those that the caller doesn't reach."""
    return await _look_up(w, _scopes(w.caller.kind, within_reach), ids)


async def resource_types_by_id(w: Writing, ids: Iterable[str]) -> Known:
    """Look up resource types anywhere in the root, with `TYPE_FACTS`; `pick` keeps those usable in a scope."""
    return await _look_up(
        w, _in_scopes(resource_types, "scope_id", TYPE_FACTS, w.caller.reach is not None, "key share"), ids
    )


async def tag_groups_by_id(w: Writing, ids: Iterable[str]) -> Known:
    """Look up tag groups; the fact is whether each is locked."""
    statement = _in_scopes(tag_groups, "scope_id", ("is_locked",), w.caller.reach is not None, "key share")
    return await _look_up(w, statement, ids)


async def tag_groups_by_id_to_count(w: Writing, ids: Iterable[str]) -> Known:
    """Look up tag groups whose limit must not change meanwhile; the fact is that limit."""
    statement = _in_scopes(
        tag_groups, "scope_id", ("max_applied_per_target",), w.caller.reach is not None, "share"
    )
    return await _look_up(w, statement, ids)


async def tags_by_id(w: Writing, ids: Iterable[str]) -> Known:
    """Look up tags; the fact is the group of each."""
    statement = _in_scopes(tags, "scope_id", ("tag_group_id",), w.caller.reach is not None, "key share")
    return await _look_up(w, statement, ids)


async def resources_by_id_to_count(w: Writing, ids: Iterable[str]) -> Known:
    """Look up resources whose assignments are counted, so that concurrent ones wait; the fact is the scope of each."""
    statement = _in_scopes(resources, "scope_id", ("scope_id",), w.caller.reach is not None, "no key update")
    return await _look_up(w, statement, ids)


async def _look_up(w: Writing, statement: Select[Any], ids: Iterable[str]) -> Known:
    wanted = sorted({each for each in ids if "\0" not in each})
    if not wanted:
        return {}
    known: Known = {}
    for found_id, root, path, *facts in await w.tx.fetch(
        statement, {**reach_parameters(w.caller), "ids": wanted}
    ):
        known.setdefault(found_id, []).append(Found(found_id, root, path, tuple(facts)))
    return known


def pick(known: Known, wanted: str, field: str, title: str, *, above: Found | None = None) -> Found | Fault:
    """Choose the object that a reference means: the only one, or with `above` the one usable in that scope.

    What is out of reach or not usable there is told in the words for what doesn't exist.
    """
    candidates: Sequence[Found] = known.get(wanted, ())
    if above is not None:
        candidates = [
            each for each in candidates if each.root_id == above.root_id and above.path.startswith(each.path)
        ]
    if not candidates:
        where = f" that scope {above.id} can use" if above else ""
        return Fault(Code.UNKNOWN_REFERENCE, f"/{field}", f"{field}: there is no {title} {wanted}{where}")
    if len(candidates) > 1:
        detail = f"{field}: {wanted} exists under several roots: narrow with reach-tenant-id"
        return Fault(Code.AMBIGUOUS_ID, f"/{field}", detail)
    return candidates[0]
