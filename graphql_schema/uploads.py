"""Uploads in GraphQL: records of one type for one scope, accepted as a batch and applied by a job of its own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import strawberry
from strawberry import UNSET

from db.access import Reach, Role
from db.batches import BATCHES, MAX_WAIT_S, BatchRow, Kind, NewBatch, OnStored
from db.commands import CancelBatch, Create
from db.errors import Code, Fault, NotFound
from db.outcomes import Report
from db.resource_types import RESOURCE_TYPES
from db.scopes import SCOPES, ScopeRow
from db.shapes import MAX_ITEMS
from db.storable import checked_text, wrong_json
from db.uploads.previews import Preview, preview
from graphql_schema.context import Info
from graphql_schema.fields import resolved_by, stored
from graphql_schema.inputs import encodable, findable
from graphql_schema.lazy_types import LazyBatch, LazyResourceType
from graphql_schema.mutations import IdempotencyKey, perform
from graphql_schema.nodes import Id, to_one
from graphql_schema.pagination import given
from graphql_schema.results import ItemError
from graphql_schema.scalars import JSON

ScopeId = Annotated[
    strawberry.ID, strawberry.argument(description="The scope that the records are in, exactly.")
]
TypeName = Annotated[
    str,
    strawberry.argument(
        description="Their type: its key, in any case, or its id. Of types with the same key that the scope can use, "
        "the nearest is meant."
    ),
]
IgnoreUnknownFields = Annotated[
    bool,
    strawberry.argument(
        description="Drop fields that the schema doesn't know, at any depth, instead of failing the record."
    ),
]
WaitTimeout = Annotated[
    int,
    strawberry.argument(
        description="For how many seconds a record may wait for what it refers to and isn't there: 0 to "
        f"{MAX_WAIT_S:,}. 0 fails it."
    ),
]
Records = Annotated[
    list[JSON],
    strawberry.argument(
        description=f"The records: 1 to {MAX_ITEMS:,} objects, as the type's schema has them."
    ),
]


@strawberry.type
class UploadAnswer:
    """The fields that the payloads of all uploads have."""

    batch: LazyBatch | None = stored("The batch, `null` if it was refused.")
    errors: list[ItemError] = stored(
        "All for which it was refused; empty if it was accepted. What is wrong with single records the batch tells."
    )


@strawberry.type(description="What became of an upload.")
class UploadResourcesPayload(UploadAnswer):
    pass


@strawberry.type(description="What became of a change of stored records.")
class PatchResourcesPayload(UploadAnswer):
    pass


@strawberry.type(description="How many resources of a type would be deleted.")
class ForeseenDeletion:
    type_id: strawberry.ID = stored("The id of the type.", name="resourceTypeId")
    type_key: str = stored("The key of the type.", name="resourceTypeKey")
    resource_type: LazyResourceType | None = to_one(RESOURCE_TYPES, "type_id", "The type.")
    count: int = stored("How many would be deleted.")


@strawberry.type(description="What removing records would do.")
class RemovalPreview:
    deletions: list[ForeseenDeletion] = stored("What would be deleted, by type.")
    skipped_referenced: int = stored("How many would stay, because others refer to them.")


@strawberry.type(description="What became of a removal of records.")
class RemoveResourcesPayload(UploadAnswer):
    preview: RemovalPreview | None = stored("What it would do, `null` unless it is a dry run.")


@strawberry.type(description="What became of the cancelling of a batch.")
class CancelBatchPayload:
    batch: LazyBatch | None = stored("The batch as it is now, `null` if it can't be cancelled.")
    errors: list[ItemError] = stored("Why it can't be cancelled; empty if it is.")


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an upload; a payload shows it."""

    batch: BatchRow | None = None
    errors: Sequence[Fault] = ()
    preview: Preview | None = None


async def upload_resources(
    info: Info,
    scope_id: ScopeId,
    resource_type: TypeName,
    records: Records,
    *,
    on_conflict: Annotated[
        OnStored, strawberry.argument(description="What to do with a record that is stored already.")
    ] = OnStored.UPSERT,
    ignore_unknown_fields: IgnoreUnknownFields = False,
    dependency_wait_timeout: WaitTimeout = 0,
    idempotency_key: IdempotencyKey = UNSET,
) -> Accepted:
    """Accept records to be created or merged."""
    new = _new(info, Kind.INGEST, scope_id, resource_type)
    new = _with_records(new, records, ignore_unknown_fields, dependency_wait_timeout)
    return await _accept(info, msgspec.structs.replace(new, on_conflict=on_conflict), idempotency_key)


async def patch_resources(
    info: Info,
    scope_id: ScopeId,
    resource_type: TypeName,
    records: Records,
    *,
    ignore_unknown_fields: IgnoreUnknownFields = False,
    dependency_wait_timeout: WaitTimeout = 0,
    idempotency_key: IdempotencyKey = UNSET,
) -> Accepted:
    """Accept records to be merged into stored ones."""
    new = _new(info, Kind.PATCH, scope_id, resource_type)
    new = _with_records(new, records, ignore_unknown_fields, dependency_wait_timeout)
    return await _accept(info, new, idempotency_key)


async def remove_resources(
    info: Info,
    scope_id: ScopeId,
    resource_type: TypeName,
    *,
    external_ids: Annotated[
        list[str] | None,
        strawberry.argument(description=f"The external ids of the records: 1 to {MAX_ITEMS:,}."),
    ] = UNSET,
    delete_all: Annotated[
        bool,
        strawberry.argument(description="Instead of `externalIds`: all records of the type in the scope."),
    ] = False,
    cascade: Annotated[
        bool,
        strawberry.argument(
            description="Delete what refers to them, too. Otherwise a record that others refer to stays."
        ),
    ] = False,
    dry_run: Annotated[
        bool, strawberry.argument(description="Accept nothing, and tell what would be deleted.")
    ] = False,
    idempotency_key: IdempotencyKey = UNSET,
) -> Accepted:
    """Accept external ids of records to be deleted, or tell what that would do."""
    wanted = given(external_ids)
    faults = _faults_of_ids(wanted, delete_all)
    new = msgspec.structs.replace(
        _new(info, Kind.DELETE, scope_id, resource_type),
        body=(None if faults else _encoded(wanted or [])) or "[]",
        total=len(wanted or ()),
        delete_all=delete_all,
        cascade=cascade,
        faults=tuple(faults),
    )
    if not dry_run or faults:
        return await _accept(info, new, idempotency_key)
    return await _foreseen(info, new, wanted or [])


async def cancel_batch(info: Info, wanted: Id) -> Accepted:
    """Cancel a batch."""
    report = await perform(info, CancelBatch(BATCHES, findable(wanted)), [], dry_run=False, key=None)
    return _answer(report)


def _new(info: Info, kind: Kind, scope_id: str, resource_type: str) -> NewBatch:
    return NewBatch(
        scope_id=findable(scope_id),
        type_name=findable(resource_type),
        kind=kind,
        body="[]",
        total=0,
        max_queued_records=info.context.budget.limits.queued_records,
    )


def _with_records(new: NewBatch, records: Sequence[object], ignore_unknown: bool, wait_s: int) -> NewBatch:
    faults = _faults_of_records(records)
    body = "[]" if faults else _encoded(records)
    if body is None:
        # Whatever JSON allows fails a record alone.
        found = (wrong_json(record, f"/records/{index}") for index, record in enumerate(records))
        faults = [fault for fault in found if fault]
    if not 0 <= wait_s <= MAX_WAIT_S:
        detail = f"dependencyWaitTimeout must be from 0 to {MAX_WAIT_S:,}, not {wait_s:,}"
        faults.append(Fault(Code.INVALID_VALUE, "/dependencyWaitTimeout", detail))
    return msgspec.structs.replace(
        new,
        body=body or "[]",
        total=len(records),
        ignore_unknown_fields=ignore_unknown,
        wait_s=wait_s,
        faults=tuple(faults),
    )


def _faults_of_records(records: Sequence[object]) -> list[Fault]:
    return _faults_of_length(records, "records") or [
        Fault(Code.INVALID_VALUE, f"/records/{index}", "a record must be an object")
        for index, record in enumerate(records)
        if not isinstance(record, dict)
    ]


def _faults_of_ids(external_ids: Sequence[str] | None, delete_all: bool) -> list[Fault]:
    if delete_all:
        if external_ids is None:
            return []
        return [Fault(Code.INVALID_VALUE, "/deleteAll", "can't be given together with externalIds")]
    if external_ids is None:
        return [Fault(Code.MISSING_FIELD, "/externalIds", "externalIds are required, unless with deleteAll")]
    return _faults_of_length(external_ids, "externalIds") or [
        Fault(Code.INVALID_VALUE, f"/externalIds/{index}", f"an external id {wrong}")
        for index, each in enumerate(external_ids)
        if (wrong := checked_text(each))
    ]


def _faults_of_length(items: Sequence[object], field: str) -> list[Fault]:
    if 1 <= len(items) <= MAX_ITEMS:
        return []
    code = Code.TOO_MANY_ITEMS if items else Code.INVALID_VALUE
    return [Fault(code, f"/{field}", f"{field} must be 1 to {MAX_ITEMS:,}, not {len(items):,}")]


def _encoded(items: Sequence[object]) -> str | None:
    """Return the text of a payload, `None` for what no JSON text holds."""
    try:
        text = json.dumps(items, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        # A lone surrogate can't be stored unless it is escaped.
        return text if encodable(text) else json.dumps(items, allow_nan=False)
    except (ValueError, RecursionError):
        return None


async def _accept(info: Info, new: NewBatch, key: str | None) -> Accepted:
    asked = msgspec.structs.replace(new, max_queued_records=0)
    arguments: dict[str, Any] = {"asked": msgspec.structs.asdict(asked)}
    return _answer(await perform(info, Create(BATCHES, [new]), [arguments], dry_run=False, key=given(key)))


def _answer(report: Report[BatchRow]) -> Accepted:
    (result,) = report.results
    return Accepted(result.row, result.faults)


async def _foreseen(info: Info, new: NewBatch, external_ids: Sequence[str]) -> Accepted:
    """Tell what a delete would do, to who might do it."""
    context = info.context
    context.writer.require(Role.WRITER)
    scope: ScopeRow | None = await context.loaders.by_id(SCOPES).load(new.scope_id)
    if scope is None:
        detail = f"scopeId: there is no scope {new.scope_id}"
        return Accepted(errors=[Fault(Code.UNKNOWN_REFERENCE, "/scopeId", detail)])
    place = Reach(scope.root_id, scope.id, scope.path)
    async with context.database.read("foresee_deletion") as reader:
        try:
            found = await preview(
                reader, place, new.type_name, external_ids, everything=new.delete_all, cascade=new.cascade
            )
        except NotFound as error:
            return Accepted(errors=[Fault(error.code, "/resourceType", error.detail)])
    return Accepted(preview=found)


@strawberry.type
class UploadMutations:
    upload_resources: UploadResourcesPayload | None = resolved_by(
        upload_resources,
        "Accept records to be stored by a job of its own: created, or merged into those that are stored under the "
        "same external id (`null` clears a field).",
    )
    patch_resources: PatchResourcesPayload | None = resolved_by(
        patch_resources,
        "Accept records to be merged into those that are stored; one that isn't stored fails.",
    )
    remove_resources: RemoveResourcesPayload | None = resolved_by(
        remove_resources,
        "Accept the deletion of records by their external ids, or of all of a type in a scope.",
    )
    cancel_batch: CancelBatchPayload | None = resolved_by(
        cancel_batch, "Cancel a batch that isn't done: what is stored stays, all other records of it fail."
    )
