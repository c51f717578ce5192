"""Resource types: what kinds of resources a scope and those below it may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from db import filters, references, tables
from db.data_rules import types as type_rules
from db.errors import Fault
from db.ids import Namespace
from db.nouns import Dependant, Noun, UniqueKey
from db.reads import Edge
from db.shapes import (
    MAX_DATA_BYTES,
    Change,
    Description,
    Key,
    Name,
    NewItem,
    Reference,
    ResourceTypeId,
    encode_json,
)
from db.writes import ids_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.nouns import Changes
    from db.shapes import Item
    from db.writes import Writing


class ResourceTypeRow(msgspec.Struct, frozen=True, gc=False):
    """A stored resource type."""

    id: str
    name: str
    key: str
    scope_id: str
    plural_key: str | None
    description: str | None
    category: str | None
    schema: str | None
    external_id_field: str | None
    display_name_path: str | None
    schema_version: int | None
    created_at: str
    created_by: str
    updated_at: str | None
    updated_by: str | None
    revision: str
    root_id: str
    key_folded: str
    is_target: bool
    reference_targets: str | None


class NewResourceType(NewItem, frozen=True, kw_only=True):
    """A resource type asked for."""

    id: ResourceTypeId | None = None
    name: Name
    key: Key
    scope_id: Reference
    plural_key: Key | None = None
    description: Description | None = None
    category: Name | None = None
    schema: dict[str, Any] | bool | None = None
    external_id_field: Name | None = None
    display_name_path: Name | None = None


class ResourceTypeChange(Change, frozen=True):
    """A change of a resource type."""

    id: str | UnsetType = UNSET
    name: Name | UnsetType | None = UNSET
    key: str | UnsetType = UNSET
    scope_id: str | UnsetType = UNSET
    plural_key: Key | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    category: Name | UnsetType | None = UNSET
    schema: dict[str, Any] | bool | UnsetType | None = UNSET
    external_id_field: Name | UnsetType | None = UNSET
    display_name_path: Name | UnsetType | None = UNSET
    schema_version: int | UnsetType | None = UNSET
    created_at: str | UnsetType = UNSET
    created_by: str | UnsetType = UNSET
    updated_at: str | UnsetType | None = UNSET
    updated_by: str | UnsetType | None = UNSET


async def prepare(
    w: Writing, items: Sequence[Item[NewResourceType]]
) -> list[ResourceTypeRow | tuple[Fault, ...]]:
    """Find each type's scope."""
    known = await references.scopes_by_id(w, {item.scope_id for item in items if not isinstance(item, tuple)})
    await type_rules.foresee(w, (item.schema for item in items if not isinstance(item, tuple)))
    ids = ids_for(RESOURCE_TYPES, items)
    created_at, created_by, updated_at, updated_by, revision = w.stamps
    rows: list[ResourceTypeRow | tuple[Fault, ...]] = []
    for item in items:
        if isinstance(item, tuple):
            rows.append(item)
            continue
        type_id = item.id or next(ids)
        scope = references.pick(known, item.scope_id, "scopeId", "scope")
        schema = None if item.schema is None else encode_json(item.schema, "schema", MAX_DATA_BYTES)
        if isinstance(scope, Fault) or isinstance(schema, Fault):
            rows.append(tuple(fault for fault in (scope, schema) if isinstance(fault, Fault)))
            continue
        rows.append(
            row := ResourceTypeRow(
                type_id,
                item.name,
                item.key,
                item.scope_id,
                item.plural_key,
                item.description,
                item.category,
                schema,
                item.external_id_field,
                item.display_name_path,
                None if schema is None else 1,
                created_at,
                created_by,
                updated_at,
                updated_by,
                revision,
                scope.root_id,
                item.key.casefold(),
                False,
                None,
            )
        )
        type_rules.plan(w, row, scope.path)
    return rows


async def before_change(w: Writing, rows: Sequence[ResourceTypeRow], changes: Changes) -> None:
    """Look up what changed schemas refer to."""
    schemas = [schema for _, values in changes if (schema := values.get("schema")) is not None]
    if schemas:
        await type_rules.foresee_change(w, rows, schemas)


def settle(before: ResourceTypeRow, after: ResourceTypeRow) -> ResourceTypeRow:
    """Count the versions of a schema: one more with each change of it."""
    if before.schema == after.schema:
        return after
    return msgspec.structs.replace(after, schema_version=(before.schema_version or 0) + 1)


RESOURCE_TYPES: Noun[ResourceTypeRow] = Noun(
    namespace=Namespace.RESOURCE_TYPE,
    title="resource type",
    table=tables.resource_types,
    row=ResourceTypeRow,
    prepare=prepare,
    before_change=before_change,
    finish=type_rules.finish,
    relies_in_vain=type_rules.relies_in_vain,
    after_store=type_rules.after_store,
    settle=settle,
    unique=(
        UniqueKey(
            ("root_id", "scope_id", "key_folded"),
            "/key",
            lambda row: f"the key {row.key!r} in scope {row.scope_id}",
        ),
    ),
    mutable=frozenset(
        {
            "name",
            "plural_key",
            "description",
            "category",
            "schema",
            "external_id_field",
            "display_name_path",
        }
    ),
    derived=frozenset({"schema_version", "reference_targets"}),
    required=frozenset({"name"}),
    json={"schema": MAX_DATA_BYTES},
    shared=True,
    filters={
        "key": filters.folded(tables.resource_types.c.key_folded, "key"),
        "category": filters.equals(tables.resource_types.c.category, "category"),
    },
    dependants=(
        Dependant("resource", tables.resources, "resource_type_id"),
        Dependant("waiting record", tables.waiting_records, "resource_type_id"),
        # What was promised to be stored needs its type.
        Dependant(
            "queued upload", tables.batches, "resource_type_id", where=tables.batches.c.status == "queued"
        ),
        Dependant(
            "referring type", tables.type_references, "target_type_id", user="resource_type_id", own=True
        ),
    ),
    attached=(Dependant("reference", tables.type_references, "resource_type_id"),),
)

BY_SCOPE = Edge(RESOURCE_TYPES, "scope_id")
REFERENCES = Edge(RESOURCE_TYPES, "resource_type_id", link="target_type_id", links=tables.type_references)
REFERENCED_BY = Edge(
    RESOURCE_TYPES, "target_type_id", link="resource_type_id", links=tables.type_references, scattered=True
)
