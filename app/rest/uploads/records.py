"""Single records: stored at once, or refused; they never wait."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.rest.uploads.envelopes import done, of_report, refuse
from app.rest.uploads.pages import Pagination, page
from app.rest.uploads.parameters import CURSOR, IGNORE_UNKNOWN, LIMIT, ON_CONFLICT, Query
from app.rest.work import Read, Write, require_writer
from db import reads
from db.batches import OnStored
from db.coalescing import Query as Question
from db.commands import PutRecord, RemoveRecord
from db.errors import NotFound
from db.outcomes import Outcome
from db.resources import RESOURCES
from db.shapes import ResourceId, ResourceTypeId, Timestamp, decode_one
from db.uploads.definitions import reach_of
from db.uploads.lookups import record_at, type_at
from db.uploads.singles import Record

if TYPE_CHECKING:
    from app.rest.exchange import Answer, Call
    from db.database import Reader
    from db.outcomes import Report


class RecordSent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One record to be stored."""

    data: dict[str, Any]


class RecordShown(msgspec.Struct, frozen=True, rename="camel"):
    """A stored record."""

    id: ResourceId
    schema_definition_id: ResourceTypeId
    schema_name: str
    resource_external_id: str
    data: Any
    created_at: Timestamp
    updated_at: Timestamp | UnsetType


class RecordList(msgspec.Struct, frozen=True):
    """A page of a list of records."""

    results: list[RecordShown]
    pagination: Pagination


def put_record(call: Call) -> Write:
    """Store a record, or merge it into the stored one of its external id."""
    require_writer(call)
    call.require_json()
    query = Query(call)
    must_be_new = query.take(ON_CONFLICT) is OnStored.REJECT
    ignore_unknown = query.take(IGNORE_UNKNOWN)
    record = _read(call, query)
    return Write(
        PutRecord(
            RESOURCES,
            call.segments["schemaDefinitionNameOrId"],
            record,
            must_be_new,
            ignore_unknown=ignore_unknown,
        ),
        _render_put,
    )


def patch_record(call: Call) -> Write:
    """Merge fields into a stored record."""
    require_writer(call)
    call.require_json()
    query = Query(call)
    ignore_unknown = query.take(IGNORE_UNKNOWN)
    record = _read(call, query)
    command = PutRecord(
        RESOURCES,
        call.segments["schemaDefinitionNameOrId"],
        record,
        external_id=call.segments["externalId"],
        ignore_unknown=ignore_unknown,
    )
    return Write(command, _render_put)


def delete_record(call: Call) -> Write:
    """Delete a record, unless something refers to it."""
    require_writer(call)
    refuse(Query(call).end())
    command = RemoveRecord(RESOURCES, call.segments["schemaDefinitionNameOrId"], call.segments["externalId"])
    return Write(command, _render_removed)


def get_record(call: Call) -> Read:
    """Read a record."""
    refuse(Query(call).end())
    reach = reach_of(call.caller)
    name, external_id = call.segments["schemaDefinitionNameOrId"], call.segments["externalId"]

    async def read(reader: Reader) -> Record:
        found = (await type_at(reader, reach, name)).row
        row = await record_at(reader, reach, found.id, external_id)
        if row is None:
            raise NotFound(f"there is no record {external_id[:256]!r}")
        return Record(row, found.key)

    return Read(Question("get_record", read), partial(_render, 200, "the record"))


def list_records(call: Call) -> Read:
    """List the records of a schema in the scope, page by page."""
    query = Query(call)
    wanted = reads.Page(query.take(LIMIT), query.take(CURSOR))
    conditions = query.conditions()
    refuse(query.end())
    reach = reach_of(call.caller)
    name = call.segments["schemaDefinitionNameOrId"]

    async def read(reader: Reader) -> RecordList:
        found = (await type_at(reader, reach, name)).row
        selection = reads.Selection(
            scope_id=reach.scope_id, filters={"resourceTypeId": found.id}, data=conditions
        )
        rows, pagination = await page(reader, call.caller, RESOURCES, selection, wanted)
        return RecordList([_shown(Record(row, found.key)) for row in rows], pagination)

    return Read(Question("list_records", read), partial(done, 200, "a page of the records"))


def _read(call: Call, query: Query) -> dict[str, Any]:
    sent = decode_one(call.body, RecordSent)
    refuse((*query.end(), *(sent if isinstance(sent, tuple) else ())))
    reach_of(call.caller)
    assert not isinstance(sent, tuple), "its faults were raised"
    return sent.data


def _render_put(report: Report[Record]) -> Answer:
    result = report.results[0]
    if not report.committed or result.row is None:
        return of_report(report)
    if result.outcome is Outcome.CREATED:
        return _render(201, "the record was created", result.row)
    return _render(200, "the record was merged", result.row)


def _render_removed(report: Report[Record]) -> Answer:
    return done(200, "the record was deleted") if report.committed else of_report(report)


def _render(status: int, message: str, record: Record) -> Answer:
    return done(status, message, _shown(record))


def _shown(record: Record) -> RecordShown:
    row = record.row
    return RecordShown(
        row.id,
        row.resource_type_id,
        record.type_key,
        row.external_resource_id,
        None if row.data is None else Raw(row.data.encode()),
        row.created_at,
        row.updated_at or UNSET,
    )
