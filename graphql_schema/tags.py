"""Tags in GraphQL."""

from typing import Annotated

import strawberry
from strawberry import UNSET

from db import resources, tag_assignments
from db.ids import Namespace
from db.scopes import SCOPES
from db.shapes import Identifier, Name
from db.tag_groups import TAG_GROUPS
from db.tags import TAGS, NewTag, TagChange, TagRow
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
from graphql_schema.lazy_types import LazyResource, LazyScope, LazyTag, LazyTagAssignment, LazyTagGroup
from graphql_schema.mutations import creates, deletes, updates
from graphql_schema.nodes import Node, Stamped, found_by_id, to_one
from graphql_schema.pagination import After, Before, Connection, First, Last, Listing, page_of, to_many
from graphql_schema.results import ItemResult, Payload, results, shown_as
from graphql_schema.selections import Ids, InScope, WithDescendants, listing, selection


@strawberry.type(
    description="What resources can be marked with, usable in the tag's scope and in all scopes below."
)
class Tag(Node, Stamped):
    row = TagRow

    scope_id: strawberry.ID = stored("The id of the tag's scope: its group's, or one below that.")
    tag_group_id: strawberry.ID = stored("The id of its group.")
    identifier: str = stored("The identifier, unique in the group.")
    label: str = stored("The label, for people.")
    scope: LazyScope | None = to_one(SCOPES, "scope_id", "The tag's scope, `null` where it is out of reach.")
    tag_group: LazyTagGroup | None = to_one(TAG_GROUPS, "tag_group_id", "Its group.")
    resources: Connection[LazyResource] = to_many(
        resources.BY_TAG, "The resources in reach that carry the tag."
    )
    assignments: Connection[LazyTagAssignment] = to_many(
        tag_assignments.BY_TAG, "Its resources in reach, with when and by whom the tag was applied."
    )


@input_type(description="A tag to create.")
class CreateTagInput:
    id: strawberry.ID | None = optional(ID_OF_NEW.format(Namespace.TAG))
    scope_id: strawberry.ID = required("The tag's scope: its group's, or one below that.")
    tag_group_id: strawberry.ID = required("Its group.")
    identifier: str = required(f"The identifier, unique in the group: {limits_of(Identifier)}.")
    label: str = required(f"The label, for people: {limits_of(Name)}.")


@input_type(description="A change of a tag: what is left out stays.")
class UpdateTagInput:
    id: strawberry.ID = required(ID_OF_CHANGED)
    if_match: str | None = optional(IF_MATCH)
    label: str | None = optional(f"The label, for people: {limits_of(Name)}. It can't be cleared.")


@strawberry.type(description="What became of one tag to create.")
class CreateTagResult(ItemResult):
    row: LazyTag | None = shown_as("tag", "The tag as it is now, `null` if the item failed.")


@strawberry.type(description="What became of the tags to create.")
class CreateTagsPayload(Payload):
    results: list[CreateTagResult] = results()


@strawberry.type(description="What became of one change of a tag.")
class UpdateTagResult(ItemResult):
    row: LazyTag | None = shown_as("tag", "The tag as it is now, `null` if the item failed.")


@strawberry.type(description="What became of the changes of tags.")
class UpdateTagsPayload(Payload):
    results: list[UpdateTagResult] = results()


@strawberry.type(description="What became of one tag to delete.")
class DeleteTagResult(ItemResult):
    row: LazyTag | None = shown_as("tag", "The tag as it last was, `null` if the item failed.")


@strawberry.type(description="What became of the tags to delete.")
class DeleteTagsPayload(Payload):
    results: list[DeleteTagResult] = results()


def list_tags(
    info: Info,
    *,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
    scope_id: InScope = UNSET,
    with_descendants: WithDescendants = False,
    ids: Ids = UNSET,
    tag_group_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only tags of this group.")
    ] = UNSET,
    identifier: Annotated[
        str | None, strawberry.argument(description="Only tags with exactly this identifier.")
    ] = UNSET,
) -> Listing:
    page = page_of(first, after, last, before)
    filters = {"tagGroupId": tag_group_id, "identifier": identifier}
    return listing(info, TAGS, selection(scope_id, with_descendants, ids, filters), page)


@strawberry.type
class TagQueries:
    tag: Tag | None = found_by_id(TAGS, "A tag by its id, `null` if none is readable.")

    tags: Connection[LazyTag] = resolved_by(
        list_tags, "The tags in reach, and those of the scopes above, which may be used too."
    )


@strawberry.type
class TagMutations:
    create_tags: CreateTagsPayload | None = creates(TAGS, NewTag, CreateTagInput, "Create tags.")
    update_tags: UpdateTagsPayload | None = updates(
        TAGS, TagChange, UpdateTagInput, "Change tags, in the order of the items."
    )
    delete_tags: DeleteTagsPayload | None = deletes(TAGS, "Delete tags, and their assignments with them.")
