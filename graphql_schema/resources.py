"""Resources in GraphQL."""

import strawberry

from db import resource_references, tag_assignments, tags
from db.ids import Namespace
from db.resource_types import RESOURCE_TYPES
from db.resources import RESOURCES, NewResource, ResourceChange, ResourceRow
from db.scopes import SCOPES
from db.shapes import MAX_DATA_BYTES, ExternalId, Name
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
from graphql_schema.lazy_types import (
    LazyReference,
    LazyResource,
    LazyResourceType,
    LazyScope,
    LazyTag,
    LazyTagAssignment,
)
from graphql_schema.mutations import creates, deletes, updates
from graphql_schema.nodes import Node, Stamped, found_by_id, to_one
from graphql_schema.pagination import Connection, to_many
from graphql_schema.resource_lists import list_resources
from graphql_schema.results import ItemResult, Payload, results, shown_as
from graphql_schema.scalars import JSON

MAX_DATA = f"up to {MAX_DATA_BYTES // 1024**2} MiB of JSON"


@strawberry.type(
    description="An object of the catalogue: of a type, in a scope, and known to another system by an external id."
)
class Resource(Node, Stamped):
    row = ResourceRow

    scope_id: strawberry.ID = stored("The id of the scope that the resource is in.")
    resource_type_id: strawberry.ID = stored("The id of its type.")
    external_resource_id: str = stored(
        "What another system calls the resource; unique for its type in its scope."
    )
    display_name: str | None = stored("The name, for people.")
    data: JSON | None = stored("The resource's own data, of the form that the schema of its type asks for.")
    scope: LazyScope | None = to_one(SCOPES, "scope_id", "The scope that the resource is in.")
    resource_type: LazyResourceType | None = to_one(RESOURCE_TYPES, "resource_type_id", "Its type.")
    tags: Connection[LazyTag] = to_many(tags.BY_RESOURCE, "The tags that the resource carries.")
    assignments: Connection[LazyTagAssignment] = to_many(
        tag_assignments.BY_RESOURCE, "Its tags with when and by whom they were applied."
    )
    references: Connection[LazyReference] = to_many(
        resource_references.BY_SOURCE, "What its data refers to, in the order of the paths."
    )
    referenced_by: Connection[LazyReference] = to_many(
        resource_references.BY_TARGET, "Where the data of resources refers to it."
    )


@input_type(description="A resource to create.")
class CreateResourceInput:
    id: strawberry.ID | None = optional(ID_OF_NEW.format(Namespace.RESOURCE))
    scope_id: strawberry.ID = required("The scope that the resource is to be in.")
    resource_type_id: strawberry.ID = required("Its type, defined in that scope or above it.")
    external_resource_id: str | None = optional(
        f"What another system calls the resource: {limits_of(ExternalId)}, unique for its type in its scope. "
        "It may be left out where the `externalIdField` of the type names the field of `data` that has it."
    )
    display_name: str | None = optional(f"The name, for people: {limits_of(Name)}.")
    data: JSON | None = optional(f"The resource's own data: {MAX_DATA}.")


@input_type(description="A change of a resource: what is left out stays, `null` clears.")
class UpdateResourceInput:
    id: strawberry.ID = required(ID_OF_CHANGED)
    if_match: str | None = optional(IF_MATCH)
    display_name: str | None = optional(f"The name, for people: {limits_of(Name)}.")
    data: JSON | None = optional(
        f"A merge patch (RFC 7396) of the resource's own data, which may have {MAX_DATA}."
    )


@strawberry.type(description="What became of one resource to create.")
class CreateResourceResult(ItemResult):
    row: LazyResource | None = shown_as("resource", "The resource as it is now, `null` if the item failed.")


@strawberry.type(description="What became of the resources to create.")
class CreateResourcesPayload(Payload):
    results: list[CreateResourceResult] = results()


@strawberry.type(description="What became of one change of a resource.")
class UpdateResourceResult(ItemResult):
    row: LazyResource | None = shown_as("resource", "The resource as it is now, `null` if the item failed.")


@strawberry.type(description="What became of the changes of resources.")
class UpdateResourcesPayload(Payload):
    results: list[UpdateResourceResult] = results()


@strawberry.type(description="What became of one resource to delete.")
class DeleteResourceResult(ItemResult):
    row: LazyResource | None = shown_as("resource", "The resource as it last was, `null` if the item failed.")


@strawberry.type(description="What became of the resources to delete.")
class DeleteResourcesPayload(Payload):
    results: list[DeleteResourceResult] = results()


@strawberry.type
class ResourceQueries:
    resource: Resource | None = found_by_id(RESOURCES, "A resource by its id, `null` if none is in reach.")

    resources: Connection[LazyResource] = resolved_by(list_resources, "The resources in reach.")


@strawberry.type
class ResourceMutations:
    create_resources: CreateResourcesPayload | None = creates(
        RESOURCES, NewResource, CreateResourceInput, "Create resources."
    )
    update_resources: UpdateResourcesPayload | None = updates(
        RESOURCES, ResourceChange, UpdateResourceInput, "Change resources, in the order of the items."
    )
    delete_resources: DeleteResourcesPayload | None = deletes(
        RESOURCES, "Delete resources, and their tag assignments with them."
    )
