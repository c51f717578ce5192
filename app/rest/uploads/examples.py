"""What the documentation shows of the upload dialect: a definition, seed 004's request for it, and the answers."""

from __future__ import annotations

from app.samples import DEFINITION, UPLOAD

UUID = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
AT = "2024-01-15T10:30:00Z"
LATER = "2024-01-15T10:30:01Z"
TYPE_ID = f"resource_type_{UUID}"
BATCH_ID = f"batch_{UUID}"
TOTAL = len(UPLOAD["resources"])

DEFINITION_SHOWN = {
    "id": TYPE_ID,
    "name": DEFINITION["name"],
    "externalIdField": DEFINITION["externalIdField"],
    "schema": DEFINITION["schema"],
    "versionNumber": 1,
    "referenceSchemas": [],
    "createdAt": AT,
}
CHANGE = {"description": "who buys"}
RECORD = {"data": UPLOAD["resources"][0]}
RECORD_SHOWN = {
    "id": f"resource_{UUID}",
    "schemaDefinitionId": TYPE_ID,
    "schemaName": DEFINITION["name"],
    "resourceExternalId": str(UPLOAD["resources"][0][DEFINITION["externalIdField"]]),
    "data": UPLOAD["resources"][0],
    "createdAt": AT,
}
LAST_PAGE = {"hasNextPage": False, "total": 1}
DELETION = {"externalIds": [RECORD_SHOWN["resourceExternalId"]]}
ACCEPTED = {
    "batchId": BATCH_ID,
    "message": f"the records will be stored; GET /api/batches/{BATCH_ID} tells how that gets on",
    "recordCount": TOTAL,
    "schemaDefinitionId": TYPE_ID,
}
DRY_RUN = {
    "dryRun": True,
    "deletions": [{"schemaName": DEFINITION["name"], "schemaDefinitionId": TYPE_ID, "count": 1}],
    "skippedReferenced": 0,
}
BATCH = {
    "batchId": BATCH_ID,
    "status": "success",
    "batchType": "PARTNER_RESOURCE_JSON_INGEST",
    "progress": {
        "totalRecords": TOTAL,
        "processedRecords": TOTAL,
        "successfulRecords": TOTAL,
        "pendingRecords": 0,
        "failedRecords": 0,
        "successRate": 100.0,
    },
    "createdAt": AT,
    "startedAt": AT,
    "completedAt": LATER,
    "schemaName": DEFINITION["name"],
    "schemaDefinitionId": TYPE_ID,
}


def wrapped(message: str, data: object) -> dict[str, object]:
    """Return an answer in the dialect's envelope."""
    return {"success": True, "message": message, "data": data}
