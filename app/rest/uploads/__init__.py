"""The upload dialect (seed 004): schema definitions, their records one by one, and uploads that are applied later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.rest.routes import Route
from app.rest.uploads import batches, definitions, operations, progress, records

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFINITIONS = "/partner/schema-definitions"
DEFINITION = f"{DEFINITIONS}/{{idOrName}}"
RECORDS = "/api/resources/{schemaDefinitionNameOrId}"
RECORD = f"{RECORDS}/{{externalId}}"
UPLOADS = f"{RECORDS}/batch"
BATCHES = "/api/batches"
BATCH = f"{BATCHES}/{{batchId}}"


def routes() -> Iterator[Route]:
    """Yield the routes of the dialect."""
    yield Route("GET", DEFINITIONS, definitions.list_definitions, operations.LIST_DEFINITIONS)
    yield Route("POST", DEFINITIONS, definitions.create_definition, operations.CREATE_DEFINITION)
    yield Route("GET", DEFINITION, definitions.get_definition, operations.GET_DEFINITION)
    yield Route("POST", DEFINITION, definitions.change_definition, operations.CHANGE_DEFINITION)
    yield Route("DELETE", DEFINITION, definitions.delete_definition, operations.DELETE_DEFINITION)
    yield Route("GET", RECORDS, records.list_records, operations.LIST_RECORDS)
    yield Route("POST", RECORDS, records.put_record, operations.PUT_RECORD)
    yield Route("POST", UPLOADS, batches.upload, operations.UPLOAD)
    yield Route("PATCH", UPLOADS, batches.patch, operations.PATCH)
    yield Route("DELETE", UPLOADS, batches.delete, operations.DELETE)
    yield Route("GET", RECORD, records.get_record, operations.GET_RECORD)
    yield Route("PATCH", RECORD, records.patch_record, operations.PATCH_RECORD)
    yield Route("DELETE", RECORD, records.delete_record, operations.DELETE_RECORD)
    yield Route("GET", BATCHES, progress.list_batches, operations.LIST_BATCHES)
    yield Route("GET", BATCH, progress.get_batch, operations.GET_BATCH)
    yield Route("DELETE", BATCH, progress.cancel_batch, operations.CANCEL_BATCH)
