"""Tags: what resources can be marked with, each in a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

from db import filters, references, tables
from db.errors import Code, Fault
from db.ids import Namespace
from db.nouns import Dependant, Noun, UniqueKey
from db.reads import Edge
from db.shapes import Change, Identifier, Name, NewItem, Reference, TagId
from db.writes import ids_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.nouns import Changes
    from db.references import Known
    from db.shapes import Item
    from db.writes import Writing

LOCKED_GROUPS = "locked tag groups"


class TagRow(msgspec.Struct, frozen=True, gc=False):
    """A stored tag."""

    id: str
    scope_id: str
    tag_group_id: str
    identifier: str
    label: str
    created_by: str
    created_at: str
    updated_at: str | None
    updated_by: str | None
    revision: str
    root_id: str


class NewTag(NewItem, frozen=True, kw_only=True):
    """A tag asked for."""

    id: TagId | None = None
    scope_id: Reference
    tag_group_id: Reference
    identifier: Identifier
    label: Name


class TagChange(Change, frozen=True):
    """A change of a tag."""

    id: str | UnsetType = UNSET
    scope_id: str | UnsetType = UNSET
    tag_group_id: str | UnsetType = UNSET
    identifier: str | UnsetType = UNSET
    label: Name | UnsetType | None = UNSET
    created_by: str | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    updated_at: str | UnsetType | None = UNSET
    updated_by: str | UnsetType | None = UNSET


async def prepare(w: Writing, items: Sequence[Item[NewTag]]) -> list[TagRow | tuple[Fault, ...]]:
    """Find each tag's scope, and its group in that scope or above."""
    good = [item for item in items if not isinstance(item, tuple)]
    scopes = await references.scopes_by_id(w, {item.scope_id for item in good})
    groups = await references.tag_groups_by_id(w, {item.tag_group_id for item in good})
    note_locked(w, groups)
    ids = ids_for(TAGS, items)
    return [
        item if isinstance(item, tuple) else _row(w, item, item.id or next(ids), scopes, groups)
        for item in items
    ]


def _row(w: Writing, item: NewTag, tag_id: str, scopes: Known, groups: Known) -> TagRow | tuple[Fault, ...]:
    faults: list[Fault] = []
    if unprintable := identifier_fault(item.identifier):
        faults.append(unprintable)
    scope = references.pick(scopes, item.scope_id, "scopeId", "scope")
    if isinstance(scope, Fault):
        return (*faults, scope)
    group = references.pick(groups, item.tag_group_id, "tagGroupId", "tag group", above=scope)
    if isinstance(group, Fault):
        return (*faults, group)
    if faults:
        return tuple(faults)
    created_at, created_by, updated_at, updated_by, revision = w.stamps
    return TagRow(
        tag_id, item.scope_id, item.tag_group_id, item.identifier, item.label,
        created_by, created_at, updated_at, updated_by, revision, scope.root_id,
    )  # fmt: skip


def identifier_fault(identifier: str) -> Fault | None:
    """Object to an identifier with unprintable characters."""
    if identifier.isprintable():
        return None
    return Fault(Code.INVALID_VALUE, "/identifier", "identifier must be 1 to 256 printable characters")


def note_locked(w: Writing, groups: Known) -> None:
    """Remember which groups are locked, for `allow`."""
    locked = w.facts.setdefault(LOCKED_GROUPS, set())
    locked.update((group.id, group.root_id) for found in groups.values() for group in found if group.facts[0])


async def before_change(w: Writing, rows: Sequence[TagRow], changes: Changes) -> None:
    """Look up the groups of tags to be changed."""
    del changes
    note_locked(w, await references.tag_groups_by_id(w, {row.tag_group_id for row in rows}))


def allow(w: Writing, before: TagRow | None, after: TagRow | None) -> Fault | None:
    """Object to any change of a tag whose group is locked."""
    row = before or after
    assert row is not None, "a change has a row before or after it"
    if (row.tag_group_id, row.root_id) not in w.facts.get(LOCKED_GROUPS, ()):
        return None
    return Fault(Code.LOCKED, "/tagGroupId", f"the tag group {row.tag_group_id} is locked")


TAGS: Noun[TagRow] = Noun(
    namespace=Namespace.TAG,
    title="tag",
    table=tables.tags,
    row=TagRow,
    prepare=prepare,
    before_change=before_change,
    allow=allow,
    unique=(
        UniqueKey(
            ("root_id", "tag_group_id", "identifier"),
            "/identifier",
            lambda row: f"the identifier {row.identifier!r} in group {row.tag_group_id}",
        ),
    ),
    mutable=frozenset({"label"}),
    required=frozenset({"label"}),
    shared=True,
    filters={
        "tagGroupId": filters.equals(tables.tags.c.tag_group_id, "tag_group_id"),
        "identifier": filters.equals(tables.tags.c.identifier, "identifier"),
    },
    attached=(Dependant("tag assignment", tables.tag_assignments, "tag_id"),),
)

BY_SCOPE = Edge(TAGS, "scope_id")
BY_TAG_GROUP = Edge(TAGS, "tag_group_id")
BY_RESOURCE = Edge(TAGS, "resource_id", link="tag_id", scattered=True)
