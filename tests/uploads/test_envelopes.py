"""What is checked before the 202, all of it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from db.shapes import MAX_ITEMS
from tests.server import serving
from tests.uploads.clients import CUSTOMER, Uploads, accepted, counts, refused
from tests.uploads.conftest import furnish

if TYPE_CHECKING:
    from tests.server import Server

PATH = "/api/resources/customer/batch"
ONE = {"id": "a", "name": "A"}


async def test_every_fault_is_told_at_once_and_nothing_is_accepted(acme: Uploads) -> None:
    query = "onconflict=skip&ignoreUnknownFields=1&dependencyWaitTimeout=86401&upsert=true&again=1&again=2"
    reply = await acme.client.post(
        f"{PATH}?{query}", {"resources": [ONE, 1, [], None], "onconflict": "upsert"}
    )
    assert reply.status == 400
    assert refused(reply) == [
        "the parameter 'again' is given twice",
        "onconflict must be one of upsert, reject, not 'skip'",
        "ignoreUnknownFields must be true or false, not '1'",
        "dependencyWaitTimeout must be a whole number from 0 to 86,400, not '86401'",
        "there is no parameter 'upsert' here",
        "there is no parameter 'again' here",
        "'onconflict' is not a member of the body",
        "resources[1] must be an object",
        "resources[2] must be an object",
        "resources[3] must be an object",
    ]
    reply = await acme.client.post("/api/resources/nothing/batch?dependencyWaitTimeout=x", {"resources": []})
    assert reply.status == 404
    assert sorted(refused(reply)) == [
        "dependencyWaitTimeout must be a whole number from 0 to 86,400, not 'x'",
        "resources has 0 records; it must have 1 to 1,000",
        "there is no schema definition 'nothing' that scope scope_acme can use",
    ]
    assert (await acme.client.get("/api/batches")).json["data"]["pagination"] == {
        "hasNextPage": False,
        "total": 0,
    }


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[]", 'the body must be an object: {"resources": [...]}'),
        (b"{}", "resources must be an array of 1 to 1,000 records"),
        (b'{"resources": null}', "resources must be an array of 1 to 1,000 records"),
        (b'{"resources": {"0": {}}}', "resources must be an array of 1 to 1,000 records"),
        (b'{"resources": []}', "resources has 0 records; it must have 1 to 1,000"),
        (
            b'{"resources": [' + b"{}," * 1_000 + b"{}]}",
            "resources has 1,001 records; it must have 1 to 1,000",
        ),
        (b'{"resources": [{"id": NaN}]}', "the body is not JSON: NaN is not a JSON number"),
        (b'{"resources": [{"id": "\xff"}]}', "the body is not UTF-8: invalid start byte at byte 23"),
        (b'{"resources": [{"id": 1}', None),
        (b'{"resources": [{"id": ' + b"[" * 50_000, "the body is nested deeper than 100 levels"),
    ],
)
async def test_a_body_that_is_no_upload_is_told_why(acme: Uploads, body: bytes, told: str | None) -> None:
    reply = await acme.client.send("POST", PATH, body, Content_Type="application/json")
    assert reply.status == 400
    assert told is None or refused(reply) == [told]


async def test_many_wrong_records_are_told_in_a_few_words(acme: Uploads) -> None:
    reply = await acme.client.post(PATH, {"resources": list(range(5_000))})
    assert reply.status == 400
    errors = refused(reply)
    assert errors[0] == "resources has 5,000 records; it must have 1 to 1,000"
    assert errors[1:21] == [f"resources[{index}] must be an object" for index in range(20)]
    assert errors[21:] == ["4,980 more must be objects"]


@pytest.mark.parametrize("value", ["", "null"])
async def test_parameters_may_be_null(acme: Uploads, value: str) -> None:
    status = await acme.apply(
        "customer", [{**ONE, "x": 1}, ONE], ignoreUnknownFields=value, dependencyWaitTimeout=value
    )
    assert counts(status) == ("partial_success", 1, 0, 1)


async def test_a_definition_without_an_external_id_field_takes_no_uploads(server: Server) -> None:
    acme = await server.holder("scope_acme")
    await acme.created("/resource-types", {"scopeId": "scope_acme", "key": "plain", "name": "Plain"})
    for method in ("POST", "PATCH"):
        reply = await acme.send_json(method, "/api/resources/plain/batch", {"resources": [ONE]})
        assert (reply.status, refused(reply)) == (
            400,
            ["the schema definition plain names no externalIdField"],
        )


@pytest.mark.parametrize("count", [1, 2, 64, MAX_ITEMS])
async def test_up_to_a_thousand_records_are_stored(acme: Uploads, count: int) -> None:
    records = [{"id": f"c-{index}", "name": "x"} for index in range(count)]
    status = await acme.done(await acme.send("customer", records))
    assert counts(status) == ("success", count, 0, 0)
    listed = await acme.client.get("/api/resources/customer?limit=1")
    assert listed.json["data"]["pagination"]["total"] == count


async def test_what_is_wrong_inside_a_record_is_told_by_its_place(acme: Uploads) -> None:
    bodies = {
        '{"id": "a", "name": "a\\u0000b"}': "name must not contain the character U+0000",
        '{"id": "\\ud800", "name": "x"}': "id must not contain a lone surrogate",
        '{"id": "a", "name": "x", "address": {"city": ["x", "\\udfff"]}}': (
            "address/city/1 must not contain a lone surrogate"
        ),
        '{"id": "a", "name": "x", "address": {"\\u0000": 1}}': (
            "address has a field whose name must not contain the character U+0000"
        ),
        '{"id": "a", "name": "x", "\\u0000": 1}': (
            "it has a field whose name must not contain the character U+0000"
        ),
        '{"id": "a", "name": "x", "age": 18446744073709551616}': "age is a number beyond 64 bits",
        '{"id": "a", "name": "x", "age": -1e999}': "age is a number beyond 64 bits",
        '{"id": "a", "name": "x", "address": {}, "age": "x"}': "age must be of type integer",
        '{"id": "a", "name": "x", "address": {"city": 1}}': "address/city must be of type string",
    }
    body = ('{"resources": [' + ",".join(bodies) + "]}").encode()
    reply = await acme.client.send("POST", PATH, body, Content_Type="application/json")
    assert reply.status == 202, reply
    status = await acme.done(accepted(reply))
    told = {str(index): [detail] for index, detail in enumerate(bodies.values())}
    assert status["errors"]["details"] == told


async def test_what_is_wrong_inside_a_record_fails_that_one(acme: Uploads) -> None:
    long = "x" * (1024 * 1024)
    bodies: list[tuple[str, str]] = [
        ('{"id": "ok", "name": "fine"}', ""),
        ('{"name": "no id"}', "missing_field"),
        ('{"id": null, "name": "null id"}', "missing_field"),
        ('{"id": true, "name": "a flag"}', "invalid_value"),
        ('{"id": "", "name": "empty"}', "invalid_value"),
        (f'{{"id": "{"x" * 513}", "name": "too long an id"}}', "invalid_value"),
        ('{"id": "zero", "name": "a\\u0000b"}', "invalid_value"),
        ('{"id": "half", "name": "\\ud800"}', "invalid_value"),
        ('{"id": "big", "name": "x", "age": 1e999}', "invalid_value"),
        (f'{{"id": "deep", "name": {"[" * 150}{"]" * 150}}}', "invalid_value"),
        ('{"id": "type", "name": 7}', "invalid_value"),
        ('{"id": "required"}', "missing_field"),
        ('{"id": "unknown", "name": "x", "nickname": "y"}', "unknown_field"),
        ('{"id": "unknown-deep", "name": "x", "address": {"street": "y"}}', "unknown_field"),
        (f'{{"id": "long", "name": "{long}"}}', "too_large"),
        ('{"id": "twice", "name": "x", "name": "the last one counts"}', ""),
    ]
    body = ('{"resources": [' + ",".join(record for record, _ in bodies) + "]}").encode()
    reply = await acme.client.send("POST", PATH, body, Content_Type="application/json")
    assert reply.status == 202, reply
    status = await acme.done(accepted(reply))
    failed = {index: code for index, (_, code) in enumerate(bodies) if code}
    assert counts(status) == ("partial_success", 2, 0, len(failed))
    assert sorted(status["errors"]["details"], key=int) == [str(index) for index in failed]
    assert all(all(told) for told in status["errors"]["details"].values())
    summary: dict[str, int] = {}
    for code in failed.values():
        summary[code] = summary.get(code, 0) + 1
    assert status["errors"]["summary"] == summary
    assert status["errors"]["message"] == f"{len(failed)} of {len(bodies)} records failed"
    assert await acme.records("customer") == {
        "ok": {"id": "ok", "name": "fine"},
        "twice": {"id": "twice", "name": "the last one counts"},
    }


async def test_a_body_at_the_edge_of_what_can_be_read_is_refused_or_applied(acme: Uploads) -> None:
    for depth in (99, 400, 900, 960, 990):
        deep = "[" * depth + "]" * depth
        body = f'{{"resources": [{{"id": "deep", "name": {deep}}}]}}'.encode()
        reply = await acme.client.send("POST", PATH, body, Content_Type="application/json")
        assert reply.status in {202, 400}, reply
        if reply.status == 202:
            status = await acme.done(accepted(reply))
            assert counts(status) == ("failed", 0, 0, 1)
            assert "internal" not in status["errors"]["summary"], depth


async def test_the_queue_is_bounded(database_url: str) -> None:
    async with serving(database_url, upload_engine=False, max_queued_records=3) as server:
        await furnish(server)
        acme = Uploads(await server.holder("scope_acme"))
        await acme.define("customer", CUSTOMER)
        first = await acme.send("customer", [ONE, ONE])
        sent = {"resources": [ONE, ONE]}
        reply = await acme.client.post(PATH, sent, Idempotency_Key="again")
        assert (reply.status, reply.headers["Retry-After"]) == (429, "5")
        assert refused(reply) == ["2 records are queued, 2 more were sent, and the limit is 3"]
        inside = await acme.client.post(
            "/batch", {"requests": [{"method": "POST", "url": PATH, "body": sent}]}
        )
        assert inside.json["results"][0]["response_code"] == 429
        assert (await acme.client.delete(f"/api/batches/{first}")).status == 200
        reply = await acme.client.post(PATH, sent, Idempotency_Key="again")
        assert reply.status == 202
        again = await acme.client.post(PATH, sent, Idempotency_Key="again")
        assert (again.headers["Idempotency-Replayed"], again.body) == ("true", reply.body)
        assert again.headers["Location"] == reply.headers["Location"]
        other = await acme.client.post(PATH, {"resources": [ONE]}, Idempotency_Key="again")
        assert other.status == 422


async def test_every_refusal_under_the_prefixes_wears_the_envelope(server: Server) -> None:
    acme = await server.holder("scope_acme")
    stranger = await server.client(None).get("/api/nowhere")
    assert (stranger.status, stranger.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused(stranger)
    for method, path, status in (
        ("GET", "/api", 404),
        ("GET", "/api/nowhere", 404),
        ("GET", "/partner/", 404),
        ("GET", "/api/resources//x", 404),
        ("PUT", "/api/batches", 405),
        ("POST", PATH, 415),
        ("POST", "/api/batches", 405),
    ):
        reply = await acme.send(method, path, b"{}", Content_Type="text/plain")
        assert reply.status == status, (method, path, reply)
        assert refused(reply)
        if status == 405:
            assert reply.headers["Allow"] == "GET"


async def test_what_the_server_itself_refuses_wears_the_envelope_too(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(sqlite_url, max_body_bytes=1_000, rate_limit_per_s=4) as server:
        await furnish(server)
        acme = await server.holder("scope_acme")
        large = await acme.post(PATH, {"resources": [{"id": "x" * 1_000}]})
        assert (large.status, refused(large)[0][:8]) == (413, "the body")
        packed = await acme.send("POST", PATH, b"{}", Content_Encoding="br")
        assert (packed.status, len(refused(packed))) == (415, 1)
        unknown = await acme.get("/api/batches", reach_tenant_id="scope_globex")
        assert (unknown.status, len(refused(unknown))) == (404, 1)

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(server.database, "read", broken)
        bug = await acme.get("/api/batches", X_Request_Id="this-one")
        monkeypatch.undo()
        assert (bug.status, refused(bug)) == (500, ["an internal error; its request id is this-one"])
        replies = [await acme.get("/partner/schema-definitions") for _ in range(5)]
        assert replies[-1].status == 429
        assert int(replies[-1].headers["Retry-After"]) >= 1
        assert refused(replies[-1]) == ["this token may ask for 4 operations or items a second"]
