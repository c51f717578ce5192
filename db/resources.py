"""Resources: the objects of the catalogue, each of a type, in a scope, known outside by an external id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from db import filters, references, tables
from db.data_rules import resources as data_rules
from db.definitions import external_id_of
from db.errors import Code, Fault
from db.ids import Namespace
from db.nouns import Dependant, Noun, UniqueKey
from db.reads import Edge
from db.references import Found
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
    from collections.abc import Iterable, Mapping, Sequence

    from db.nouns import Changes
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
    external_resource_id: ExternalId | None = None
    """Needed unless the type's external id field in `data` supplies it."""
    display_name: Name | None = None
    data: Any = None

    @classmethod
    def missing(cls, value: Mapping[str, Any]) -> Iterable[str]:
        """Name the external id where there is no data that could supply it."""
        there = value.get("externalResourceId") is not None or isinstance(value.get("data"), dict)
        return () if there else ("externalResourceId",)


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
    """Find each resource's scope and type, and what its data refers to: a look-up each for the whole batch."""
    good = [item for item in items if not isinstance(item, tuple)]
    scopes = await references.scopes_by_id(w, {item.scope_id for item in good})
    types = await references.resource_types_by_id(w, {item.resource_type_id for item in good})
    await data_rules.know_types(w, types)
    ids = ids_for(RESOURCES, items)
    stamps = w.stamps
    # Most items of a batch share a few pairs of scope and type: each pair is judged once.
    judged: dict[tuple[str, str], Found | tuple[Fault, ...]] = {}
    rows: list[ResourceRow | tuple[Fault, ...]] = []
    for item in items:
        if isinstance(item, tuple):
            rows.append(item)
            continue
        resource_id = item.id or next(ids)
        pair = (item.scope_id, item.resource_type_id)
        type_ = judged.get(pair)
        if type_ is None:
            type_ = judged[pair] = _type_of(scopes, types, *pair)
        data = None if item.data is None else encode_json(item.data, "data", MAX_DATA_BYTES)
        if not isinstance(type_, Found) or isinstance(data, Fault):
            faults = () if isinstance(type_, Found) else type_
            rows.append((*faults, data) if isinstance(data, Fault) else faults)
            continue
        external_id = item.external_resource_id or _external_id(w, item, type_)
        if isinstance(external_id, Fault):
            rows.append((external_id,))
            continue
        rows.append(
            ResourceRow(
                resource_id,
                item.resource_type_id,
                item.scope_id,
                external_id,
                item.display_name,
                data,
                *stamps,
                type_.root_id,
            )
        )
    await data_rules.foresee(
        w,
        (
            (row, item.data)
            for item, row in zip(items, rows, strict=True)
            if not isinstance(row, tuple) and not isinstance(item, tuple)
        ),
        creating=True,
    )
    return rows


def _type_of(
    scopes: references.Known, types: references.Known, scope_id: str, type_id: str
) -> Found | tuple[Fault, ...]:
    scope = references.pick(scopes, scope_id, "scopeId", "scope")
    if isinstance(scope, Fault):
        return (scope,)
    found = references.pick(types, type_id, "resourceTypeId", "resource type", above=scope)
    return (found,) if isinstance(found, Fault) else found


def _external_id(w: Writing, item: NewResource, type_: Found) -> str | Fault:
    """Take an external id from the data, where the type says in which field it is."""
    definition = data_rules.definition_of(w, type_)
    field = definition.external_id_field if definition else None
    if field is None or not isinstance(item.data, dict) or item.data.get(field) is None:
        return Fault(Code.MISSING_FIELD, "/externalResourceId", "externalResourceId is required")
    return external_id_of(item.data, field)


async def before_change(w: Writing, rows: Sequence[ResourceRow], changes: Changes) -> None:
    """Look up what the types of resources demand of their new data, and what that refers to."""
    data = [(row_id, values["data"]) for row_id, values in changes if "data" in values]
    by_id: dict[str, list[ResourceRow]] = {row_id: [] for row_id, _ in data}
    for row in rows:
        if row.id in by_id:
            by_id[row.id].append(row)
    if not any(by_id.values()):
        return
    types = {row.resource_type_id for same in by_id.values() for row in same}
    await data_rules.know_types(w, await references.resource_types_by_id(w, types))
    await data_rules.foresee(
        w, ((row, value) for row_id, value in data for row in by_id[row_id]), creating=False
    )


RESOURCES: Noun[ResourceRow] = Noun(
    namespace=Namespace.RESOURCE,
    title="resource",
    table=tables.resources,
    row=ResourceRow,
    prepare=prepare,
    before_change=before_change,
    before_merge=data_rules.before_merge,
    finish=data_rules.finish,
    relies_in_vain=data_rules.relies_in_vain,
    after_store=data_rules.after_store,
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
    dependants=(Dependant("resource", tables.resource_references, "target_id", user="source_id", own=True),),
    attached=(
        Dependant("tag assignment", tables.tag_assignments, "resource_id"),
        Dependant("reference", tables.resource_references, "source_id"),
    ),
)

BY_SCOPE = Edge(RESOURCES, "scope_id")
BY_RESOURCE_TYPE = Edge(RESOURCES, "resource_type_id")
BY_TAG = Edge(RESOURCES, "tag_id", link="resource_id")
