"""Deletes of many: by external id or all, with what refers to them or not, or as a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.uploads.clients import Uploads, counts, refused

if TYPE_CHECKING:
    from tests.server import Reply, Server

CUSTOMERS = [{"id": "used", "name": "U"}, {"id": "free", "name": "F"}]
NOTES = [{"id": "a", "of": "used"}, {"id": "b", "to": "a"}, {"id": "c"}]


@pytest.fixture
async def stocked(acme: Uploads) -> Uploads:
    """Return the partner, with a customer that a note refers to, to which another one refers."""
    await acme.apply("customer", CUSTOMERS)
    await acme.apply("note", NOTES)
    return acme


async def dry(uploads: Uploads, schema: str, **body: Any) -> Reply:
    return await uploads.client.send_json(
        "DELETE", f"/api/resources/{schema}/batch", {**body, "dryRun": True}
    )


def foreseen(reply: Reply) -> tuple[dict[str, int], int]:
    assert reply.status == 200, reply
    data = reply.json["data"]
    assert list(data) == ["dryRun", "deletions", "skippedReferenced"]
    assert data["dryRun"] is True
    return {each["schemaName"]: each["count"] for each in data["deletions"]}, data["skippedReferenced"]


async def test_what_is_referred_to_stays_and_counts_as_failed(stocked: Uploads) -> None:
    body = {"externalIds": ["used", "free", "gone", "free"]}
    assert foreseen(await dry(stocked, "customer", **body)) == ({"customer": 1}, 1)
    assert set(await stocked.records("customer")) == {"used", "free"}
    status = await stocked.delete("customer", body)
    assert status["batchType"] == "PARTNER_RESOURCE_BATCH_DELETE"
    assert counts(status) == ("partial_success", 1, 0, 3)
    assert status["errors"]["summary"] == {"in_use": 1, "not_found": 1, "duplicate_in_batch": 1}
    assert list(status["errors"]["details"]) == ["0", "2", "3"]
    assert set(await stocked.records("customer")) == {"used"}


async def test_a_cascade_takes_along_what_refers_to_it(stocked: Uploads) -> None:
    body = {"externalIds": ["used"], "cascade": True}
    assert foreseen(await dry(stocked, "customer", **body)) == ({"customer": 1, "note": 2}, 0)
    assert counts(await stocked.delete("customer", body)) == ("success", 1, 0, 0)
    assert set(await stocked.records("customer")) == {"free"}
    assert set(await stocked.records("note")) == {"c"}


async def test_all_of_a_schema_go_but_what_other_schemas_refer_to(stocked: Uploads) -> None:
    assert foreseen(await dry(stocked, "customer", deleteAll=True)) == ({"customer": 1}, 1)
    status = await stocked.delete("customer", {"deleteAll": True})
    assert counts(status) == ("partial_success", 1, 0, 1)
    assert set(await stocked.records("customer")) == {"used"}
    # Notes refer only to each other.
    assert foreseen(await dry(stocked, "note", deleteAll=True)) == ({"note": 3}, 0)
    assert counts(await stocked.delete("note", {"deleteAll": True})) == ("success", 3, 0, 0)
    assert counts(await stocked.delete("customer", {"deleteAll": True})) == ("success", 1, 0, 0)
    assert counts(await stocked.delete("customer", {"deleteAll": True})) == ("success", 0, 0, 0)


async def test_what_waits_is_deleted_too(acme: Uploads) -> None:
    waiting = await acme.send("note", [{"id": "w", "to": "never"}], dependencyWaitTimeout=600)
    assert counts(await acme.seen(waiting)) == ("pending", 0, 1, 0)
    assert counts(await acme.delete("note", {"externalIds": ["w"]})) == ("success", 1, 0, 0)
    status = await acme.done(waiting)
    assert counts(status) == ("failed", 0, 0, 1)
    assert status["errors"]["summary"] == {"cancelled": 1}


async def test_whole_numbers_may_name_records(acme: Uploads) -> None:
    await acme.apply("note", [{"id": "7"}])
    assert counts(await acme.delete("note", {"externalIds": [7]})) == ("success", 1, 0, 0)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"[]", 'the body must be an object: {"externalIds": [...]}'),
        (b"{}", "either externalIds must be given or deleteAll be true"),
        (b'{"deleteAll": false}', "either externalIds must be given or deleteAll be true"),
        (
            b'{"externalIds": ["a"], "deleteAll": true}',
            "either externalIds must be given or deleteAll be true",
        ),
        (b'{"externalIds": []}', "externalIds has 0 ids; it must have 1 to 1,000"),
        (b'{"externalIds": "a"}', "externalIds must be an array of 1 to 1,000 ids"),
        (b'{"externalIds": ["a", 1.5]}', "externalIds[1] must be text or a whole number"),
        (b'{"externalIds": [true]}', "externalIds[0] must be text or a whole number"),
        (
            b'{"externalIds": [' + b'"a",' * 1_000 + b'"a"]}',
            "externalIds has 1,001 ids; it must have 1 to 1,000",
        ),
        (b'{"externalIds": ["\\ud800"]}', "externalIds must hold text of Unicode"),
    ],
)
async def test_a_faulty_body_is_told_why(acme: Uploads, body: bytes, told: str) -> None:
    reply = await acme.client.send(
        "DELETE", "/api/resources/note/batch", body, Content_Type="application/json"
    )
    assert (reply.status, refused(reply)) == (400, [told])


async def test_all_faults_are_told_at_once(acme: Uploads) -> None:
    sent = {"externalIds": [], "deleteAll": True, "cascade": 1, "dryRun": "yes", "force": True}
    reply = await acme.client.send_json("DELETE", "/api/resources/note/batch?dryRun=true", sent)
    assert reply.status == 400
    assert refused(reply) == [
        "there is no parameter 'dryRun' here",
        "'force' is not a member of the body",
        "cascade must be true or false",
        "dryRun must be true or false",
        "either externalIds must be given or deleteAll be true",
        "externalIds has 0 ids; it must have 1 to 1,000",
    ]
    for body in ({"deleteAll": True}, {"deleteAll": True, "dryRun": True}):
        missing = await acme.client.send_json("DELETE", "/api/resources/nothing/batch", body)
        assert missing.status == 404
        assert refused(missing)


async def test_deletes_stay_in_their_scope(stocked: Uploads, server: Server) -> None:
    tenant = Uploads((await server.holder("scope_acme")).saying(reach_tenant_id="tenant"))
    assert foreseen(await dry(tenant, "note", deleteAll=True)) == ({}, 0)
    assert counts(await tenant.delete("note", {"externalIds": ["c"]})) == ("failed", 0, 0, 1)
    assert (await tenant.client.delete("/api/resources/note/c")).status == 404
    assert set(await stocked.records("note")) == {"a", "b", "c"}
