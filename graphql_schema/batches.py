"""Batches in GraphQL: uploads that were accepted, how they get on, and what of them failed or waits."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import strawberry
from strawberry import UNSET, Parent

from db.batches import BATCHES, FAILURES_OF_BATCH, BatchRow, FailureRow, Kind, OnStored, Status
from db.errors import Code as ErrorCode
from db.errors import Fault
from db.reads import Order
from db.resource_types import RESOURCE_TYPES
from db.scopes import SCOPES
from db.uploads import progress
from db.uploads.waiting_lists import Key, Waiting
from graphql_schema.context import Info
from graphql_schema.enums import Code, published
from graphql_schema.executor import BREADTH_FIRST, Keyed
from graphql_schema.fields import resolved_by, stored
from graphql_schema.lazy_types import LazyBatch, LazyResourceType, LazyScope
from graphql_schema.nodes import Node, Stamped, found_by_id, to_one
from graphql_schema.pagination import (
    After,
    Before,
    Connection,
    First,
    Last,
    Listing,
    connection,
    given,
    page_of,
    to_many,
)
from graphql_schema.resource_lists import OrderDirection
from graphql_schema.results import ItemError
from graphql_schema.scalars import DateTime
from graphql_schema.selections import Ids, InScope, WithDescendants, listing, selection


class BatchOrderField(StrEnum):
    """What batches can be ordered by."""

    ID = "id"
    CREATED_AT = "created_at"
    STARTED_AT = "started_at"
    COMPLETED_AT = "completed_at"


published(
    BatchOrderField,
    "BatchOrderField",
    "What batches can be ordered by. Whatever is equal in it is ordered by id.",
    {
        BatchOrderField.ID: "The id, compared as bytes: server ids in the order in which they were made.",
        BatchOrderField.CREATED_AT: "When it was accepted.",
        BatchOrderField.STARTED_AT: "When it was first worked on; what wasn't yet comes first.",
        BatchOrderField.COMPLETED_AT: "When the last of its records met its fate; what isn't done comes first.",
    },
)


@strawberry.input(description="The order of a list of batches.")
class BatchOrder:
    field: BatchOrderField = strawberry.field(description="What to order by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="Which end comes first."
    )


@strawberry.type(description="How many records a batch has, and how far they have got.")
class BatchCounts:
    total: int = stored("How many records the batch has.")
    processed: int = stored("How many have met their fate: those that succeeded and those that failed.")
    succeeded: int = stored("How many were stored, or deleted as asked.")
    failed: int = stored("How many came to nothing.")
    waiting: int = stored("How many wait for what they refer to; they are neither of the others.")
    success_rate: float = stored("100 times `succeeded` by `total`, in two decimals.")


@strawberry.type(description="What was asked for together with the records of a batch.")
class BatchOptions:
    on_conflict: OnStored = stored("What to do with a record that is stored already.")
    ignore_unknown_fields: bool = stored("Whether fields that the schema doesn't know are dropped.")
    wait_s: int = stored(
        "For how many seconds a record may wait for what it refers to.", name="dependencyWaitTimeout"
    )
    delete_all: bool = stored("Whether all records of the type in the scope are to be deleted.")
    cascade: bool = stored("Whether what refers to a deleted record is deleted, too.")


@strawberry.type(description="How many records of a batch failed for a reason.")
class BatchErrorCount:
    code: Code = stored("The first reason of each.")
    count: int = stored("How many failed for it.")


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """A reason, and how many records failed for it."""

    code: ErrorCode
    count: int


def _faults(row: Parent[FailureRow]) -> list[Fault]:
    return progress.faults_of(row)


@strawberry.type(description="A record of a batch that came to nothing.")
class FailedRecord:
    record_index: int = stored("The record's place in the batch, from 0.", name="index")
    external_id: str | None = stored("Its external id, `null` if none could be found.")
    errors: list[ItemError] = resolved_by(_faults, "All that is wrong with it.")


@strawberry.type(description="A resource that a record refers to and that isn't there yet.")
class MissingTarget:
    type_id: strawberry.ID = stored("The id of its type.", name="resourceTypeId")
    type_key: str = stored("The key of its type.", name="resourceTypeKey")
    resource_type: LazyResourceType | None = to_one(RESOURCE_TYPES, "type_id", "Its type.")
    external_id: str = stored("Its external id.")


def _waits_for(row: Parent[Waiting], info: Info) -> Awaitable[object]:
    return info.context.loaders.of_batches.missing_by_record.load(row.key)


def _all_wait_for(info: Info, records: list[Key]) -> Awaitable[Sequence[object]] | Sequence[object]:
    return info.context.loaders.of_batches.missing_by_record.load_many(records)


@strawberry.type(
    description="A record of a batch that waits for what it refers to. It is stored by itself once all of that is."
)
class WaitingRecord:
    record_index: int = stored("The record's place in the batch, from 0.", name="index")
    external_id: str = stored("Its external id.")
    expires_at: DateTime = stored("When it is given up.")
    created_at: DateTime = stored("Since when it waits.")
    waits_for: list[MissingTarget] = resolved_by(
        _waits_for,
        "What it waits for. Empty for a moment when the last of it has come.",
        metadata={BREADTH_FIRST: Keyed(lambda row: row.key, _all_wait_for)},
    )


def _itself(row: Parent[BatchRow]) -> object:
    return row


async def _errors(row: Parent[BatchRow], info: Info) -> list[ErrorCount]:
    loaders = info.context.loaders.of_batches
    return _counted(await loaders.failure_counts.load((row.id, row.root_id)))


async def _errors_of_all(info: Info, keys: list[Key]) -> list[object]:
    loader = info.context.loaders.of_batches.failure_counts
    found = loader.load_many(keys)
    values = found if isinstance(found, list) else await found
    return [each if isinstance(each, BaseException) else _counted(each) for each in values]


def _counted(counts: dict[str, int]) -> list[ErrorCount]:
    return [
        ErrorCount(ErrorCode(code), count)
        for code, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    ]


@strawberry.type(
    description="An upload that was accepted: records of one type, to be stored or deleted in one scope by a job of "
    "its own. `batchProgress` tells when it gets on."
)
class Batch(Node, Stamped):
    row = BatchRow

    scope_id: strawberry.ID = stored("The id of the scope that its records are in.")
    resource_type_id: strawberry.ID = stored("The id of the type of its records.")
    type_key: str = stored("The key of that type.", name="resourceTypeKey")
    kind: Kind = stored("What it does with its records.")
    status: Status = stored("How far it has got.")
    counts: BatchCounts = resolved_by(_itself, "How many records it has, and how far they have got.")
    options: BatchOptions = resolved_by(_itself, "What was asked for together with the records.")
    started_at: DateTime | None = stored("When it was first worked on, `null` while it is queued.")
    completed_at: DateTime | None = stored("When the last of its records met its fate, `null` before that.")
    scope: LazyScope | None = to_one(SCOPES, "scope_id", "The scope that its records are in.")
    resource_type: LazyResourceType | None = to_one(
        RESOURCE_TYPES, "resource_type_id", "The type of its records, `null` if it was deleted."
    )
    errors: list[BatchErrorCount] = resolved_by(
        _errors,
        "For which reasons its records failed, the most frequent first.",
        metadata={BREADTH_FIRST: Keyed(lambda row: (row.id, row.root_id), _errors_of_all)},
    )
    failures: Connection[FailedRecord] = to_many(
        FAILURES_OF_BATCH, "The records that came to nothing, in their order."
    )
    waiting: Connection[WaitingRecord] = connection(
        lambda loaders, page: (loaders.of_batches.waiting(page), loaders.of_batches.waiting_size),
        "The records that wait for what they refer to, in their order.",
    )


def list_batches(
    info: Info,
    *,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
    scope_id: InScope = UNSET,
    with_descendants: WithDescendants = False,
    ids: Ids = UNSET,
    kind: Annotated[Kind | None, strawberry.argument(description="Only batches of this kind.")] = UNSET,
    status: Annotated[
        Status | None, strawberry.argument(description="Only batches that have got this far.")
    ] = UNSET,
    order_by: Annotated[
        BatchOrder | None, strawberry.argument(description="The order; by id if it is left out.")
    ] = UNSET,
) -> Listing:
    page = page_of(first, after, last, before)
    selected = selection(scope_id, with_descendants, ids, {"batchType": kind, "status": status})
    return listing(info, BATCHES, selected.refined(data=(), order=_order(given(order_by))), page)


def _order(order: BatchOrder | None) -> Order:
    if order is None:
        return Order()
    columns = () if order.field is BatchOrderField.ID else (order.field.value,)
    return Order(columns, descending=order.direction is OrderDirection.DESC)


@strawberry.type
class BatchQueries:
    batch: Batch | None = found_by_id(BATCHES, "A batch by its id, `null` if none is in reach.")

    batches: Connection[LazyBatch] = resolved_by(list_batches, "The batches in reach.")
