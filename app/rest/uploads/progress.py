"""How uploads get on: the status of one, perhaps once it has changed, a list of them, and their cancelling."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.rest.uploads.envelopes import done, of_report, refuse
from app.rest.uploads.pages import Pagination, page
from app.rest.uploads.parameters import (
    BATCH_TYPE,
    CURSOR,
    LIMIT,
    PENDING_DETAILS,
    SORT_BY,
    STATUS,
    WAIT,
    Query,
    SortBy,
)
from app.rest.work import Act, Read, Write, require_writer
from db import reads
from db.announcements import BatchMoved
from db.batches import BATCHES, BatchRow, FailureRow, Kind, Status
from db.coalescing import Query as Question
from db.commands import CancelBatch
from db.errors import NotFound
from db.ids import Namespace, namespace_of
from db.shapes import ResourceTypeId, Timestamp
from db.uploads import progress
from db.uploads.definitions import reach_of

if TYPE_CHECKING:
    from app.rest.exchange import Answer, Call
    from db.database import Reader
    from db.events import Heard, Hub
    from db.outcomes import Report
    from db.uploads.progress import WaitingRecord

# Should what was announced be lost: then a change is found this much later.
LOOK_EVERY_S = 5.0
COLUMN_OF = {SortBy.STARTED_AT: ("started_at",), SortBy.COMPLETED_AT: ("completed_at",)}


class Progress(msgspec.Struct, frozen=True, rename="camel"):
    """How many records of an upload met which fate."""

    total_records: int
    processed_records: int
    successful_records: int
    pending_records: int
    failed_records: int
    success_rate: Annotated[float, Meta(ge=0, le=100)]


class BatchErrors(msgspec.Struct, frozen=True):
    """Why records of an upload failed."""

    summary: dict[str, int]
    details: dict[str, list[str]]
    message: str


class MissingDependency(msgspec.Struct, frozen=True, rename="camel"):
    """A record that another one waits for."""

    schema_definition_id: ResourceTypeId
    external_id: str
    schema_name: str


class PendingResource(msgspec.Struct, frozen=True, rename="camel"):
    """A record that waits for others."""

    id: str
    resource_external_id: str
    schema_definition_id: ResourceTypeId
    schema_name: str
    missing_dependencies: list[MissingDependency]
    expires_at: Timestamp
    created_at: Timestamp


class BatchStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How an upload gets on."""

    batch_id: str
    status: Status
    batch_type: Kind
    progress: Progress
    created_at: Timestamp
    started_at: Timestamp | UnsetType
    completed_at: Timestamp | UnsetType
    schema_name: str
    schema_definition_id: ResourceTypeId
    errors: BatchErrors | UnsetType = UNSET
    pending_resources: list[PendingResource] | UnsetType = UNSET


class BatchList(msgspec.Struct, frozen=True):
    """A page of a list of uploads."""

    results: list[BatchStatus]
    pagination: Pagination


class _Found(NamedTuple):
    batch: BatchRow
    failures: list[FailureRow]
    waiting: list[WaitingRecord] | None


def get_batch(call: Call) -> Read | Act:
    """Tell how an upload gets on; with `wait` once its status changes, or in the end that it didn't."""
    query = Query(call)
    with_waiting, wait_s = query.take(PENDING_DETAILS), query.take(WAIT)
    refuse(query.end())
    question = Question("get_batch", partial(_look, call, _batch_id(call), with_waiting))
    if wait_s and call.hub is not None:
        return Act(partial(_wait, call, call.hub, question, wait_s))
    return Read(question, _render)


async def _look(call: Call, batch_id: str, with_waiting: bool, reader: Reader) -> _Found:
    batch = await reads.by_id(reader, call.caller, BATCHES, batch_id)
    if batch is None:
        raise NotFound(f"there is no batch {batch_id}")
    failures = await progress.failures(reader, batch) if batch.failed else []
    waiting = None
    if with_waiting:
        key = (batch.id, batch.root_id)
        waiting = (await progress.waiting(reader, [key])).get(key, []) if batch.waiting else []
    return _Found(batch, failures, waiting)


async def _wait(call: Call, hub: Hub, question: Question, wait_s: int) -> Answer:
    """Look, then look again whenever the batch moves; no connection is held in between."""
    until = time.monotonic() + wait_s
    wanted = call.segments["batchId"]

    def is_about_it(heard: Heard) -> bool:
        return isinstance(heard.said, BatchMoved) and heard.said.batch_id == wanted

    async def look() -> _Found:
        async with call.database.read(question.name, brief=True) as reader:
            found: _Found = await question.run(reader)
            return found

    await hub.ready()
    with hub.watching(is_about_it) as watch:
        found = await look()
        status = Status(found.batch.status)
        while (left_s := until - time.monotonic()) > 0 and not status.is_terminal and not hub.is_leaving:
            await watch.take(min(left_s, LOOK_EVERY_S))
            found = await look()
            if found.batch.status != status:
                break
    return _render(found)


def list_batches(call: Call) -> Read:
    """List the uploads of the scope, the newest first."""
    query = Query(call)
    wanted = reads.Page(query.take(LIMIT), query.take(CURSOR))
    given = {each.name: query.take(each) for each in (BATCH_TYPE, STATUS)}
    # Ids of batches rise with the time of their making.
    order = reads.Order(COLUMN_OF.get(query.take(SORT_BY), ()), descending=True)
    refuse(query.end())
    selection = reads.Selection(
        scope_id=reach_of(call.caller).scope_id,
        filters={name: value for name, value in given.items() if value is not None},
        order=order,
    )

    async def read(reader: Reader) -> BatchList:
        rows, pagination = await page(reader, call.caller, BATCHES, selection, wanted)
        return BatchList([_status(row) for row in rows], pagination)

    return Read(Question("list_batches", read), partial(done, 200, "a page of the batches"))


def cancel_batch(call: Call) -> Write:
    """Cancel an upload: what is stored stays, all else of it fails."""
    require_writer(call)
    refuse(Query(call).end())
    return Write(CancelBatch(BATCHES, _batch_id(call)), _render_cancelled)


def _batch_id(call: Call) -> str:
    reach_of(call.caller)
    wanted = call.segments["batchId"]
    if namespace_of(wanted) is not Namespace.BATCH:
        raise NotFound(f"there is no batch {wanted[:256]}")
    return wanted


def _render_cancelled(report: Report[BatchRow]) -> Answer:
    row = report.results[0].row if report.committed else None
    return of_report(report) if row is None else done(200, "the batch is cancelled", _status(row))


def _render(found: _Found) -> Answer:
    shown = _status(found.batch)
    if found.failures:
        shown = msgspec.structs.replace(shown, errors=_errors(found.batch, found.failures))
    if found.waiting is not None:
        shown = msgspec.structs.replace(shown, pending_resources=list(map(_pending, found.waiting)))
    return done(200, f"the batch is {shown.status}", shown)


def _status(row: BatchRow) -> BatchStatus:
    processed = row.succeeded + row.failed
    rate = round(100 * row.succeeded / row.total, 2) if row.total else 0.0
    return BatchStatus(
        row.id,
        Status(row.status),
        Kind(row.kind),
        Progress(row.total, processed, row.succeeded, row.waiting, row.failed, rate),
        row.created_at,
        row.started_at or UNSET,
        row.completed_at or UNSET,
        row.type_key,
        row.resource_type_id,
    )


def _errors(batch: BatchRow, failures: list[FailureRow]) -> BatchErrors:
    summary: dict[str, int] = {}
    for failure in failures:
        summary[failure.code] = summary.get(failure.code, 0) + 1
    details = {
        str(failure.record_index): [fault.detail for fault in progress.faults_of(failure)]
        for failure in failures
    }
    told = f"{batch.failed:,} of {batch.total:,} records failed"
    if len(failures) < batch.failed:
        told += f"; the first {len(failures):,} are listed"
    return BatchErrors(summary, details, told)


def _pending(record: WaitingRecord) -> PendingResource:
    missing = [MissingDependency(each.type_id, each.external_id, each.type_key) for each in record.missing]
    return PendingResource(
        record.id,
        record.external_id,
        record.type_id,
        record.type_key,
        missing,
        record.expires_at,
        record.created_at,
    )
