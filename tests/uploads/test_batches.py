"""How uploads get on: waited for, listed, cancelled."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from db.uploads.engine import UploadEngine
from tests.server import serving
from tests.uploads.clients import CUSTOMER, Uploads, counts, refused
from tests.uploads.conftest import furnish

if TYPE_CHECKING:
    from tests.server import Server

ONE = {"id": "a", "name": "A"}


async def idle_acme(idle: Server) -> Uploads:
    acme = Uploads(await idle.holder("scope_acme"))
    await acme.define("customer", CUSTOMER)
    return acme


async def test_a_queued_upload_can_be_cancelled_and_nothing_comes_of_it(idle: Server) -> None:
    acme = await idle_acme(idle)
    batch_id = await acme.send("customer", [ONE, {"id": "b"}])
    assert counts(await acme.status(batch_id)) == ("queued", 0, 0, 0)
    assert "startedAt" not in await acme.status(batch_id)
    reply = await acme.client.delete(f"/api/batches/{batch_id}")
    assert (reply.status, counts(reply.json["data"])) == (200, ("cancelled", 0, 0, 2))
    again = await acme.client.delete(f"/api/batches/{batch_id}")
    assert (again.status, again.json["data"]["status"]) == (200, "cancelled")
    engine = UploadEngine(idle.database)
    engine.start()
    try:
        later = await acme.send("customer", [{"id": "later", "name": "L"}])
        assert counts(await acme.done(later)) == ("success", 1, 0, 0)
    finally:
        await engine.stop()
    status = await acme.status(batch_id)
    assert status["errors"]["summary"] == {"cancelled": 2}
    assert set(await acme.records("customer")) == {"later"}


async def test_a_type_is_kept_while_an_upload_of_it_is_queued(idle: Server) -> None:
    acme = await idle_acme(idle)
    tenant = Uploads(await idle.holder("scope_tenant"))
    batch_id = await tenant.send("customer", [ONE])
    path = "/partner/schema-definitions/customer"
    for _ in range(2):
        reply = await acme.client.delete(path)
        assert (reply.status, refused(reply)) == (409, [f"still in use by 1 queued upload ({batch_id})"])
    assert (await tenant.client.delete(f"/api/batches/{batch_id}")).status == 200
    assert (await acme.client.delete(path)).status == 200


async def test_of_an_upload_that_waits_the_stored_records_stay_and_the_others_fail(acme: Uploads) -> None:
    batch_id = await acme.send("note", [{"id": "a"}, {"id": "b", "to": "late"}], dependencyWaitTimeout=600)
    assert counts(await acme.seen(batch_id)) == ("pending", 1, 1, 0)
    reply = await acme.client.delete(f"/api/batches/{batch_id}")
    assert (reply.status, counts(reply.json["data"])) == (200, ("cancelled", 1, 0, 1))
    await acme.apply("note", [{"id": "late"}])
    assert set(await acme.records("note")) == {"a", "late"}


async def test_what_is_done_cannot_be_cancelled(acme: Uploads) -> None:
    batch_id = await acme.send("customer", [ONE])
    await acme.done(batch_id)
    reply = await acme.client.delete(f"/api/batches/{batch_id}")
    assert (reply.status, refused(reply)) == (409, [f"batch {batch_id} is done: success"])
    assert set(await acme.records("customer")) == {"a"}


async def test_a_wait_ends_with_a_change_or_with_its_time(idle: Server) -> None:
    acme = await idle_acme(idle)
    batch_id = await acme.send("customer", [ONE])
    began = time.monotonic()
    assert (await acme.status(batch_id, wait=1))["status"] == "queued"
    assert 0.9 < time.monotonic() - began < 10
    waits = [asyncio.create_task(acme.status(batch_id, wait=60)) for _ in range(50)]
    await asyncio.sleep(0.5)
    # They hold no connection once they have looked, and nobody else is kept waiting.
    for _ in range(100):
        if idle.database.load().in_use == 0:
            break
        await asyncio.sleep(0.1)
    assert idle.database.load().in_use == 0
    assert (await acme.client.delete(f"/api/batches/{batch_id}")).status == 200
    async with asyncio.timeout(10):
        found = await asyncio.gather(*waits)
    assert {each["status"] for each in found} == {"cancelled"}
    began = time.monotonic()
    assert (await acme.status(batch_id, wait=60))["status"] == "cancelled"
    assert time.monotonic() - began < 10


async def test_a_wait_sees_what_happens_in_between(acme: Uploads) -> None:
    batch_id = await acme.send("note", [{"id": "a", "to": "b"}], dependencyWaitTimeout=600)
    assert (await acme.status(batch_id, wait=20))["status"] == "pending"
    waiting = asyncio.create_task(acme.status(batch_id, wait=60))
    await asyncio.sleep(0.2)
    await acme.send("note", [{"id": "b"}])
    async with asyncio.timeout(20):
        assert (await waiting)["status"] == "success"


async def test_a_server_that_stops_keeps_nobody_waiting(sqlite_url: str) -> None:
    async with serving(sqlite_url, upload_engine=False) as server:
        await furnish(server)
        acme = await idle_acme(server)
        batch_id = await acme.send("customer", [ONE])
        waiting = asyncio.create_task(acme.status(batch_id, wait=60))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await server.app.shutdown()
        assert (await waiting)["status"] == "queued"
        assert time.monotonic() - began < 10


async def test_a_wait_is_longer_than_an_answer_may_take(sqlite_url: str) -> None:
    async with serving(sqlite_url, upload_engine=False, time_limit_s=0.5) as server:
        await furnish(server)
        acme = await idle_acme(server)
        batch_id = await acme.send("customer", [ONE])
        assert (await acme.status(batch_id, wait=1))["status"] == "queued"


async def test_parameters_of_a_status_are_checked(acme: Uploads) -> None:
    batch_id = await acme.send("customer", [ONE])
    reply = await acme.client.get(f"/api/batches/{batch_id}?wait=61&includePendingDetails=1&more=1")
    assert (reply.status, refused(reply)) == (
        400,
        [
            "includePendingDetails must be true or false, not '1'",
            "wait must be a whole number from 0 to 60, not '61'",
            "there is no parameter 'more' here",
        ],
    )
    for wanted in ("batch_missing", "x", "resource_1", "batch_%00"):
        missing = await acme.client.get(f"/api/batches/{wanted}")
        assert missing.status == 404, wanted
        assert refused(missing)


async def test_a_list_is_newest_first_and_can_be_narrowed(acme: Uploads) -> None:
    good = [await acme.send("customer", [ONE]) for _ in range(3)]
    bad = await acme.send("customer", [{"id": "b"}])
    patch = await acme.send("customer", [ONE], method="PATCH")
    for batch_id in (*good, bad, patch):
        await acme.done(batch_id)
    everything = [patch, bad, *reversed(good)]

    async def listed(query: str) -> list[str]:
        reply = await acme.client.get(f"/api/batches?{query}")
        assert reply.status == 200, reply
        found = [each["batchId"] for each in reply.json["data"]["results"]]
        assert reply.json["data"]["pagination"]["total"] == len(found)
        return found

    assert await listed("") == everything
    assert await listed("batchType=PARTNER_RESOURCE_BATCH_PATCH") == [patch]
    assert await listed("status=failed") == [bad]
    assert await listed("status=queued") == []
    assert set(await listed("sortBy=startedAt")) == set(await listed("sortBy=completedAt")) == set(everything)
    seen: list[str] = []
    query = "limit=2"
    while query:
        page = (await acme.client.get(f"/api/batches?{query}")).json["data"]
        assert page["pagination"]["total"] == 5
        seen += [each["batchId"] for each in page["results"]]
        cursor = page["pagination"].get("cursor")
        query = f"limit=2&cursor={cursor}" if page["pagination"]["hasNextPage"] else ""
    assert seen == everything
    for wrong in ("limit=101", "batchType=x", "status=done", "sortBy=id", "x=1", "cursor=x"):
        assert (await acme.client.get(f"/api/batches?{wrong}")).status == 400, wrong


async def test_what_never_started_is_last_by_its_start(idle: Server) -> None:
    acme = await idle_acme(idle)
    first = await acme.send("customer", [ONE])
    engine = UploadEngine(idle.database)
    engine.start()
    await acme.done(first)
    await engine.stop()
    second = await acme.send("customer", [ONE])
    for by, expected in (("createdAt", [second, first]), ("startedAt", [first, second])):
        page = (await acme.client.get(f"/api/batches?sortBy={by}")).json["data"]
        assert [each["batchId"] for each in page["results"]] == expected


async def test_inside_a_batch_of_operations_uploads_are_accepted_and_nothing_waits(acme: Uploads) -> None:
    path = "/api/resources/customer/batch"
    operation = {"method": "POST", "url": path, "body": {"resources": [ONE]}}
    reply = await acme.client.post(
        "/batch",
        {
            "requests": [
                {**operation, "id": "up"},
                {"method": "GET", "url": "/api/batches/$ref:up#/body/data/batchId", "params": {"wait": 60}},
                {"method": "DELETE", "url": path, "body": {"deleteAll": True, "dryRun": True}},
                {"method": "POST", "url": "/api/resources/customer", "body": {"data": {"id": "b"}}},
            ]
        },
    )
    results = reply.json["results"]
    assert [result["response_code"] for result in results] == [202, 200, 200, 400]
    assert results[3]["error"] == {"code": "missing_field", "message": results[3]["body"]["message"]}
    assert counts(await acme.done(results[0]["body"]["data"]["batchId"])) == ("success", 1, 0, 0)
    dry_run = await acme.client.post("/batch", {"requests": [operation], "dry_run": True})
    [result] = dry_run.json["results"]
    assert result["response_code"] == 400
    atomic = {"requests": [operation, {"method": "GET", "url": "/api/nowhere"}], "atomic": True}
    undone = (await acme.client.post("/batch", atomic)).json["results"]
    assert [result["response_code"] for result in undone] == [424, 404]
    assert (await acme.client.get("/api/batches")).json["data"]["pagination"]["total"] == 1
    stored = await acme.client.post("/batch", {"requests": [operation, operation], "atomic": True})
    for result in stored.json["results"]:
        assert counts(await acme.done(result["body"]["data"]["batchId"])) == ("success", 1, 0, 0)
