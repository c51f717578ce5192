"""Each call acts in one scope: whose definitions it finds, whose records it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.uploads.clients import CUSTOMER, Uploads, refused

if TYPE_CHECKING:
    from tests.server import Server

PATH = "/partner/schema-definitions"
ONE = {"id": "a", "name": "A"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", PATH, None),
        ("POST", PATH, {"name": "x", "externalIdField": "id", "schema": {}}),
        ("GET", f"{PATH}/customer", None),
        ("POST", f"{PATH}/customer", {}),
        ("DELETE", f"{PATH}/customer", None),
        ("GET", "/api/resources/customer", None),
        ("POST", "/api/resources/customer", {"data": ONE}),
        ("GET", "/api/resources/customer/a", None),
        ("PATCH", "/api/resources/customer/a", {"data": ONE}),
        ("DELETE", "/api/resources/customer/a", None),
        ("POST", "/api/resources/customer/batch", {"resources": [ONE]}),
        ("DELETE", "/api/resources/customer/batch", {"deleteAll": True}),
        ("DELETE", "/api/resources/customer/batch", {"deleteAll": True, "dryRun": True}),
        ("GET", "/api/batches", None),
        ("GET", "/api/batches/batch_x", None),
        ("DELETE", "/api/batches/batch_x", None),
    ],
)
async def test_the_root_token_names_the_scope_it_acts_in(
    acme: Uploads, server: Server, method: str, path: str, body: object
) -> None:
    before = await acme.records("customer")
    root = server.root
    reply = await (root.send(method, path) if body is None else root.send_json(method, path, body))
    assert reply.status == 400
    assert refused(reply) == ["name the scope to act in with the header reach-tenant-id"]
    assert await acme.records("customer") == before


async def test_the_root_token_is_told_all_faults_too(acme: Uploads, server: Server) -> None:
    reply = await server.root.post("/api/resources/customer/batch?x=1", {"resources": 1})
    assert (reply.status, len(refused(reply))) == (400, 3)
    narrowed = server.root.saying(reach_tenant_id="scope_acme")
    accepted = await narrowed.post("/api/resources/customer/batch", {"resources": [ONE]})
    assert accepted.status == 202
    await acme.done(accepted.json["data"]["batchId"])


async def test_definitions_are_found_upward_the_nearest_first_and_records_only_in_their_scope(
    acme: Uploads, server: Server
) -> None:
    partner = await server.holder("scope_acme")
    tenant = Uploads(partner.saying(reach_tenant_id="tenant"))
    other = Uploads(await server.holder("scope_other"))
    shared = (await tenant.client.get(f"{PATH}/customer")).json["data"]
    await tenant.apply("customer", [ONE])
    assert await tenant.records("customer") == {"a": ONE}
    assert await acme.records("customer") == await other.records("customer") == {}
    assert (await acme.client.get("/api/resources/customer/a")).status == 404
    own = await tenant.define("Customer", {"properties": {"id": {}, "nick": {}}})
    assert own["id"] != shared["id"]
    await tenant.apply("customer", [{"id": "b", "nick": "B"}])
    assert await tenant.records("customer") == {"b": {"id": "b", "nick": "B"}}
    assert await tenant.records(shared["id"]) == {"a": ONE}
    assert (await other.client.get(f"{PATH}/customer")).json["data"]["id"] == shared["id"]
    names = sorted(each["name"] for each in (await tenant.client.get(PATH)).json["data"])
    assert names == ["Customer", "customer", "note"]
    assert len((await other.client.get(PATH)).json["data"]) == len((await acme.client.get(PATH)).json["data"])


async def test_a_definition_of_the_scopes_above_can_be_used_and_not_changed(
    acme: Uploads, server: Server
) -> None:
    tenant = await server.holder("scope_tenant")
    before = (await acme.client.get(f"{PATH}/customer")).json["data"]
    for reply in (
        await tenant.post(f"{PATH}/customer", {"description": "mine"}),
        await tenant.delete(f"{PATH}/customer"),
    ):
        assert (reply.status, refused(reply)) == (404, ["there is no schema definition 'customer'"])
    assert (await acme.client.get(f"{PATH}/customer")).json["data"] == before


async def test_another_root_sees_nothing(acme: Uploads, server: Server) -> None:
    definition = (await acme.client.get(f"{PATH}/customer")).json["data"]["id"]
    batch_id = await acme.send("customer", [ONE])
    await acme.done(batch_id)
    globex = await server.holder("scope_globex", role="admin")
    beside = await server.holder("scope_other")
    for caller in (globex, beside):
        for method in ("GET", "DELETE"):
            reply = await caller.send(method, f"/api/batches/{batch_id}")
            assert (reply.status, refused(reply)) == (404, [reply.json["message"]])
            missing = await caller.send(method, "/api/batches/batch_missing")
            assert missing.json["message"].replace("batch_missing", batch_id) == reply.json["message"]
        assert (await caller.get("/api/batches")).json["data"]["results"] == []
    for name in ("customer", definition):
        for path in (f"{PATH}/{name}", f"/api/resources/{name}", f"/api/resources/{name}/a"):
            assert (await globex.get(path)).status == 404
        upload = await globex.post(f"/api/resources/{name}/batch", {"resources": [ONE]})
        assert upload.status == 404
    assert (await globex.get(PATH)).json["data"] == []
    assert await acme.records("customer") == {"a": ONE}
    # Within reach, a tenant's upload may be looked at from above.
    tenant = Uploads((await server.holder("scope_acme")).saying(reach_tenant_id="tenant"))
    below = await tenant.send("customer", [ONE])
    assert (await acme.status(below))["batchId"] == below


async def test_a_reader_reads_and_writes_nothing(acme: Uploads, server: Server) -> None:
    batch_id = await acme.send("customer", [ONE])
    await acme.done(batch_id)
    reader = await server.holder("scope_acme", role="reader")
    for path in (PATH, f"{PATH}/customer", "/api/resources/customer", "/api/resources/customer/a"):
        assert (await reader.get(path)).status == 200
    for path in ("/api/batches", f"/api/batches/{batch_id}?includePendingDetails=true"):
        assert (await reader.get(path)).status == 200
    upload = await reader.post("/api/resources/customer/batch", {"resources": [ONE]})
    assert (upload.status, refused(upload)) == (403, ["this takes a token with the role writer"])
    inside = await reader.post(
        "/batch",
        {
            "requests": [
                {"method": "POST", "url": "/api/resources/customer/batch", "body": {"resources": [ONE]}}
            ]
        },
    )
    assert inside.json["results"][0]["response_code"] == 403
    assert (await reader.get(f"{PATH}/customer")).json["data"]["schema"] == CUSTOMER
