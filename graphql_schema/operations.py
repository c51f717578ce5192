"""`runBatch`: many changes of any kind in one field, by the engine that also runs `POST /batch`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import strawberry
from strawberry import UNSET

from db import idempotency, plans
from db.coalescing import Task
from db.commands import Create, Delete, Target, Update, Updating
from db.errors import Code, Fault, Refused, SheafError
from db.idempotency import Answer as Recorded
from db.nouns import Noun
from db.outcomes import Outcome, Report
from db.plans import MAX_OPERATIONS, Done, Fate, Operation, Plan, Record
from db.resource_types import RESOURCE_TYPES, NewResourceType, ResourceTypeChange
from db.resources import RESOURCES, NewResource, ResourceChange
from db.scopes import SCOPES, NewScope, ScopeChange
from db.shapes import Change, NewItem
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, NewTagGroup, TagGroupChange
from db.tags import TAGS, NewTag, TagChange
from graphql_schema.context import Info
from graphql_schema.errors import BadArgument, internal
from graphql_schema.fields import resolved_by, stored
from graphql_schema.inputs import (
    DeleteInput,
    Items,
    ResourceTagInput,
    findable,
    input_type,
    optional,
    target,
    typed,
)
from graphql_schema.mutations import DryRun, IdempotencyKey, items_of, key_of
from graphql_schema.nodes import NOUNS, Node
from graphql_schema.pagination import given
from graphql_schema.resource_types import CreateResourceTypeInput, UpdateResourceTypeInput
from graphql_schema.resources import CreateResourceInput, UpdateResourceInput
from graphql_schema.results import Item, ItemError
from graphql_schema.scopes import CreateScopeInput, UpdateScopeInput
from graphql_schema.tag_groups import CreateTagGroupInput, UpdateTagGroupInput
from graphql_schema.tags import CreateTagInput, UpdateTagInput

CREATES: dict[str, tuple[Noun[Any], type[NewItem]]] = {
    "createScope": (SCOPES, NewScope),
    "createResourceType": (RESOURCE_TYPES, NewResourceType),
    "createResource": (RESOURCES, NewResource),
    "createTagGroup": (TAG_GROUPS, NewTagGroup),
    "createTag": (TAGS, NewTag),
    "tagResource": (TAG_ASSIGNMENTS, NewTagAssignment),
}
UPDATES: dict[str, tuple[Noun[Any], type[Change]]] = {
    "updateScope": (SCOPES, ScopeChange),
    "updateResourceType": (RESOURCE_TYPES, ResourceTypeChange),
    "updateResource": (RESOURCES, ResourceChange),
    "updateTagGroup": (TAG_GROUPS, TagGroupChange),
    "updateTag": (TAGS, TagChange),
}
DELETES: dict[str, Noun[Any]] = {
    "deleteScope": SCOPES,
    "deleteResourceType": RESOURCE_TYPES,
    "deleteResource": RESOURCES,
    "deleteTagGroup": TAG_GROUPS,
    "deleteTag": TAGS,
}


def _change(kind: str) -> Any:
    return optional(f"{kind}.")


@input_type(
    description="One operation of a batch: exactly one of the changes, and what it depends on. (GraphQL's @oneOf "
    "admits no other member beside the one, so that rule is checked when the batch is read.)"
)
class BatchOperation:
    id: strawberry.ID | None = optional("A name within the batch, for `dependsOn`.")
    depends_on: list[strawberry.ID] | None = optional(
        "Names of earlier operations: if one of them failed, this one is skipped."
    )
    create_scope: CreateScopeInput | None = _change("Create a scope")
    create_resource_type: CreateResourceTypeInput | None = _change("Create a resource type")
    create_resource: CreateResourceInput | None = _change("Create a resource")
    create_tag_group: CreateTagGroupInput | None = _change("Create a tag group")
    create_tag: CreateTagInput | None = _change("Create a tag")
    tag_resource: ResourceTagInput | None = _change("Apply a tag to a resource")
    update_scope: UpdateScopeInput | None = _change("Change a scope")
    update_resource_type: UpdateResourceTypeInput | None = _change("Change a resource type")
    update_resource: UpdateResourceInput | None = _change("Change a resource")
    update_tag_group: UpdateTagGroupInput | None = _change("Change a tag group")
    update_tag: UpdateTagInput | None = _change("Change a tag")
    delete_scope: DeleteInput | None = _change("Delete a scope")
    delete_resource_type: DeleteInput | None = _change("Delete a resource type")
    delete_resource: DeleteInput | None = _change("Delete a resource, with its tag assignments")
    delete_tag_group: DeleteInput | None = _change("Delete a tag group, with its tags")
    delete_tag: DeleteInput | None = _change("Delete a tag, with its assignments")
    untag_resource: ResourceTagInput | None = _change("Take a tag off a resource")


@strawberry.type(description="What became of one operation of a batch.")
class BatchResult:
    index: int = stored("The operation's place in `operations`, from 0.")
    outcome: Outcome = stored("What became of the operation.")
    row: Node | None = stored(
        "The object as it is now, or last was; `null` if the operation failed.", name="node"
    )
    errors: list[ItemError] = stored("All that is wrong with the operation; empty if it didn't fail.")


@strawberry.type(description="What became of a batch of operations.")
class RunBatchPayload:
    committed: bool = stored(
        "Whether what succeeded was stored: `false` for a dry run, and for an atomic batch that failed."
    )
    results: list[BatchResult] = stored(
        "What became of each operation, in their order; with `stopOnError` the list ends with the first failure."
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What became of an operation, before it has its index."""

    outcome: Outcome
    row: Any = None
    errors: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of a batch; its payload shows it."""

    committed: bool
    results: list[Item]


UNDONE = {
    Code.ROLLED_BACK: (Outcome.ROLLED_BACK, "a later operation of the atomic batch failed"),
    Code.NOT_ATTEMPTED: (Outcome.NOT_ATTEMPTED, "an earlier operation of the atomic batch failed"),
    Code.FAILED_DEPENDENCY: (Outcome.SKIPPED, "an operation that it depends on failed"),
}


async def run_batch(
    info: Info,
    operations: items_of(BatchOperation, "The operations, in order", name="operations", limit=MAX_OPERATIONS),  # type: ignore[valid-type]  # a type made at run time
    *,
    stop_on_error: Annotated[
        bool, strawberry.argument(description="End with the first operation that fails.")
    ] = False,
    atomic: Annotated[
        bool, strawberry.argument(description="One transaction: all operations are stored, or none.")
    ] = False,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = UNSET,
) -> Batch:
    """Translate the operations into a plan, and what became of them into results."""
    if len(operations) > MAX_OPERATIONS:
        raise Refused(Code.TOO_MANY_ITEMS, f"{len(operations):,} operations; the limit is {MAX_OPERATIONS}")
    context = info.context
    names: set[str] = set()
    plan = Plan(
        operations=[_operation(each, names, context.request_id) for each in operations],
        failed=lambda told: bool(told.errors),
        stop_on_error=stop_on_error,
        atomic=atomic,
        dry_run=dry_run,
        record=_record(info, operations, given(idempotency_key), stop_on_error=stop_on_error, atomic=atomic),
    )
    try:
        fates = await plans.run(context.database, context.writer, plan)
    finally:
        await context.forget()
    failed = any(not isinstance(fate, Done) or fate.failed for fate in fates)
    return Batch(not dry_run and not (atomic and failed), [_item(i, fate) for i, fate in enumerate(fates)])


def _item(index: int, fate: Fate[Told]) -> Item:
    if isinstance(fate, Done):
        return Item(index, fate.result.outcome, fate.result.row, fate.result.errors)
    outcome, detail = UNDONE[fate.code]
    return Item(index, outcome, None, (Fault(fate.code, "", detail),))


def _operation(operation: Mapping[str, Any], earlier: set[str], request_id: str) -> Operation[Told]:
    """Translate one operation, and add its id to those of the earlier ones."""
    depends_on = frozenset(operation.get("dependsOn") or ())
    own = operation.get("id")
    if own in earlier:
        raise BadArgument("operations", f"has two operations with the id {own!a}")
    unknown = sorted(depends_on - earlier)
    if own is not None:
        earlier.add(own)

    def begin(_results: Mapping[str, Told]) -> Task | Told:
        if unknown:
            detail = f"no earlier operation has the id {unknown[0]!a}"
            return _failed(Fault(Code.INVALID_VALUE, "/dependsOn", detail))
        return _task(operation)

    def fail(error: Exception) -> Told:
        if isinstance(error, SheafError):
            return _failed(Fault(error.code, "", error.detail))
        return _failed(Fault(Code.INTERNAL, "", internal(error, request_id)))

    return Operation(begin, _told, fail, own, frozenset() if unknown else depends_on)


def _failed(*faults: Fault) -> Told:
    return Told(Outcome.FAILED, None, faults)


def _told(report: Report[Any]) -> Told:
    result = report.results[0]
    return Told(result.outcome, result.row, result.faults)


def _task(operation: Mapping[str, Any]) -> Task | Told:
    """Return the command that an operation stands for, or what is wrong with it."""
    named = [
        name for name, value in operation.items() if name not in {"id", "dependsOn"} and value is not None
    ]
    if len(named) != 1:
        detail = f"an operation must name exactly one change, not {', '.join(sorted(named)) or 'none'}"
        return _failed(Fault(Code.INVALID_VALUE, "", detail))
    name, value = named[0], operation[named[0]]
    if name in CREATES:
        noun, new = CREATES[name]
        return Create(noun, typed([value], new))
    if name in UPDATES:
        noun, shape = UPDATES[name]
        change = {key: each for key, each in value.items() if key not in {"id", "ifMatch"}}
        return Update(noun, [Updating(target(value), typed([change], shape)[0])])
    if name == "untagResource":
        pair = (findable(value["tagId"]), findable(value["resourceId"]))
        return Delete(TAG_ASSIGNMENTS, [Target("", pair=pair)])
    return Delete(DELETES[name], [target(value)])


def _record(
    info: Info, operations: Items, key: str | None, *, stop_on_error: bool, atomic: bool
) -> Record[Told] | None:
    """Keep results under the key K of the batch: operation i has the key K/i, all with the batch's fingerprint."""
    if key is None:
        return None
    whole = key_of(info, key, [operations, stop_on_error, atomic])

    def of(index: int) -> idempotency.Key:
        return idempotency.Key(f"{whole.id}/{index}", whole.fingerprint)

    return Record(dump=_dump, load=_load, key=of)


def _dump(told: Told) -> Recorded:
    row = told.row
    kind = next((space for space, noun in NOUNS.items() if isinstance(row, noun.row)), "")
    return Recorded(200, {"kind": kind}, msgspec.json.encode((told.outcome, row, told.errors)))


def _load(recorded: Recorded) -> Told:
    rows = {str(space): noun.row for space, noun in NOUNS.items()}
    row_type: Any = rows.get(recorded.headers["kind"], type(None))
    decoded = msgspec.json.decode(recorded.body, type=tuple[Outcome, row_type | None, tuple[Fault, ...]])
    return Told(*decoded)


@strawberry.type
class OperationMutations:
    run_batch: RunBatchPayload | None = resolved_by(
        run_batch,
        "Run up to "
        f"{MAX_OPERATIONS} operations of any kinds in order, each in a transaction of its own or all in one. "
        "Neighbours of one kind run as one statement.",
    )
