"""Tag assignments: which resource carries which tag."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import func, select

from db import filters, references, tables
from db.errors import Code, Fault
from db.ids import Namespace
from db.nouns import Noun, UniqueKey
from db.outcomes import Outcome, Result, failed
from db.reads import Edge, reach_parameters, within
from db.shapes import NewItem, Reference, TagAssignmentId
from db.writes import ids_for, in_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select

    from db.access import Principal, ReachKind
    from db.commands import Target
    from db.database import Reader
    from db.references import Known
    from db.shapes import Item
    from db.writes import Writing


class TagAssignmentRow(msgspec.Struct, frozen=True, gc=False):
    """A stored tag assignment."""

    id: str
    tag_id: str
    resource_id: str
    scope_id: str
    created_at: str
    created_by: str
    updated_at: str | None
    updated_by: str | None
    revision: str
    root_id: str
    tag_group_id: str
    resource_scope_id: str


class NewTagAssignment(NewItem, frozen=True, kw_only=True):
    """A tag assignment asked for."""

    id: TagAssignmentId | None = None
    tag_id: Reference
    resource_id: Reference
    scope_id: Reference | None = None


async def prepare(
    w: Writing, items: Sequence[Item[NewTagAssignment]]
) -> list[TagAssignmentRow | tuple[Fault, ...]]:
    """Find each assignment's resource, tag and scope."""
    good = [item for item in items if not isinstance(item, tuple)]
    tags = await references.tags_by_id(w, {item.tag_id for item in good})
    # Groups before resources, each in the order of their ids: whoever counts takes its locks in this order.
    await references.tag_groups_by_id_to_count(w, _groups(w, tags))
    resources = await references.resources_by_id_to_count(w, {item.resource_id for item in good})
    scopes = await references.scopes_by_id(w, {item.scope_id for item in good if item.scope_id is not None})
    known = _Known(tags, resources, scopes)
    ids = ids_for(TAG_ASSIGNMENTS, items)
    return [item if isinstance(item, tuple) else _row(w, item, item.id or next(ids), known) for item in items]


def _groups(w: Writing, tags: Known) -> set[str]:
    """Return the groups of the tags that the caller may use: a foreign tag costs no more than a missing one."""
    return {tag.facts[0] for found in tags.values() for tag in found if w.caller.may_use(tag.path)}


class _Known(NamedTuple):
    """What the items of a batch refer to."""

    tags: Known
    resources: Known
    scopes: Known


def _row(
    w: Writing, item: NewTagAssignment, assignment_id: str, known: _Known
) -> TagAssignmentRow | tuple[Fault, ...]:
    tags, resources, scopes = known
    within = {item.resource_id: [r for r in resources.get(item.resource_id, ()) if w.caller.reaches(r.path)]}
    resource = references.pick(within, item.resource_id, "resourceId", "resource")
    if isinstance(resource, Fault):
        return (resource,)
    resource_scope: str = resource.facts[0]
    home = resource._replace(id=resource_scope)
    tag = references.pick(tags, item.tag_id, "tagId", "tag", above=home)
    scope_id = item.scope_id or resource_scope
    scope = references.pick(scopes, scope_id, "scopeId", "scope", above=home) if item.scope_id else home
    if isinstance(tag, Fault) or isinstance(scope, Fault):
        return tuple(fault for fault in (tag, scope) if isinstance(fault, Fault))
    return TagAssignmentRow(
        assignment_id, item.tag_id, item.resource_id, scope_id, *w.stamps, resource.root_id,
        tag.facts[0], resource_scope,
    )  # fmt: skip


async def keep_limits(
    w: Writing, items: Sequence[Item[NewTagAssignment]], results: list[Result[TagAssignmentRow]]
) -> None:
    """Fail, and take back, the assignments that exceed what their group allows on one resource.

    Runs after the insert, under the locks that `prepare` took: what is counted can't change any more. Of a batch's
    own assignments the last ones are those too many.
    """
    del items
    made = {
        i: result.row for i, result in enumerate(results) if result.outcome is Outcome.CREATED and result.row
    }
    if not made:
        return
    limits = {
        (row[0], row[1]): row[2]
        for row in await w.tx.fetch(
            _LIMITS, {"keys": sorted({(r.tag_group_id, r.root_id) for r in made.values()})}
        )
    }
    bound = {i: row for i, row in made.items() if (row.tag_group_id, row.root_id) in limits}
    if not bound:
        return
    targets = sorted({(row.resource_id, row.tag_group_id, row.root_id) for row in bound.values()})
    counted = Counter({(r[0], r[1], r[2]): r[3] for r in await w.tx.fetch(_APPLIED, {"keys": targets})})
    over: list[TagAssignmentRow] = []
    for index in sorted(bound, reverse=True):
        row = bound[index]
        target = (row.resource_id, row.tag_group_id, row.root_id)
        limit = limits[row.tag_group_id, row.root_id]
        if counted[target] > limit:
            counted[target] -= 1
            over.append(row)
            detail = f"the tag group {row.tag_group_id} allows {limit:,} on {row.resource_id}, which has them"
            results[index] = failed(Fault(Code.LIMIT_REACHED, "/tagId", detail))
    if over:
        await w.tx.execute(_TAKE_BACK, {"keys": [(row.id, row.root_id) for row in over]})


async def locate(w: Writing, targets: Sequence[Target]) -> list[Target]:
    """Find the assignments that are named by tag and resource; a pair without one names nothing."""
    pairs = [target.pair for target in targets if target.pair is not None]
    found = dict(zip(pairs, await by_pairs(w.tx, w.caller, pairs), strict=True)) if pairs else {}
    rows = [None if target.pair is None else found[target.pair] for target in targets]
    return [
        target if target.pair is None else replace(target, id=row.id if row else " ".join(target.pair))
        for target, row in zip(targets, rows, strict=True)
    ]


_groups_table, _table = tables.tag_groups, tables.tag_assignments
_LIMITS = select(_groups_table.c.id, _groups_table.c.root_id, _groups_table.c.max_applied_per_target).where(
    in_keys(_groups_table, "keys", "id", "root_id"), _groups_table.c.max_applied_per_target.is_not(None)
)
_APPLIED = (
    select(_table.c.resource_id, _table.c.tag_group_id, _table.c.root_id, func.count())
    .where(in_keys(_table, "keys", "resource_id", "tag_group_id", "root_id"))
    .group_by(_table.c.resource_id, _table.c.tag_group_id, _table.c.root_id)
)
_TAKE_BACK = _table.delete().where(in_keys(_table, "keys", "id", "root_id"))


TAG_ASSIGNMENTS: Noun[TagAssignmentRow] = Noun(
    namespace=Namespace.TAG_ASSIGNMENT,
    title="tag assignment",
    table=tables.tag_assignments,
    row=TagAssignmentRow,
    prepare=prepare,
    after_create=keep_limits,
    locate=locate,
    unique=(
        UniqueKey(
            ("root_id", "tag_id", "resource_id"),
            "/tagId",
            lambda row: f"the tag {row.tag_id} and the resource {row.resource_id}",
        ),
    ),
    home_column="resource_scope_id",
    filters={
        "tagId": filters.equals(tables.tag_assignments.c.tag_id, "tag_id"),
        "resourceId": filters.equals(tables.tag_assignments.c.resource_id, "resource_id"),
        "tagGroupId": filters.equals(tables.tag_assignments.c.tag_group_id, "tag_group_id"),
    },
)

BY_SCOPE = Edge(TAG_ASSIGNMENTS, "scope_id")
BY_RESOURCE = Edge(TAG_ASSIGNMENTS, "resource_id", scattered=True)
BY_TAG = Edge(TAG_ASSIGNMENTS, "tag_id", scattered=True)


@lru_cache(maxsize=4)
def _by_pairs(kind: ReachKind) -> Select[Any]:
    statement = select(_table).where(in_keys(_table, "pairs", "tag_id", "resource_id"))
    return within(statement, TAG_ASSIGNMENTS, kind, readable=False)


async def by_pairs(
    reader: Reader, caller: Principal, pairs: Sequence[tuple[str, str]]
) -> list[TagAssignmentRow | None]:
    """Return the assignment of each pair (tag id, resource id), in the pairs' order, `None` where there is none."""
    parameters = {**reach_parameters(caller), "pairs": sorted(set(pairs))}
    records = await reader.fetch(_by_pairs(caller.kind), parameters)
    found = {(row.tag_id, row.resource_id): row for row in TAG_ASSIGNMENTS.rows(records)}
    return [found.get(pair) for pair in pairs]
