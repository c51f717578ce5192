"""A caller of the upload dialect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from tests.server import Client, Reply

WAIT_S = 20
DONE = {"success", "partial_success", "failed", "cancelled"}
CUSTOMER = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "address": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
    "required": ["id", "name"],
}
# Whoever refers to something: `to` one of its own kind, `of` a customer.
NOTE = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "to": {"$ref": "schemas/note"},
        "all": {"type": "array", "items": {"$ref": "schemas/note"}},
        "of": {"$ref": "schemas/customer"},
    },
}


@dataclass(frozen=True)
class Uploads:
    """What a client does in one scope."""

    client: Client

    async def define(self, name: str, schema: Any, **fields: Any) -> Any:
        """Create a definition whose records have their external ids in `id`."""
        body = {"name": name, "externalIdField": "id", "schema": schema, **fields}
        reply = await self.client.post("/partner/schema-definitions", body)
        assert reply.status == 201, reply
        return reply.json["data"]

    async def send(self, schema: str, records: list[Any], *, method: str = "POST", **query: Any) -> str:
        """Upload records that are accepted, and return the batch's id."""
        path = f"/api/resources/{schema}/batch?{urlencode(query)}"
        reply = await self.client.send_json(method, path, {"resources": records})
        assert reply.status == 202, reply
        return accepted(reply)

    async def apply(self, schema: str, records: list[Any], *, method: str = "POST", **query: Any) -> Any:
        """Upload records, and return the status once all of them were seen."""
        return await self.seen(await self.send(schema, records, method=method, **query))

    async def delete(self, schema: str, body: Any) -> Any:
        """Delete many, and return the status once that is done."""
        reply = await self.client.send_json("DELETE", f"/api/resources/{schema}/batch", body)
        assert reply.status == 202, reply
        return await self.seen(accepted(reply))

    async def status(self, batch_id: str, **query: Any) -> Any:
        """Return the status of a batch."""
        reply = await self.client.get(f"/api/batches/{batch_id}?{urlencode(query)}")
        assert reply.status == 200, reply
        return reply.json["data"]

    async def seen(self, batch_id: str) -> Any:
        """Return the status of a batch once all of its records were seen."""
        found = await self.status(batch_id, wait=WAIT_S)
        assert found["status"] in DONE | {"pending"}, found
        return await self.status(batch_id, includePendingDetails="true")

    async def done(self, batch_id: str) -> Any:
        """Return the status of a batch once nothing of it is left to do."""
        found = await self.status(batch_id, wait=WAIT_S)
        while found["status"] not in DONE:
            found = await self.status(batch_id, wait=WAIT_S)
        return found

    async def records(self, schema: str) -> dict[str, Any]:
        """Return the data of all stored records by external id."""
        reply = await self.client.get(f"/api/resources/{schema}?limit=100")
        assert reply.status == 200, reply
        return {each["resourceExternalId"]: each["data"] for each in reply.json["data"]["results"]}


def accepted(reply: Reply) -> str:
    """Return the id of an accepted batch."""
    batch_id: str = reply.json["data"]["batchId"]
    assert reply.headers["Location"] == f"/api/batches/{batch_id}"
    return batch_id


def refused(reply: Reply) -> list[str]:
    """Return what a refusal says, whose form is checked on the way."""
    told = reply.json
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8", reply
    assert list(told)[:2] == ["success", "message"], reply
    assert told["success"] is False, reply
    assert told.keys() <= {"success", "message", "errors", "data"}, reply
    assert ("data" in told) is (reply.status == 404), reply
    if reply.status == 404:
        assert told["data"] == {"error": told["message"]}
    errors: list[str] = told.get("errors", [told["message"]])
    return errors


def counts(status: Any) -> tuple[str, int, int, int]:
    """Return a status and how many records succeeded, wait and failed, which must add up."""
    progress = status["progress"]
    succeeded, waiting, failed = (progress[f"{name}Records"] for name in ("successful", "pending", "failed"))
    assert progress["processedRecords"] == succeeded + failed
    assert progress["successRate"] == (
        round(100 * succeeded / progress["totalRecords"], 2) if progress["totalRecords"] else 0
    )
    return status["status"], succeeded, waiting, failed
