"""The objects as clients see them: camelCase, members in the order of the seeds' samples, unset ones left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import astuple

from db.shapes import (
    ResourceId,
    ResourceTypeId,
    ScopeId,
    TagAssignmentId,
    TagGroupId,
    TagId,
    Timestamp,
)

if TYPE_CHECKING:
    from db.nouns import Noun
    from db.tag_assignments import TagAssignmentRow

Text = str | UnsetType


class Shown(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """An object in an answer; its members are the first columns of its row, the etag aside."""


class Scope(Shown, frozen=True):
    """A scope in an answer."""

    id: ScopeId
    parent_scope_id: ScopeId | UnsetType
    name: str
    external_id: Text
    meta: dict[str, Any] | UnsetType
    created_at: Timestamp
    created_by: str
    updated_at: Timestamp | UnsetType
    updated_by: Text
    etag: Text = UNSET


class ResourceType(Shown, frozen=True):
    """A resource type in an answer."""

    id: ResourceTypeId
    name: str
    key: str
    scope_id: ScopeId
    plural_key: Text
    description: Text
    category: Text
    schema: dict[str, Any] | bool | UnsetType
    external_id_field: Text
    display_name_path: Text
    schema_version: int | UnsetType
    created_at: Timestamp
    created_by: str
    updated_at: Timestamp | UnsetType
    updated_by: Text
    etag: Text = UNSET


class Resource(Shown, frozen=True):
    """A resource in an answer."""

    id: ResourceId
    resource_type_id: ResourceTypeId
    scope_id: ScopeId
    external_resource_id: str
    display_name: Text
    data: Any | UnsetType
    created_at: Timestamp
    created_by: str
    updated_at: Timestamp | UnsetType
    updated_by: Text
    etag: Text = UNSET


class TagGroup(Shown, frozen=True):
    """A tag group in an answer."""

    id: TagGroupId
    scope_id: ScopeId
    key: str
    name: str
    description: Text
    max_applied_per_target: int | UnsetType
    is_locked: bool
    created_at: Timestamp
    created_by: str
    updated_at: Timestamp | UnsetType
    updated_by: Text
    etag: Text = UNSET


class Tag(Shown, frozen=True):
    """A tag in an answer."""

    id: TagId
    scope_id: ScopeId
    tag_group_id: TagGroupId
    identifier: str
    label: str
    created_by: str
    created_at: Timestamp
    updated_at: Timestamp | UnsetType
    updated_by: Text
    etag: Text = UNSET


class TagAssignment(Shown, frozen=True):
    """A tag assignment in an answer."""

    id: TagAssignmentId
    tag_id: TagId
    resource_id: ResourceId
    scope_id: ScopeId
    applied_by: str
    applied_at: Timestamp
    created_at: Timestamp
    created_by: str
    etag: Text = UNSET


S = TypeVar("S", bound=Shown)
Show = Callable[[Any, bool], Shown]


def etag(row: Any) -> str:
    """Return the strong entity tag of a row (RFC 9110 section 8.8.3)."""
    return f'"{row.revision}"'


def first_columns(shape: type[S], noun: Noun[Any]) -> Callable[[Any, bool], S]:
    """Return the function that shows a row as a shape; its flag asks for the etag too."""
    names = shape.__struct_fields__[:-1]
    assert noun.row.__struct_fields__[: len(names)] == names, (shape, noun.row)
    size = len(names)
    optional = [position for position, name in enumerate(names) if noun.table.columns[name].nullable]
    texts = frozenset(position for position in optional if names[position] in noun.json)

    def show(row: Any, with_etag: bool) -> S:
        values: list[Any] = list(astuple(row)[:size])
        for position in optional:
            if values[position] is None:
                values[position] = UNSET
            elif position in texts:
                values[position] = Raw(values[position])
        return shape(*values, etag(row)) if with_etag else shape(*values)

    return show


def tag_assignment(row: TagAssignmentRow, with_etag: bool) -> TagAssignment:
    """Show a tag assignment, which was applied when it was created."""
    return TagAssignment(
        row.id, row.tag_id, row.resource_id, row.scope_id, row.created_by, row.created_at,
        row.created_at, row.created_by, etag(row) if with_etag else UNSET,
    )  # fmt: skip
