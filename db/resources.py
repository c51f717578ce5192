"""Resources: the objects of the catalogue, each of a type, in a scope, known outside by an external id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from db import filters, references, tables
from db.errors import Fault
from db.ids import Namespace
from db.nouns import Dependant, Noun, UniqueKey
from db.reads import Edge
from db.shapes import (
    MAX_DATA_BYTES,
    Change,
    ExternalId,
    Name,
    NewItem,
    Reference,
    ResourceId,
    encode_json,
)
from db.writes import ids_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.shapes import Item
    from db.writes import Writing


class ResourceRow(msgspec.Struct, frozen=True, gc=False):
    """A stored resource."""

    id: str
    resource_type_id: str
    scope_id: str
    external_resource_id: str
    display_name: str | None
    data: str | None
    created_at: str
    created_by: str
    updated_at: str | None
    updated_by: str | None
    revision: str
    root_id: str


class NewResource(NewItem, frozen=True, kw_only=True):
    """A resource asked for."""

    id: ResourceId | None = None
    resource_type_id: Reference
    scope_id: Reference
    external_resource_id: ExternalId
    display_name: Name | None = None
    data: Any = None


class ResourceChange(Change, frozen=True):
    """A change of a resource."""

    id: str | UnsetType = UNSET
    resource_type_id: str | UnsetType = UNSET
    scope_id: str | UnsetType = UNSET
    external_resource_id: str | UnsetType = UNSET
    display_name: Name | UnsetType | None = UNSET
    data: Any = UNSET
    created_at: str | UnsetType = UNSET
    created_by: str | UnsetType = UNSET
    updated_at: str | UnsetType | None = UNSET
    updated_by: str | UnsetType | None = UNSET


async def prepare(w: Writing, items: Sequence[Item[NewResource]]) -> list[ResourceRow | tuple[Fault, ...]]:
    """Find each resource's scope and type: two look-ups for the whole batch."""
    good = [item for item in items if not isinstance(item, tuple)]
    scopes = await references.scopes_by_id(w, {item.scope_id for item in good})
    types = await references.resource_types_by_id(w, {item.resource_type_id for item in good})
    ids = ids_for(RESOURCES, items)
    stamps = w.stamps
    # Most items of a batch share a few pairs of scope and type: each pair is judged once.
    judged: dict[tuple[str, str], str | tuple[Fault, ...]] = {}
    rows: list[ResourceRow | tuple[Fault, ...]] = []
    for item in items:
        if isinstance(item, tuple):
            rows.append(item)
            continue
        resource_id = item.id or next(ids)
        pair = (item.scope_id, item.resource_type_id)
        root = judged.get(pair)
        if root is None:
            root = judged[pair] = _root_of(scopes, types, *pair)
        data = None if item.data is None else encode_json(item.data, "data", MAX_DATA_BYTES)
        if isinstance(root, tuple) or isinstance(data, Fault):
            faults = root if isinstance(root, tuple) else ()
            rows.append((*faults, data) if isinstance(data, Fault) else faults)
            continue
        rows.append(
            ResourceRow(
                resource_id,
                item.resource_type_id,
                item.scope_id,
                item.external_resource_id,
                item.display_name,
                data,
                *stamps,
                root,
            )
        )
    return rows


def _root_of(
    scopes: references.Known, types: references.Known, scope_id: str, type_id: str
) -> str | tuple[Fault, ...]:
    scope = references.pick(scopes, scope_id, "scopeId", "scope")
    if isinstance(scope, Fault):
        return (scope,)
    found = references.pick(types, type_id, "resourceTypeId", "resource type", above=scope)
    return (found,) if isinstance(found, Fault) else scope.root_id


RESOURCES: Noun[ResourceRow] = Noun(
    namespace=Namespace.RESOURCE,
    title="resource",
    table=tables.resources,
    row=ResourceRow,
    prepare=prepare,
    unique=(
        UniqueKey(
            ("root_id", "scope_id", "resource_type_id", "external_resource_id"),
            "/externalResourceId",
            lambda row: f"the externalResourceId {row.external_resource_id!r}, this type and this scope",
        ),
    ),
    mutable=frozenset({"display_name", "data"}),
    json={"data": MAX_DATA_BYTES},
    merged=frozenset({"data"}),
    filters={
        "resourceTypeId": filters.equals(tables.resources.c.resource_type_id, "resource_type_id"),
        "externalResourceId": filters.equals(
            tables.resources.c.external_resource_id, "external_resource_id", scattered=True
        ),
        "displayNamePrefix": filters.name_prefix(tables.resources, "display_name"),
        "tagId": filters.tagged("tag_id"),
        "updatedSince": filters.changed_since(tables.resources, "updated_since"),
    },
    searches={
        "tagsAny": filters.tagged_with_any("tags_any"),
        "tagsAll": filters.tagged_with_all("tags_all"),
        "tagsNone": filters.tagged_with_none("tags_none"),
        "displayNameContains": filters.contains(tables.resources.c.display_name, "display_name_contains"),
        "createdSince": filters.created_since(tables.resources, "created_since"),
        "createdBefore": filters.created_before(tables.resources, "created_before"),
        "updatedBefore": filters.changed_before(tables.resources, "updated_before"),
    },
    attached=(Dependant("tag assignment", tables.tag_assignments, "resource_id"),),
)

BY_SCOPE = Edge(RESOURCES, "scope_id")
BY_RESOURCE_TYPE = Edge(RESOURCES, "resource_type_id")
BY_TAG = Edge(RESOURCES, "tag_id", link="resource_id")
