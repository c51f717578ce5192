"""The operations of the upload dialect, as `openapi.json` describes them."""

from __future__ import annotations

from typing import Any

from app.rest import headers
from app.rest.openapi.operations import REFUSED_BODIES, Body, Link, Operation, PathParameter, Refusal, Reply
from app.rest.uploads import examples
from app.rest.uploads.batches import Accepted, DryRun
from app.rest.uploads.definitions import DefinitionChange, NewDefinition, SchemaDefinition
from app.rest.uploads.envelopes import Done, Envelope, UploadRefusal
from app.rest.uploads.examples import wrapped
from app.rest.uploads.parameters import (
    BATCH_ID,
    BATCH_TYPE,
    CURSOR,
    DEPENDENCY_WAIT,
    EXTERNAL_ID,
    FIELD,
    IGNORE_UNKNOWN,
    LIMIT,
    ON_CONFLICT,
    PENDING_DETAILS,
    SCHEMA,
    SORT_BY,
    STATUS,
    WAIT,
)
from app.rest.uploads.payloads import Deletion, Upload
from app.rest.uploads.progress import BatchList, BatchStatus
from app.rest.uploads.records import RecordList, RecordSent, RecordShown
from app.samples import DEFINITION
from app.samples import UPLOAD as SENT
from db.errors import Code

REFUSAL = Refusal("application/json", UploadRefusal, "Upload")
WRITE = frozenset({Code.FORBIDDEN, Code.KEY_REUSED, Code.IN_PROGRESS})
NAMED = PathParameter("idOrName", SCHEMA.says, SCHEMA.schema)
IN_DEFINITIONS = "schema-definitions"
IN_RECORDS = "records"
IN_BATCHES = "batches"
# Where an upload leads to: its status, and its end.
BATCH_LINK = Link("/api/batches/{batchId}", {"batchId": "$response.body#/data/batchId"})
DEFINITION_LINK = Link("/partner/schema-definitions/{idOrName}", {"idOrName": "$response.body#/data/id"})
RECORD_LINK = Link(
    "/api/resources/{schemaDefinitionNameOrId}/{externalId}",
    {
        "schemaDefinitionNameOrId": "$response.body#/data/schemaDefinitionId",
        "externalId": "$response.body#/data/resourceExternalId",
    },
)


def _reply(
    status: int, says: str, shape: Any, example: object, *, link: Link | None = None, written: bool = False
) -> Reply:
    replayed = (headers.IDEMPOTENCY_REPLAYED,) if written else ()
    location = (headers.LOCATION,) if status == 202 else ()
    return Reply(
        status=status,
        says=says,
        shapes=(Envelope[shape],),
        example=wrapped(says, example),
        headers=(*location, *replayed),
        link=link,
    )


def _gone(says: str) -> Reply:
    return Reply(
        status=200,
        says=says,
        shapes=(Done,),
        example={"success": True, "message": says},
        headers=(headers.IDEMPOTENCY_REPLAYED,),
    )


def _accepted(operation: str, summary: str) -> Operation:
    return Operation(
        id=operation,
        summary=summary,
        tag=IN_RECORDS,
        parameters=(SCHEMA, ON_CONFLICT, IGNORE_UNKNOWN, DEPENDENCY_WAIT, headers.IDEMPOTENCY_KEY),
        body=Body(shape=Upload, example=SENT),
        replies=(_reply(202, "accepted", Accepted, examples.ACCEPTED, link=BATCH_LINK, written=True),),
        refusals=WRITE | REFUSED_BODIES,
        refusal=REFUSAL,
    )


LIST_DEFINITIONS = Operation(
    id="listSchemaDefinitions",
    summary="List the schema definitions that the scope can use",
    tag=IN_DEFINITIONS,
    replies=(_reply(200, "all of them", list[SchemaDefinition], [examples.DEFINITION_SHOWN]),),
    refusal=REFUSAL,
)
CREATE_DEFINITION = Operation(
    id="createSchemaDefinition",
    summary="Create a schema definition: what the records of its name must be",
    tag=IN_DEFINITIONS,
    parameters=(headers.IDEMPOTENCY_KEY,),
    body=Body(shape=NewDefinition, example=DEFINITION),
    replies=(
        _reply(
            201,
            "the schema definition was created",
            SchemaDefinition,
            examples.DEFINITION_SHOWN,
            link=DEFINITION_LINK,
            written=True,
        ),
    ),
    refusals=WRITE | REFUSED_BODIES | {Code.ALREADY_EXISTS, Code.UNKNOWN_REFERENCE},
    refusal=REFUSAL,
)
GET_DEFINITION = Operation(
    id="getSchemaDefinition",
    summary="Read the nearest schema definition of a name or id",
    tag=IN_DEFINITIONS,
    parameters=(NAMED,),
    replies=(_reply(200, "the schema definition", SchemaDefinition, examples.DEFINITION_SHOWN),),
    refusal=REFUSAL,
)
CHANGE_DEFINITION = Operation(
    id="updateSchemaDefinition",
    summary="Change what is given of a schema definition; stored records stay as they are",
    tag=IN_DEFINITIONS,
    parameters=(NAMED, headers.IDEMPOTENCY_KEY),
    body=Body(shape=DefinitionChange, example=examples.CHANGE),
    replies=(
        _reply(
            200,
            "the schema definition was changed",
            SchemaDefinition,
            {**examples.DEFINITION_SHOWN, **examples.CHANGE, "updatedAt": examples.LATER},
            link=DEFINITION_LINK,
            written=True,
        ),
    ),
    refusals=WRITE | REFUSED_BODIES | {Code.IMMUTABLE_FIELD, Code.UNKNOWN_REFERENCE},
    refusal=REFUSAL,
)
DELETE_DEFINITION = Operation(
    id="deleteSchemaDefinition",
    summary="Delete a schema definition that nothing depends on",
    tag=IN_DEFINITIONS,
    parameters=(NAMED, headers.IDEMPOTENCY_KEY),
    replies=(_gone("the schema definition was deleted"),),
    refusals=WRITE | {Code.IN_USE},
    refusal=REFUSAL,
)
LIST_RECORDS = Operation(
    id="listRecords",
    summary="List the records of a schema definition in the scope",
    tag=IN_RECORDS,
    parameters=(SCHEMA, CURSOR, LIMIT, FIELD),
    replies=(
        _reply(
            200,
            "a page of the records",
            RecordList,
            {"results": [examples.RECORD_SHOWN], "pagination": examples.LAST_PAGE},
        ),
    ),
    refusal=REFUSAL,
)
PUT_RECORD = Operation(
    id="putRecord",
    summary="Store a record, or merge it into the stored one of its external id",
    tag=IN_RECORDS,
    parameters=(SCHEMA, ON_CONFLICT, IGNORE_UNKNOWN, headers.IDEMPOTENCY_KEY),
    body=Body(shape=RecordSent, example=examples.RECORD),
    replies=(
        _reply(
            201,
            "the record was created",
            RecordShown,
            examples.RECORD_SHOWN,
            link=RECORD_LINK,
            written=True,
        ),
        _reply(
            200,
            "the record was merged",
            RecordShown,
            {**examples.RECORD_SHOWN, "updatedAt": examples.LATER},
            link=RECORD_LINK,
            written=True,
        ),
    ),
    refusals=WRITE | REFUSED_BODIES | {Code.ALREADY_EXISTS, Code.UNKNOWN_REFERENCE},
    refusal=REFUSAL,
)
UPLOAD = _accepted("uploadRecords", "Accept up to 1,000 records, to be stored soon")
PATCH = _accepted("patchRecords", "Accept changes of up to 1,000 records that exist, to be made soon")
DELETE = Operation(
    id="deleteRecords",
    summary="Accept a delete of records, to be done soon, or tell what it would do",
    tag=IN_RECORDS,
    parameters=(SCHEMA, headers.IDEMPOTENCY_KEY),
    body=Body(shape=Deletion, example=examples.DELETION),
    replies=(
        _reply(202, "accepted", Accepted, examples.ACCEPTED, link=BATCH_LINK, written=True),
        _reply(200, "nothing was deleted: this is what would be", DryRun, examples.DRY_RUN),
    ),
    refusals=WRITE | REFUSED_BODIES,
    refusal=REFUSAL,
)
GET_RECORD = Operation(
    id="getRecord",
    summary="Read a record",
    tag=IN_RECORDS,
    parameters=(SCHEMA, EXTERNAL_ID),
    replies=(_reply(200, "the record", RecordShown, examples.RECORD_SHOWN),),
    refusal=REFUSAL,
)
PATCH_RECORD = Operation(
    id="patchRecord",
    summary="Merge fields into a stored record; null deletes a field",
    tag=IN_RECORDS,
    parameters=(SCHEMA, EXTERNAL_ID, IGNORE_UNKNOWN, headers.IDEMPOTENCY_KEY),
    body=Body(shape=RecordSent, example=examples.RECORD),
    replies=(_reply(200, "the record was merged", RecordShown, examples.RECORD_SHOWN, written=True),),
    refusals=WRITE | REFUSED_BODIES | {Code.IMMUTABLE_FIELD, Code.UNKNOWN_REFERENCE},
    refusal=REFUSAL,
)
DELETE_RECORD = Operation(
    id="deleteRecord",
    summary="Delete a record, unless something refers to it",
    tag=IN_RECORDS,
    parameters=(SCHEMA, EXTERNAL_ID, headers.IDEMPOTENCY_KEY),
    replies=(_gone("the record was deleted"),),
    refusals=WRITE | {Code.IN_USE},
    refusal=REFUSAL,
)
LIST_BATCHES = Operation(
    id="listBatches",
    summary="List the uploads of the scope, the newest first",
    tag=IN_BATCHES,
    parameters=(CURSOR, LIMIT, BATCH_TYPE, STATUS, SORT_BY),
    replies=(
        _reply(
            200,
            "a page of the batches",
            BatchList,
            {"results": [examples.BATCH], "pagination": examples.LAST_PAGE},
        ),
    ),
    refusal=REFUSAL,
)
GET_BATCH = Operation(
    id="getBatch",
    summary="Ask how an upload gets on, and perhaps wait until its status changes",
    tag=IN_BATCHES,
    parameters=(BATCH_ID, PENDING_DETAILS, WAIT),
    replies=(_reply(200, "the batch is success", BatchStatus, examples.BATCH),),
    refusal=REFUSAL,
)
CANCEL_BATCH = Operation(
    id="cancelBatch",
    summary="Cancel an upload: what is stored stays, all else of it fails",
    tag=IN_BATCHES,
    parameters=(BATCH_ID, headers.IDEMPOTENCY_KEY),
    replies=(
        _reply(
            200,
            "the batch is cancelled",
            BatchStatus,
            {**examples.BATCH, "status": "cancelled"},
            written=True,
        ),
    ),
    refusals=WRITE | {Code.LOCKED},
    refusal=REFUSAL,
)
