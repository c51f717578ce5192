"""Tag assignments in GraphQL: `tagResources` makes them, `untagResources` deletes them."""

from typing import Annotated

import strawberry
from strawberry import UNSET

from db.commands import Delete, OnError, Target
from db.errors import Code, Fault
from db.outcomes import Report, Result
from db.resources import RESOURCES
from db.scopes import SCOPES
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment, TagAssignmentRow
from db.tag_groups import TAG_GROUPS
from db.tags import TAGS
from graphql_schema.context import Info
from graphql_schema.fields import resolved_by, stored
from graphql_schema.inputs import ResourceTagInput, bounded, findable
from graphql_schema.lazy_types import LazyResource, LazyScope, LazyTag, LazyTagAssignment, LazyTagGroup
from graphql_schema.mutations import (
    DryRun,
    IdempotencyKey,
    OnErrorArgument,
    creates,
    items_of,
    perform,
)
from graphql_schema.nodes import Node, found_by_id, to_one
from graphql_schema.pagination import After, Before, Connection, First, Last, Listing, given, page_of
from graphql_schema.results import Answer, ItemResult, Payload, answer, results, shown_as
from graphql_schema.scalars import DateTime
from graphql_schema.selections import Ids, InScope, WithDescendants, listing, selection


@strawberry.type(description="That a resource carries a tag.")
class TagAssignment(Node):
    row = TagAssignmentRow

    tag_id: strawberry.ID = stored("The id of the tag.")
    resource_id: strawberry.ID = stored("The id of the resource.")
    scope_id: strawberry.ID = stored("The id of the scope it belongs to.")
    created_at: DateTime = stored("When the tag was applied.", name="appliedAt")
    created_by: str = stored("Who applied the tag: the subject of the token.", name="appliedBy")
    tag: LazyTag | None = to_one(TAGS, "tag_id", "The tag.")
    tag_group: LazyTagGroup | None = to_one(TAG_GROUPS, "tag_group_id", "The tag's group.")
    resource: LazyResource | None = to_one(RESOURCES, "resource_id", "The resource.")
    scope: LazyScope | None = to_one(
        SCOPES, "scope_id", "The scope it belongs to, `null` where that is out of reach."
    )


@strawberry.type(description="What became of one tag to apply.")
class TagResourceResult(ItemResult):
    row: LazyTagAssignment | None = shown_as("assignment", "The assignment, `null` if the item failed.")


@strawberry.type(description="What became of the tags to apply.")
class TagResourcesPayload(Payload):
    results: list[TagResourceResult] = results()


@strawberry.type(description="What became of one tag to take off.")
class UntagResourceResult(ItemResult):
    row: LazyTagAssignment | None = shown_as(
        "assignment", "The assignment as it last was, `null` if the item failed."
    )


@strawberry.type(description="What became of the tags to take off.")
class UntagResourcesPayload(Payload):
    results: list[UntagResourceResult] = results()


def list_tag_assignments(
    info: Info,
    *,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
    scope_id: InScope = UNSET,
    with_descendants: WithDescendants = False,
    ids: Ids = UNSET,
    tag_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only assignments of this tag.")
    ] = UNSET,
    resource_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only assignments to this resource.")
    ] = UNSET,
    tag_group_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only assignments of tags of this group.")
    ] = UNSET,
) -> Listing:
    page = page_of(first, after, last, before)
    filters = {"tagId": tag_id, "resourceId": resource_id, "tagGroupId": tag_group_id}
    return listing(info, TAG_ASSIGNMENTS, selection(scope_id, with_descendants, ids, filters), page)


@strawberry.type
class TagAssignmentQueries:
    tag_assignment: TagAssignment | None = found_by_id(
        TAG_ASSIGNMENTS, "A tag assignment by its id, `null` if none is in reach."
    )

    tag_assignments: Connection[LazyTagAssignment] = resolved_by(
        list_tag_assignments, "The tag assignments of the resources in reach."
    )


async def untag_resources(
    info: Info,
    items: items_of(ResourceTagInput, "What to take off"),  # type: ignore[valid-type]  # a type made at run time
    *,
    on_error: OnErrorArgument = OnError.REJECT_ALL,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = UNSET,
) -> Answer:
    """Delete the assignments of pairs; a pair that has none is told like an id that doesn't exist."""
    pairs = [(findable(item["tagId"]), findable(item["resourceId"])) for item in bounded(items)]
    command = Delete(TAG_ASSIGNMENTS, [Target("", pair=pair) for pair in pairs], on_error)
    report = await perform(info, command, items, dry_run=dry_run, key=given(idempotency_key))
    told = [_of_pair(result, *pair) for result, pair in zip(report.results, pairs, strict=True)]
    return answer(Report(told, report.committed))


def _of_pair(result: Result[TagAssignmentRow], tag_id: str, resource_id: str) -> Result[TagAssignmentRow]:
    """Tell an item's faults in the words of its pair: the client named no id."""
    missing = f"the resource {resource_id} doesn't carry the tag {tag_id}"
    faults = [
        Fault(fault.code, "", missing if fault.code is Code.NOT_FOUND else fault.detail)
        for fault in result.faults
    ]
    return Result(result.outcome, result.row, tuple(faults))


@strawberry.type
class TagAssignmentMutations:
    tag_resources: TagResourcesPayload | None = creates(
        TAG_ASSIGNMENTS,
        NewTagAssignment,
        ResourceTagInput,
        "Apply tags to resources. A resource's scope must be its tag's or below.",
    )
    untag_resources: UntagResourcesPayload | None = resolved_by(untag_resources, "Take tags off resources.")
