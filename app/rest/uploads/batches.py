"""Uploads: many records at once, accepted with a promise and applied by the engine, whoever may ask how they get on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from app.rest.uploads.envelopes import Faulty, done, of_report
from app.rest.uploads.parameters import DEPENDENCY_WAIT, IGNORE_UNKNOWN, ON_CONFLICT, Query
from app.rest.uploads.payloads import names_of, read_deletion, read_upload
from app.rest.work import Read, Write, require_writer
from db.batches import BATCHES, Kind, NewBatch
from db.coalescing import Query as Question
from db.commands import Create
from db.errors import Fault
from db.uploads.definitions import reach_of
from db.uploads.previews import preview
from db.uploads.singles import no_scope

if TYPE_CHECKING:
    from app.rest.exchange import Answer, Call
    from app.rest.uploads.payloads import Deletion
    from db.access import Reach
    from db.batches import BatchRow
    from db.database import Reader
    from db.outcomes import Report


class Accepted(msgspec.Struct, frozen=True, rename="camel"):
    """An upload that will be applied, whatever happens."""

    batch_id: str
    message: str
    record_count: int
    schema_definition_id: str


class DeletionCount(msgspec.Struct, frozen=True, rename="camel"):
    """How many records of a schema would be deleted."""

    schema_name: str
    schema_definition_id: str
    count: int


class DryRun(msgspec.Struct, frozen=True, rename="camel"):
    """What a batch delete would do."""

    dry_run: bool
    deletions: list[DeletionCount]
    skipped_referenced: int


def upload(call: Call) -> Write:
    """Accept records to be stored, new ones or not."""
    return _accept(call, Kind.INGEST)


def patch(call: Call) -> Write:
    """Accept changes of records that must exist."""
    return _accept(call, Kind.PATCH)


def _accept(call: Call, kind: Kind) -> Write:
    require_writer(call)
    call.require_json()
    query = Query(call)
    on_conflict = query.take(ON_CONFLICT)
    ignore_unknown = query.take(IGNORE_UNKNOWN)
    wait_s = query.take(DEPENDENCY_WAIT)
    payload = read_upload(call.body)
    return _batch(
        call,
        NewBatch(
            scope_id=call.caller.reach.scope_id if call.caller.reach else "",
            type_name=call.segments["schemaDefinitionNameOrId"],
            kind=kind,
            body=payload.body,
            total=payload.total,
            on_conflict=on_conflict,
            ignore_unknown_fields=ignore_unknown,
            wait_s=wait_s,
            max_queued_records=call.max_queued_records,
            faults=(*query.end(), *payload.faults),
        ),
    )


def delete(call: Call) -> Write | Read:
    """Accept a delete of records, or tell what it would do."""
    require_writer(call)
    call.require_json()
    asked, faults = read_deletion(call.body)
    faults = (*Query(call).end(), *faults)
    if asked.dry_run and not faults:
        reach = reach_of(call.caller)
        name = call.segments["schemaDefinitionNameOrId"]
        return Read(Question("foresee_deletion", partial(_foresee, reach, name, asked)), _render_dry_run)
    names = names_of(asked)
    return _batch(
        call,
        NewBatch(
            scope_id=call.caller.reach.scope_id if call.caller.reach else "",
            type_name=call.segments["schemaDefinitionNameOrId"],
            kind=Kind.DELETE,
            body=msgspec.json.encode(names).decode(),
            total=len(names),
            delete_all=asked.delete_all,
            cascade=asked.cascade,
            max_queued_records=call.max_queued_records,
            faults=faults,
        ),
    )


def _batch(call: Call, new: NewBatch) -> Write:
    if call.caller.reach is None:
        refused = no_scope()
        raise Faulty((Fault(refused.code, "", refused.detail), *new.faults))
    return Write(Create(BATCHES, [new]), _render_accepted)


def _render_accepted(report: Report[BatchRow]) -> Answer:
    row = report.results[0].row if report.committed else None
    if row is None:
        return of_report(report)
    message = f"{_ACCEPTED[Kind(row.kind)]}; GET /api/batches/{row.id} tells how that gets on"
    shown = Accepted(row.id, message, row.total, row.resource_type_id)
    return done(202, "accepted", shown, {"Location": f"/api/batches/{row.id}"})


_ACCEPTED = {
    Kind.INGEST: "the records will be stored",
    Kind.PATCH: "the records will be changed",
    Kind.DELETE: "the records will be deleted",
}


async def _foresee(reach: Reach, name: str, asked: Deletion, reader: Reader) -> DryRun:
    """Find out what a batch delete would do."""
    found = await preview(
        reader, reach, name, names_of(asked), everything=asked.delete_all, cascade=asked.cascade
    )
    deletions = [DeletionCount(each.type_key, each.type_id, each.count) for each in found.deletions]
    return DryRun(True, deletions, found.skipped_referenced)


def _render_dry_run(found: DryRun) -> Answer:
    return done(200, "nothing was deleted: this is what would be", found)
