"""The types of the nouns by name: they refer to each other in circles, so that no module can import them all."""

from typing import TYPE_CHECKING, Annotated

import strawberry

if TYPE_CHECKING:
    from graphql_schema.batches import Batch
    from graphql_schema.references import Reference
    from graphql_schema.resource_types import ResourceType
    from graphql_schema.resources import Resource
    from graphql_schema.scopes import Scope
    from graphql_schema.tag_assignments import TagAssignment
    from graphql_schema.tag_groups import TagGroup
    from graphql_schema.tags import Tag

LazyScope = Annotated["Scope", strawberry.lazy("graphql_schema.scopes")]
LazyResourceType = Annotated["ResourceType", strawberry.lazy("graphql_schema.resource_types")]
LazyResource = Annotated["Resource", strawberry.lazy("graphql_schema.resources")]
LazyTagGroup = Annotated["TagGroup", strawberry.lazy("graphql_schema.tag_groups")]
LazyTag = Annotated["Tag", strawberry.lazy("graphql_schema.tags")]
LazyTagAssignment = Annotated["TagAssignment", strawberry.lazy("graphql_schema.tag_assignments")]
LazyReference = Annotated["Reference", strawberry.lazy("graphql_schema.references")]
LazyBatch = Annotated["Batch", strawberry.lazy("graphql_schema.batches")]
