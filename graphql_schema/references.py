"""References between resources in GraphQL: values of the `$ref` fields of their types' schemas."""

import strawberry

from db.resource_types import RESOURCE_TYPES
from db.resources import RESOURCES
from graphql_schema.fields import stored
from graphql_schema.lazy_types import LazyResource, LazyResourceType
from graphql_schema.nodes import to_one


@strawberry.type(
    description="That the data of one resource refers to another: by a field that the schema of its type declares "
    "with a `$ref` to a resource type. Both are in the same scope."
)
class Reference:
    path: str = stored("Where in the source's data the reference is: a JSON pointer (RFC 6901).")
    source_id: strawberry.ID = stored("The id of the resource that refers.")
    source: LazyResource | None = to_one(RESOURCES, "source_id", "The resource that refers.")
    target_id: strawberry.ID = stored("The id of the resource that is referred to.")
    target: LazyResource | None = to_one(RESOURCES, "target_id", "The resource that is referred to.")
    target_type_id: strawberry.ID = stored("The id of the target's type.")
    target_type: LazyResourceType | None = to_one(RESOURCE_TYPES, "target_type_id", "The target's type.")
    target_external_id: str = stored("The external id of the target, which is what the data has.")
