"""Tag groups in GraphQL."""

from typing import Annotated

import strawberry
from strawberry import UNSET

from db import tags
from db.ids import Namespace
from db.scopes import SCOPES
from db.shapes import MAX_ITEMS, Count, Description, Identifier, Key, Name
from db.tag_groups import TAG_GROUPS, NewTagGroup, TagGroupChange, TagGroupRow
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
from graphql_schema.lazy_types import LazyScope, LazyTag, LazyTagGroup
from graphql_schema.mutations import creates, deletes, updates
from graphql_schema.nodes import Node, Stamped, found_by_id, to_one
from graphql_schema.pagination import After, Before, Connection, First, Last, Listing, page_of, to_many
from graphql_schema.results import ItemResult, Payload, results, shown_as
from graphql_schema.selections import Ids, InScope, WithDescendants, listing, selection

MAX_APPLIED = "How many tags of the group one resource may carry"
IS_LOCKED = "Whether the group and its tags are protected from changes. Its tags can still be assigned"


@strawberry.type(
    description="Tags that belong together, usable in the group's scope and in all scopes below."
)
class TagGroup(Node, Stamped):
    row = TagGroupRow

    scope_id: strawberry.ID = stored("The id of the scope that defines the group.")
    key: str = stored("The key, unique in the scope.")
    name: str = stored("The name, for people.")
    description: str | None = stored("What the group is for.")
    max_applied_per_target: int | None = stored(
        f"{MAX_APPLIED}, `null` for any number. A lowered limit binds later assignments only."
    )
    is_locked: bool = stored(f"{IS_LOCKED}.")
    scope: LazyScope | None = to_one(
        SCOPES, "scope_id", "The scope that defines the group, `null` where it is out of reach."
    )
    tags: Connection[LazyTag] = to_many(tags.BY_TAG_GROUP, "The tags of the group.")


@input_type(description="A tag to create together with its group, in the group's scope.")
class InlineTagInput:
    id: strawberry.ID | None = optional(ID_OF_NEW.format(Namespace.TAG))
    identifier: str = required(f"The identifier, unique in the group: {limits_of(Identifier)}.")
    label: str = required(f"The label, for people: {limits_of(Name)}.")


@input_type(description="A tag group to create.")
class CreateTagGroupInput:
    id: strawberry.ID | None = optional(ID_OF_NEW.format(Namespace.TAG_GROUP))
    scope_id: strawberry.ID = required("The scope that defines the group.")
    key: str = required(f"The key, unique in the scope: {limits_of(Key)}.")
    name: str = required(f"The name, for people: {limits_of(Name)}.")
    description: str | None = optional(f"What the group is for: {limits_of(Description)}.")
    max_applied_per_target: int | None = optional(
        f"{MAX_APPLIED}: {limits_of(Count)}; any number if left out."
    )
    is_locked: bool | None = optional(f"{IS_LOCKED}; `false` if left out.")
    tags: list[InlineTagInput] | None = optional(
        f"Tags to create with the group; all groups of one call may bring {MAX_ITEMS:,}. "
        "A group that was there already keeps the tags it has."
    )


@input_type(description="A change of a tag group: what is left out stays, `null` clears.")
class UpdateTagGroupInput:
    id: strawberry.ID = required(ID_OF_CHANGED)
    if_match: str | None = optional(IF_MATCH)
    name: str | None = optional(f"The name, for people: {limits_of(Name)}. It can't be cleared.")
    description: str | None = optional(f"What the group is for: {limits_of(Description)}.")
    max_applied_per_target: int | None = optional(
        f"{MAX_APPLIED}: {limits_of(Count)}, or `null` for any number. A lowered limit binds later assignments only."
    )
    is_locked: bool | None = optional(f"{IS_LOCKED}. `null` unlocks.")


@strawberry.type(description="What became of one tag group to create.")
class CreateTagGroupResult(ItemResult):
    row: LazyTagGroup | None = shown_as("tagGroup", "The group as it is now, `null` if the item failed.")


@strawberry.type(description="What became of the tag groups to create.")
class CreateTagGroupsPayload(Payload):
    results: list[CreateTagGroupResult] = results()


@strawberry.type(description="What became of one change of a tag group.")
class UpdateTagGroupResult(ItemResult):
    row: LazyTagGroup | None = shown_as("tagGroup", "The group as it is now, `null` if the item failed.")


@strawberry.type(description="What became of the changes of tag groups.")
class UpdateTagGroupsPayload(Payload):
    results: list[UpdateTagGroupResult] = results()


@strawberry.type(description="What became of one tag group to delete.")
class DeleteTagGroupResult(ItemResult):
    row: LazyTagGroup | None = shown_as("tagGroup", "The group as it last was, `null` if the item failed.")


@strawberry.type(description="What became of the tag groups to delete.")
class DeleteTagGroupsPayload(Payload):
    results: list[DeleteTagGroupResult] = results()


def list_tag_groups(
    info: Info,
    *,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
    scope_id: InScope = UNSET,
    with_descendants: WithDescendants = False,
    ids: Ids = UNSET,
    key: Annotated[str | None, strawberry.argument(description="Only groups with exactly this key.")] = UNSET,
) -> Listing:
    page = page_of(first, after, last, before)
    return listing(info, TAG_GROUPS, selection(scope_id, with_descendants, ids, {"key": key}), page)


@strawberry.type
class TagGroupQueries:
    tag_group: TagGroup | None = found_by_id(TAG_GROUPS, "A tag group by its id, `null` if none is readable.")

    tag_groups: Connection[LazyTagGroup] = resolved_by(
        list_tag_groups, "The tag groups in reach, and those of the scopes above, which may be used too."
    )


@strawberry.type
class TagGroupMutations:
    create_tag_groups: CreateTagGroupsPayload | None = creates(
        TAG_GROUPS, NewTagGroup, CreateTagGroupInput, "Create tag groups, with their tags."
    )
    update_tag_groups: UpdateTagGroupsPayload | None = updates(
        TAG_GROUPS, TagGroupChange, UpdateTagGroupInput, "Change tag groups, in the order of the items."
    )
    delete_tag_groups: DeleteTagGroupsPayload | None = deletes(
        TAG_GROUPS, "Delete tag groups, and their tags and all assignments of these with them."
    )
