"""Tag groups: tags that belong together, and how many of them one resource may carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import delete

from db import filters, references, tables
from db.errors import Code, Fault
from db.ids import Namespace, new_ids
from db.nouns import Dependant, Noun, UniqueKey
from db.outcomes import Outcome, Result, failed
from db.reads import Edge
from db.shapes import (
    MAX_ITEMS,
    Change,
    Count,
    Description,
    Identifier,
    Key,
    Name,
    NewItem,
    Reference,
    TagGroupId,
    TagId,
)
from db.tags import TAGS, TagRow, identifier_fault
from db.writes import ids_for, in_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.shapes import Item
    from db.writes import Writing


class TagGroupRow(msgspec.Struct, frozen=True, gc=False):
    """A stored tag group."""

    id: str
    scope_id: str
    key: str
    name: str
    description: str | None
    max_applied_per_target: int | None
    is_locked: bool
    created_at: str
    created_by: str
    updated_at: str | None
    updated_by: str | None
    revision: str
    root_id: str


class InlineTag(NewItem, frozen=True, kw_only=True):
    """A tag made together with its group, in the group's scope."""

    id: TagId | None = None
    identifier: Identifier
    label: Name


class NewTagGroup(NewItem, frozen=True, kw_only=True):
    """A tag group asked for."""

    id: TagGroupId | None = None
    scope_id: Reference
    key: Key
    name: Name
    description: Description | None = None
    max_applied_per_target: Count | None = None
    is_locked: bool | None = None
    tags: list[InlineTag] | None = None


class TagGroupChange(Change, frozen=True):
    """A change of a tag group."""

    id: str | UnsetType = UNSET
    scope_id: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    name: Name | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    max_applied_per_target: Count | UnsetType | None = UNSET
    is_locked: bool | UnsetType | None = UNSET
    created_at: str | UnsetType = UNSET
    created_by: str | UnsetType = UNSET
    updated_at: str | UnsetType | None = UNSET
    updated_by: str | UnsetType | None = UNSET


async def prepare(w: Writing, items: Sequence[Item[NewTagGroup]]) -> list[TagGroupRow | tuple[Fault, ...]]:
    """Find each group's scope, and read its inline tags once."""
    good = [item for item in items if not isinstance(item, tuple)]
    scopes = await references.scopes_by_id(w, {item.scope_id for item in good})
    ids = ids_for(TAG_GROUPS, items)
    too_many = sum(len(item.tags or ()) for item in good) > MAX_ITEMS
    rows: list[TagGroupRow | tuple[Fault, ...]] = []
    for item in items:
        if isinstance(item, tuple):
            rows.append(item)
            continue
        group_id = item.id or next(ids)
        scope = references.pick(scopes, item.scope_id, "scopeId", "scope")
        faults = inline_faults(item)
        if item.tags and too_many:
            detail = f"the groups of one batch can bring {MAX_ITEMS:,} tags"
            faults.append(Fault(Code.TOO_MANY_ITEMS, "/tags", detail))
        if isinstance(scope, Fault) or faults:
            rows.append((scope, *faults) if isinstance(scope, Fault) else tuple(faults))
            continue
        rows.append(
            TagGroupRow(
                group_id,
                item.scope_id,
                item.key,
                item.name,
                item.description,
                item.max_applied_per_target,
                bool(item.is_locked),
                *w.stamps,
                scope.root_id,
            )
        )
    return rows


def inline_faults(item: NewTagGroup) -> list[Fault]:
    """Tell what is wrong with the tags that a group brings."""
    faults: list[Fault] = []
    seen: set[tuple[str, str]] = set()
    for index, tag in enumerate(item.tags or ()):
        if fault := identifier_fault(tag.identifier):
            faults.append(_inside(index, fault))
        for field, value in (("identifier", tag.identifier), ("id", tag.id)):
            if value is not None and (field, value) in seen:
                detail = f"an earlier tag of this group has the same {field}"
                faults.append(_inside(index, Fault(Code.DUPLICATE_IN_BATCH, f"/{field}", detail)))
            elif value is not None:
                seen.add((field, value))
    return faults


def _inside(index: int, fault: Fault) -> Fault:
    return Fault(fault.code, f"/tags/{index}{fault.pointer}", fault.detail)


async def create_inline_tags(
    w: Writing, items: Sequence[Item[NewTagGroup]], results: list[Result[TagGroupRow]]
) -> None:
    """Create the tags that new groups bring; a group whose tags can't be created fails with them.

    A group that was there already keeps the tags it has: they are changed through `/tags`.
    """
    rows: list[TagRow] = []
    places: dict[tuple[str, str], tuple[int, int]] = {}
    clashes: dict[int, Fault] = {}
    for index, (item, result) in enumerate(zip(items, results, strict=True)):
        group = result.row
        if result.outcome is not Outcome.CREATED or group is None or isinstance(item, tuple):
            continue
        for position, row in enumerate(_inline_rows(w, group, item.tags or ())):
            other, _ = places.setdefault((row.id, row.root_id), (index, position))
            if other == index:
                rows.append(row)
            else:
                detail = f"item {other} of this batch brings a tag with the same id"
                clashes[index] = Fault(Code.DUPLICATE_IN_BATCH, f"/tags/{position}/id", detail)
    stored = await w.tx.insert(TAGS.table, [msgspec.structs.astuple(row) for row in rows]) if rows else None
    for key, (index, position) in places.items():
        if stored is not None and key not in stored:
            clashes[index] = Fault(Code.ID_TAKEN, f"/tags/{position}/id", f"the id {key[0]} is taken")
    await _take_back(w, clashes, results)


def _inline_rows(w: Writing, group: TagGroupRow, tags: Sequence[InlineTag]) -> list[TagRow]:
    created_at, created_by, updated_at, updated_by, revision = w.stamps
    return [
        TagRow(
            tag.id or fresh, group.scope_id, group.id, tag.identifier, tag.label,
            created_by, created_at, updated_at, updated_by, revision, group.root_id,
        )
        for tag, fresh in zip(tags, new_ids(Namespace.TAG, len(tags)), strict=True)
    ]  # fmt: skip


async def _take_back(w: Writing, clashes: dict[int, Fault], results: list[Result[TagGroupRow]]) -> None:
    """Remove the groups, and what tags of theirs were stored, whose tags met another's id."""
    if not clashes:
        return
    gone = [row for index in clashes if (row := results[index].row) is not None]
    keys = [(row.id, row.root_id) for row in gone]
    for table, column in ((TAGS.table, "tag_group_id"), (TAG_GROUPS.table, "id")):
        await w.tx.execute(delete(table).where(in_keys(table, "keys", column, "root_id")), {"keys": keys})
    for index, fault in clashes.items():
        results[index] = failed(fault)


def allow(w: Writing, before: TagGroupRow | None, after: TagGroupRow | None) -> Fault | None:
    """Object to any change of a locked group but to its lock."""
    del w
    if before is None or not before.is_locked:
        return None
    if after is not None:
        unchanged = msgspec.structs.replace(
            after,
            is_locked=before.is_locked,
            updated_at=before.updated_at,
            updated_by=before.updated_by,
            revision=before.revision,
        )
        if unchanged == before:
            return None
    return Fault(Code.LOCKED, "/isLocked", f"the tag group {before.id} is locked")


TAG_GROUPS: Noun[TagGroupRow] = Noun(
    namespace=Namespace.TAG_GROUP,
    title="tag group",
    table=tables.tag_groups,
    row=TagGroupRow,
    prepare=prepare,
    after_create=create_inline_tags,
    allow=allow,
    unique=(
        UniqueKey(
            ("root_id", "scope_id", "key"), "/key", lambda row: f"the key {row.key!r} in scope {row.scope_id}"
        ),
    ),
    mutable=frozenset({"name", "description", "max_applied_per_target", "is_locked"}),
    required=frozenset({"name"}),
    cleared={"is_locked": False},
    shared=True,
    filters={"key": filters.equals(tables.tag_groups.c.key, "key")},
    attached=(
        Dependant("tag assignment", tables.tag_assignments, "tag_group_id"),
        Dependant("tag", tables.tags, "tag_group_id"),
    ),
)

BY_SCOPE = Edge(TAG_GROUPS, "scope_id")
