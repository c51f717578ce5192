"""Seed 004, word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.samples import DEFINITION, UPLOAD
from tests.uploads.clients import Uploads, counts, refused

if TYPE_CHECKING:
    from tests.server import Server

PATH = f"/api/resources/{DEFINITION['name']}/batch"


async def test_the_seeds_request_is_accepted_and_done(server: Server) -> None:
    partner = server.root.saying(reach_tenant_id="tenant")
    # "If using a platform scoped JWT": the header names a tenant of the token's scope, by its external id.
    acme = (await server.holder("scope_acme")).saying(reach_tenant_id="tenant")
    defined = await acme.post("/partner/schema-definitions", DEFINITION)
    assert defined.status == 201, defined
    reply = await acme.post(
        f"{PATH}?onconflict=upsert&ignoreUnknownFields=false&dependencyWaitTimeout=0", UPLOAD
    )
    assert reply.status == 202, reply
    assert list(reply.json) == ["success", "message", "data"]
    assert reply.json["success"] is True
    data = reply.json["data"]
    assert list(data) == ["batchId", "message", "recordCount", "schemaDefinitionId"]
    assert (data["recordCount"], data["schemaDefinitionId"]) == (2, defined.json["data"]["id"])
    status = await Uploads(acme).done(data["batchId"])
    assert counts(status) == ("success", 2, 0, 0)
    assert {name: value for name, value in status.items() if not name.endswith("At")} == {
        "batchId": data["batchId"],
        "status": "success",
        "batchType": "PARTNER_RESOURCE_JSON_INGEST",
        "progress": {
            "totalRecords": 2,
            "processedRecords": 2,
            "successfulRecords": 2,
            "pendingRecords": 0,
            "failedRecords": 0,
            "successRate": 100.0,
        },
        "schemaName": "customer",
        "schemaDefinitionId": data["schemaDefinitionId"],
    }
    assert {"createdAt", "startedAt", "completedAt"} <= status.keys()
    expected = {each["id"]: each for each in UPLOAD["resources"]}
    assert await Uploads(acme).records("customer") == expected
    assert (await partner.get("/api/batches")).status == 404  # the header names a tenant of no root


async def test_a_name_in_any_case_and_the_id_are_one_definition(server: Server) -> None:
    acme = await server.holder("scope_acme")
    defined = (await acme.post("/partner/schema-definitions", DEFINITION)).json["data"]
    for name in ("customer", "CUSTOMER", defined["id"], defined["id"].upper()):
        reply = await acme.post(f"/api/resources/{name}/batch", UPLOAD)
        assert (reply.status, reply.json["data"]["schemaDefinitionId"]) == (202, defined["id"])
    missing = await acme.post("/api/resources/customers/batch", UPLOAD)
    assert (missing.status, refused(missing)) == (
        404,
        ["there is no schema definition 'customers' that scope scope_acme can use"],
    )
