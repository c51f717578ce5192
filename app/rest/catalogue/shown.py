"""The objects as clients see them: camelCase, members in the order of the seeds' samples, unset ones left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import astuple

if TYPE_CHECKING:
    from db.nouns import Noun
    from db.tag_assignments import TagAssignmentRow

Text = str | UnsetType


class Shown(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """An object in an answer; its members are the first columns of its row, the etag aside."""


class Scope(Shown, frozen=True):
    """A scope in an answer."""

    id: str
    parent_scope_id: Text
    name: str
    external_id: Text
    meta: dict[str, Any] | UnsetType
    created_at: str
    created_by: str
    updated_at: Text
    updated_by: Text
    etag: Text = UNSET


class ResourceType(Shown, frozen=True):
    """A resource type in an answer."""

    id: str
    name: str
    key: str
    scope_id: str
    plural_key: Text
    description: Text
    category: Text
    schema: dict[str, Any] | bool | UnsetType
    external_id_field: Text
    display_name_path: Text
    schema_version: int | UnsetType
    created_at: str
    created_by: str
    updated_at: Text
    updated_by: Text
    etag: Text = UNSET


class Resource(Shown, frozen=True):
    """A resource in an answer."""

    id: str
    resource_type_id: str
    scope_id: str
    external_resource_id: str
    display_name: Text
    data: Any
    created_at: str
    created_by: str
    updated_at: Text
    updated_by: Text
    etag: Text = UNSET


class TagGroup(Shown, frozen=True):
    """A tag group in an answer."""

    id: str
    scope_id: str
    key: str
    name: str
    description: Text
    max_applied_per_target: int | UnsetType
    is_locked: bool
    created_at: str
    created_by: str
    updated_at: Text
    updated_by: Text
    etag: Text = UNSET


class Tag(Shown, frozen=True):
    """A tag in an answer."""

    id: str
    scope_id: str
    tag_group_id: str
    identifier: str
    label: str
    created_by: str
    created_at: str
    updated_at: Text
    updated_by: Text
    etag: Text = UNSET


class TagAssignment(Shown, frozen=True):
    """A tag assignment in an answer."""

    id: str
    tag_id: str
    resource_id: str
    scope_id: str
    applied_by: str
    applied_at: str
    created_at: str
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
