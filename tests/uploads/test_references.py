"""References between records: in any order, waited for, given up, corrected."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.uploads.clients import WAIT_S, Uploads, counts

if TYPE_CHECKING:
    from tests.server import Server

LONG = 600


async def test_the_order_inside_a_batch_does_not_matter(acme: Uploads) -> None:
    notes = [{"id": "a", "to": "b"}, {"id": "b", "all": ["c", "d"]}, {"id": "c"}, {"id": "d", "to": "d"}]
    assert counts(await acme.apply("note", notes)) == ("success", 4, 0, 0)


async def test_those_that_miss_only_each_other_are_stored_together(acme: Uploads) -> None:
    ring = [{"id": "a", "to": "b"}, {"id": "b", "to": "c"}, {"id": "c", "to": "a"}]
    assert counts(await acme.apply("note", ring)) == ("success", 3, 0, 0)


async def test_what_misses_its_target_fails_with_all_that_refers_to_it(acme: Uploads) -> None:
    notes = [{"id": "a", "to": "b"}, {"id": "b", "to": "gone"}, {"id": "c"}, {"id": "d", "of": "nobody"}]
    status = await acme.apply("note", notes)
    assert counts(status) == ("partial_success", 1, 0, 3)
    assert status["errors"]["summary"] == {"unknown_reference": 3}
    assert list(await acme.records("note")) == ["c"]


async def test_what_waits_is_shown_with_what_it_waits_for(acme: Uploads) -> None:
    definitions = (await acme.client.get("/partner/schema-definitions")).json["data"]
    ids = {each["name"]: each["id"] for each in definitions}
    note = {"id": "n", "of": "c-1", "all": ["m", "n"]}
    batch_id = await acme.send("note", [note, {"id": "free"}], dependencyWaitTimeout=LONG)
    status = await acme.seen(batch_id)
    assert counts(status) == ("pending", 1, 1, 0)
    assert "completedAt" not in status
    [pending] = status["pendingResources"]
    assert (pending["resourceExternalId"], pending["schemaName"], pending["schemaDefinitionId"]) == (
        "n", "note", ids["note"],
    )  # fmt: skip
    assert pending["missingDependencies"] == [
        {"schemaDefinitionId": ids["customer"], "externalId": "c-1", "schemaName": "customer"},
        {"schemaDefinitionId": ids["note"], "externalId": "m", "schemaName": "note"},
    ]
    assert pending["expiresAt"] > pending["createdAt"]
    assert "pendingResources" not in await acme.status(batch_id)
    assert list(await acme.records("note")) == ["free"]


@pytest.mark.parametrize("door", ["batch", "single", "catalogue", "graphql", "operations"])
async def test_what_waits_is_stored_when_its_last_target_comes_by_whatever_door(
    acme: Uploads, door: str
) -> None:
    chain = [{"id": "a", "to": "b"}, {"id": "b", "of": "late"}]
    batch_id = await acme.send("note", chain, dependencyWaitTimeout=LONG)
    assert counts(await acme.seen(batch_id)) == ("pending", 0, 2, 0)
    definition = (await acme.client.get("/partner/schema-definitions/customer")).json["data"]["id"]
    data = {"id": "late", "name": "Late"}
    resource = {"scopeId": "scope_acme", "resourceTypeId": definition, "data": data}
    match door:
        case "batch":
            await acme.apply("customer", [data])
        case "single":
            assert (await acme.client.post("/api/resources/customer", {"data": data})).status == 201
        case "catalogue":
            await acme.client.created("/resources/batch", [{**resource, "externalResourceId": "late"}])
        case "graphql":
            document = "mutation($i: [CreateResourceInput!]!) { createResources(input: $i) { count } }"
            variables = {"i": [{**resource, "externalResourceId": "late"}]}
            reply = await acme.client.post("/graphql", {"query": document, "variables": variables})
            assert reply.json["data"]["createResources"]["count"] == 1, reply
        case _:
            operation = {"method": "POST", "url": "/resources", "body": resource}
            reply = await acme.client.post("/batch", {"requests": [operation]})
            assert reply.json["success"], reply
    assert counts(await acme.done(batch_id)) == ("success", 2, 0, 0)
    assert set(await acme.records("note")) == {"a", "b"}


async def test_rings_over_several_batches_close_by_themselves(acme: Uploads) -> None:
    first = await acme.send("note", [{"id": "a", "to": "b"}], dependencyWaitTimeout=LONG)
    assert counts(await acme.seen(first)) == ("pending", 0, 1, 0)
    second = await acme.send("note", [{"id": "b", "to": "a"}], dependencyWaitTimeout=LONG)
    for batch_id in (first, second):
        assert counts(await acme.done(batch_id)) == ("success", 1, 0, 0)


async def test_who_has_waited_long_enough_fails(acme: Uploads) -> None:
    batch_id = await acme.send("note", [{"id": "a", "to": "never"}, {"id": "b"}], dependencyWaitTimeout=1)
    status = await acme.done(batch_id)
    assert counts(status) == ("partial_success", 1, 0, 1)
    assert status["errors"]["summary"] == {"dependency_timeout": 1}
    await acme.apply("note", [{"id": "never"}])
    await asyncio.sleep(0.2)
    assert set(await acme.records("note")) == {"b", "never"}


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_later_upload_corrects_what_waits(acme: Uploads, method: str) -> None:
    note: dict[str, Any] = {"id": "a", "to": "wrong", "all": ["b"]}
    first = await acme.send("note", [note, {"id": "b"}], dependencyWaitTimeout=LONG)
    assert counts(await acme.seen(first)) == ("pending", 1, 1, 0)
    second = await acme.send("note", [{"id": "a", "to": "b"}], method=method)
    assert counts(await acme.done(second)) == ("success", 1, 0, 0)
    assert counts(await acme.done(first)) == ("success", 2, 0, 0)
    assert (await acme.records("note"))["a"] == {"id": "a", "to": "b", "all": ["b"]}


async def test_a_correction_that_may_not_wait_and_lacks_something_fails_alone(acme: Uploads) -> None:
    first = await acme.send("note", [{"id": "a", "to": "late"}], dependencyWaitTimeout=LONG)
    await acme.seen(first)
    second = await acme.apply("note", [{"id": "a", "to": "later"}])
    assert counts(second) == ("failed", 0, 0, 1)
    assert counts(await acme.status(first)) == ("pending", 0, 1, 0)
    await acme.apply("note", [{"id": "late"}])
    assert counts(await acme.done(first)) == ("success", 1, 0, 0)


async def test_a_target_in_another_scope_is_missing(acme: Uploads, server: Server) -> None:
    tenant = Uploads((await server.holder("scope_acme")).saying(reach_tenant_id="tenant"))
    await acme.apply("note", [{"id": "above"}])
    status = await tenant.apply("note", [{"id": "a", "to": "above"}])
    assert counts(status) == ("failed", 0, 0, 1)


async def test_another_schema_asks_other_things_of_what_waits(acme: Uploads) -> None:
    records = [{"id": "a", "of": "ghost"}, {"id": "b", "of": "ghost", "to": "c"}, {"id": "c", "of": "d"}]
    batch_id = await acme.send("note", records, dependencyWaitTimeout=600)
    assert counts(await acme.seen(batch_id)) == ("pending", 0, 3, 0)
    path = "/partner/schema-definitions/note"
    properties = {"id": {"type": "string"}, "of": {"type": "string"}, "to": {"$ref": "schemas/customer"}}
    changed = await acme.client.post(path, {"schema": {"properties": properties}})
    assert changed.status == 200, changed

    await until(acme, batch_id, ("pending", 2, 1, 0))
    assert set(await acme.records("note")) == {"a", "c"}
    status = await acme.status(batch_id, includePendingDetails="true")
    assert [
        (each["externalId"], each["schemaName"])
        for each in status["pendingResources"][0]["missingDependencies"]
    ] == [("c", "customer")]

    await acme.apply("customer", [{"id": "c", "name": "C"}])
    assert counts(await acme.done(batch_id)) == ("success", 3, 0, 0)


async def until(acme: Uploads, batch_id: str, expected: tuple[str, int, int, int]) -> None:
    """Wait until a batch has got so far."""
    for _ in range(WAIT_S * 50):
        if counts(await acme.status(batch_id)) == expected:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(await acme.status(batch_id))
