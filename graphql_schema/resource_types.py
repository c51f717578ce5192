"""Resource types in GraphQL."""

from typing import Annotated

import strawberry
from strawberry import UNSET

from db import resource_types, resources
from db.ids import Namespace
from db.resource_types import RESOURCE_TYPES, NewResourceType, ResourceTypeChange, ResourceTypeRow
from db.scopes import SCOPES
from db.shapes import MAX_DATA_BYTES, Description, Key, Name
from graphql_schema.context import Info
from graphql_schema.fields import resolved_by, stored
from graphql_schema.inputs import (
    ID_OF_CHANGED,
    ID_OF_NEW,
    IF_MATCH,
    input_type,
    limits_of,
    optional,
    required,
)
from graphql_schema.lazy_types import LazyResource, LazyResourceType, LazyScope
from graphql_schema.mutations import creates, deletes, updates
from graphql_schema.nodes import Node, Stamped, found_by_id, to_one
from graphql_schema.pagination import After, Before, Connection, First, Last, Listing, page_of, to_many
from graphql_schema.results import ItemResult, Payload, results, shown_as
from graphql_schema.scalars import JSON
from graphql_schema.selections import Ids, InScope, WithDescendants, listing, selection

SCHEMA = (
    "A JSON Schema (draft 2020-12 unless it says otherwise) that the data of its resources must match, "
    f"up to {MAX_DATA_BYTES // 1024**2} MiB"
)
EXTERNAL_ID_FIELD = "The name of the field in the data that holds the external id of a resource"
DISPLAY_NAME_PATH = "Where in the data the display name is found: a singular query of JSONPath (RFC 9535)"


@strawberry.type(
    description="A kind of resources, usable in its scope and in all scopes below. "
    "Where two types have the same key, the one in the nearest scope is meant."
)
class ResourceType(Node, Stamped):
    row = ResourceTypeRow

    scope_id: strawberry.ID = stored("The id of the scope that defines the type.")
    key: str = stored("The key, unique in the scope, ignoring case.")
    name: str = stored("The name of one such resource, for people.")
    plural_key: str | None = stored("The key in the plural.")
    description: str | None = stored("What such resources are.")
    category: str | None = stored("A group of types, for people.")
    schema: JSON | None = stored(f"{SCHEMA}; `null` for data of any form.")
    external_id_field: str | None = stored(f"{EXTERNAL_ID_FIELD}.")
    display_name_path: str | None = stored(f"{DISPLAY_NAME_PATH}.")
    schema_version: int | None = stored(
        "How often the schema was set or changed, `null` if there never was one."
    )
    scope: LazyScope | None = to_one(
        SCOPES, "scope_id", "The scope that defines the type, `null` where it is out of reach."
    )
    resources: Connection[LazyResource] = to_many(
        resources.BY_RESOURCE_TYPE, "The resources of this type that are in reach."
    )
    references: Connection[LazyResourceType] = to_many(
        resource_types.REFERENCES, "The types that its schema refers to."
    )
    referenced_by: Connection[LazyResourceType] = to_many(
        resource_types.REFERENCED_BY, "The types, of those that are readable, whose schemas refer to it."
    )


@input_type(description="A resource type to create.")
class CreateResourceTypeInput:
    id: strawberry.ID | None = optional(ID_OF_NEW.format(Namespace.RESOURCE_TYPE))
    scope_id: strawberry.ID = required("The scope that defines the type.")
    key: str = required(f"The key, unique in the scope, ignoring case: {limits_of(Key)}.")
    name: str = required(f"The name of one such resource, for people: {limits_of(Name)}.")
    plural_key: str | None = optional(f"The key in the plural: {limits_of(Key)}.")
    description: str | None = optional(f"What such resources are: {limits_of(Description)}.")
    category: str | None = optional(f"A group of types, for people: {limits_of(Name)}.")
    schema: JSON | None = optional(f"{SCHEMA}.")
    external_id_field: str | None = optional(f"{EXTERNAL_ID_FIELD}: {limits_of(Name)}.")
    display_name_path: str | None = optional(f"{DISPLAY_NAME_PATH}: {limits_of(Name)}.")


@input_type(description="A change of a resource type: what is left out stays, `null` clears.")
class UpdateResourceTypeInput:
    id: strawberry.ID = required(ID_OF_CHANGED)
    if_match: str | None = optional(IF_MATCH)
    name: str | None = optional(
        f"The name of one such resource, for people: {limits_of(Name)}. It can't be cleared."
    )
    plural_key: str | None = optional(f"The key in the plural: {limits_of(Key)}.")
    description: str | None = optional(f"What such resources are: {limits_of(Description)}.")
    category: str | None = optional(f"A group of types, for people: {limits_of(Name)}.")
    schema: JSON | None = optional(f"{SCHEMA}. It replaces the present one.")
    external_id_field: str | None = optional(f"{EXTERNAL_ID_FIELD}: {limits_of(Name)}.")
    display_name_path: str | None = optional(f"{DISPLAY_NAME_PATH}: {limits_of(Name)}.")


@strawberry.type(description="What became of one resource type to create.")
class CreateResourceTypeResult(ItemResult):
    row: LazyResourceType | None = shown_as(
        "resourceType", "The type as it is now, `null` if the item failed."
    )


@strawberry.type(description="What became of the resource types to create.")
class CreateResourceTypesPayload(Payload):
    results: list[CreateResourceTypeResult] = results()


@strawberry.type(description="What became of one change of a resource type.")
class UpdateResourceTypeResult(ItemResult):
    row: LazyResourceType | None = shown_as(
        "resourceType", "The type as it is now, `null` if the item failed."
    )


@strawberry.type(description="What became of the changes of resource types.")
class UpdateResourceTypesPayload(Payload):
    results: list[UpdateResourceTypeResult] = results()


@strawberry.type(description="What became of one resource type to delete.")
class DeleteResourceTypeResult(ItemResult):
    row: LazyResourceType | None = shown_as(
        "resourceType", "The type as it last was, `null` if the item failed."
    )


@strawberry.type(description="What became of the resource types to delete.")
class DeleteResourceTypesPayload(Payload):
    results: list[DeleteResourceTypeResult] = results()


def list_resource_types(
    info: Info,
    *,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
    scope_id: InScope = UNSET,
    with_descendants: WithDescendants = False,
    ids: Ids = UNSET,
    key: Annotated[
        str | None, strawberry.argument(description="Only types with this key, ignoring case.")
    ] = UNSET,
    category: Annotated[
        str | None, strawberry.argument(description="Only types of exactly this category.")
    ] = UNSET,
) -> Listing:
    page = page_of(first, after, last, before)
    selected = selection(scope_id, with_descendants, ids, {"key": key, "category": category})
    return listing(info, RESOURCE_TYPES, selected, page)


@strawberry.type
class ResourceTypeQueries:
    resource_type: ResourceType | None = found_by_id(
        RESOURCE_TYPES, "A resource type by its id, `null` if none is readable."
    )

    resource_types: Connection[LazyResourceType] = resolved_by(
        list_resource_types,
        "The resource types in reach, and those of the scopes above, which may be used too.",
    )


@strawberry.type
class ResourceTypeMutations:
    create_resource_types: CreateResourceTypesPayload | None = creates(
        RESOURCE_TYPES, NewResourceType, CreateResourceTypeInput, "Create resource types."
    )
    update_resource_types: UpdateResourceTypesPayload | None = updates(
        RESOURCE_TYPES,
        ResourceTypeChange,
        UpdateResourceTypeInput,
        "Change resource types, in the order of the items.",
    )
    delete_resource_types: DeleteResourceTypesPayload | None = deletes(
        RESOURCE_TYPES, "Delete resource types. One that still has resources fails."
    )
