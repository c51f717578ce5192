"""Scopes in GraphQL."""

from collections.abc import Awaitable, Sequence
from operator import attrgetter
from typing import Annotated

import strawberry
from strawberry import UNSET, Parent

from db import batches, resource_types, resources, scopes, tag_assignments, tag_groups, tags
from db.ids import Namespace
from db.scopes import MAX_TREE_DEPTH, SCOPES, NewScope, ScopeChange, ScopeRow
from db.shapes import MAX_META_BYTES, ExternalId, Name
from graphql_schema.context import Info
from graphql_schema.executor import BREADTH_FIRST, Keyed
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
    LazyBatch,
    LazyResource,
    LazyResourceType,
    LazyScope,
    LazyTag,
    LazyTagAssignment,
    LazyTagGroup,
)
from graphql_schema.mutations import creates, deletes, updates
from graphql_schema.nodes import Node, Stamped, found_by_id, to_one
from graphql_schema.pagination import After, Before, Connection, First, Last, Listing, page_of, to_many
from graphql_schema.results import ItemResult, Payload, results, shown_as
from graphql_schema.scalars import JSON
from graphql_schema.selections import Ids, InScope, WithDescendants, listing, selection


def _ancestors(row: Parent[ScopeRow], info: Info) -> Awaitable[list[ScopeRow]]:
    return info.context.loaders.ancestors_by_path.load(row.path)


def _ancestors_of_all(info: Info, paths: list[str]) -> Awaitable[Sequence[object]] | Sequence[object]:
    return info.context.loaders.ancestors_by_path.load_many(paths)


MAX_META = f"up to {MAX_META_BYTES // 1024} KiB of JSON"


@strawberry.type(
    description="A place in the tree that decides who reaches what: a company, a department, a workspace. "
    "Whoever reaches a scope reaches all below it."
)
class Scope(Node, Stamped):
    row = ScopeRow

    parent_scope_id: strawberry.ID | None = stored(
        "The id of the scope above, `null` for a root. It is shown even where that scope is out of reach."
    )
    name: str = stored("The name, for people.")
    external_id: str | None = stored(
        "What another system calls the scope; unique among the children of its parent."
    )
    meta: JSON | None = stored("An object of the client's own.")
    parent: LazyScope | None = to_one(
        SCOPES, "parent_scope_id", "The scope above, `null` for a root and where it is out of reach."
    )

    ancestors: list[LazyScope] = resolved_by(
        _ancestors,
        "The scopes above that are in reach, from the root down.",
        metadata={BREADTH_FIRST: Keyed(attrgetter("path"), _ancestors_of_all)},
    )
    children: Connection[LazyScope] = to_many(scopes.CHILDREN, "The scopes directly below.")
    resource_types: Connection[LazyResourceType] = to_many(
        resource_types.BY_SCOPE, "The resource types defined in this scope."
    )
    resources: Connection[LazyResource] = to_many(
        resources.BY_SCOPE, "The resources in this scope, not those below it."
    )
    tag_groups: Connection[LazyTagGroup] = to_many(
        tag_groups.BY_SCOPE, "The tag groups defined in this scope."
    )
    tags: Connection[LazyTag] = to_many(tags.BY_SCOPE, "The tags defined in this scope.")
    assignments: Connection[LazyTagAssignment] = to_many(
        tag_assignments.BY_SCOPE, "The assignments of tags that belong to this scope, not those below it."
    )
    batches: Connection[LazyBatch] = to_many(
        batches.BY_SCOPE, "The batches whose records are in this scope, not those below it."
    )


@input_type(description="A scope to create.")
class CreateScopeInput:
    id: strawberry.ID | None = optional(ID_OF_NEW.format(Namespace.SCOPE))
    parent_scope_id: strawberry.ID | None = optional(
        f"The scope above, which may be another item of the same call; up to {MAX_TREE_DEPTH} levels. "
        "Without it the scope is a root, which only the server's root token may create."
    )
    name: str = required(f"The name, for people: {limits_of(Name)}.")
    external_id: str | None = optional(
        f"What another system calls the scope: {limits_of(ExternalId)}, unique among the children of its parent."
    )
    meta: JSON | None = optional(f"An object of the client's own: {MAX_META}.")


@input_type(description="A change of a scope: what is left out stays, `null` clears.")
class UpdateScopeInput:
    id: strawberry.ID = required(ID_OF_CHANGED)
    if_match: str | None = optional(IF_MATCH)
    name: str | None = optional(f"The name, for people: {limits_of(Name)}. It can't be cleared.")
    external_id: str | None = optional(f"What another system calls the scope: {limits_of(ExternalId)}.")
    meta: JSON | None = optional(
        f"A merge patch (RFC 7396) of the client's own object, which may have {MAX_META}."
    )


@strawberry.type(description="What became of one scope to create.")
class CreateScopeResult(ItemResult):
    row: LazyScope | None = shown_as("scope", "The scope as it is now, `null` if the item failed.")


@strawberry.type(description="What became of the scopes to create.")
class CreateScopesPayload(Payload):
    results: list[CreateScopeResult] = results()


@strawberry.type(description="What became of one change of a scope.")
class UpdateScopeResult(ItemResult):
    row: LazyScope | None = shown_as("scope", "The scope as it is now, `null` if the item failed.")


@strawberry.type(description="What became of the changes of scopes.")
class UpdateScopesPayload(Payload):
    results: list[UpdateScopeResult] = results()


@strawberry.type(description="What became of one scope to delete.")
class DeleteScopeResult(ItemResult):
    row: LazyScope | None = shown_as("scope", "The scope as it last was, `null` if the item failed.")


@strawberry.type(description="What became of the scopes to delete.")
class DeleteScopesPayload(Payload):
    results: list[DeleteScopeResult] = results()


def list_scopes(
    info: Info,
    *,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
    scope_id: InScope = UNSET,
    with_descendants: WithDescendants = False,
    ids: Ids = UNSET,
    parent_scope_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only the children of this scope.")
    ] = UNSET,
    external_id: Annotated[
        str | None, strawberry.argument(description="Only scopes with exactly this external id.")
    ] = UNSET,
) -> Listing:
    page = page_of(first, after, last, before)
    filters = {"parentScopeId": parent_scope_id, "externalId": external_id}
    return listing(info, SCOPES, selection(scope_id, with_descendants, ids, filters), page)


@strawberry.type
class ScopeQueries:
    scope: Scope | None = found_by_id(SCOPES, "A scope by its id, `null` if none is in reach.")

    scopes: Connection[LazyScope] = resolved_by(list_scopes, "The scopes in reach.")


@strawberry.type
class ScopeMutations:
    create_scopes: CreateScopesPayload | None = creates(
        SCOPES, NewScope, CreateScopeInput, "Create scopes. Parents and children may come in any order."
    )
    update_scopes: UpdateScopesPayload | None = updates(
        SCOPES, ScopeChange, UpdateScopeInput, "Change scopes, in the order of the items."
    )
    delete_scopes: DeleteScopesPayload | None = deletes(
        SCOPES,
        "Delete scopes. One that still has children, types, groups, tags or resources fails, "
        "unless all that is below goes in the same call.",
    )
