"""Records, in batches and one by one: stored, merged, changed, refused, found and listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.uploads.clients import Uploads, counts, refused

if TYPE_CHECKING:
    from tests.server import Server

ADA = {"id": "a", "name": "Ada", "age": 36, "address": {"city": "London"}}


async def test_an_upsert_merges_top_level_fields_and_null_deletes_one(acme: Uploads) -> None:
    await acme.apply("customer", [ADA])
    status = await acme.apply("customer", [{"id": "a", "age": None, "address": {}}])
    assert counts(status) == ("success", 1, 0, 0)
    assert await acme.records("customer") == {"a": {"id": "a", "name": "Ada", "address": {}}}


async def test_what_the_merged_record_lacks_fails_it(acme: Uploads) -> None:
    await acme.apply("customer", [ADA])
    status = await acme.apply("customer", [{"id": "a", "name": None, "age": 1}, {"id": "b", "age": 1}])
    assert counts(status) == ("failed", 0, 0, 2)
    assert status["errors"]["summary"] == {"missing_field": 2}
    assert await acme.records("customer") == {"a": ADA}


async def test_reject_fails_what_is_stored_and_stores_the_rest(acme: Uploads) -> None:
    await acme.apply("customer", [ADA])
    records = [{"id": "a", "name": "Eve"}, {"id": "b", "name": "Bob"}, {"id": "b", "name": "Bill"}]
    status = await acme.apply("customer", records, onconflict="reject")
    assert counts(status) == ("partial_success", 1, 0, 2)
    assert status["errors"]["summary"] == {"already_exists": 2}
    assert await acme.records("customer") == {"a": ADA, "b": records[1]}


async def test_one_external_id_several_times_is_taken_in_order(acme: Uploads) -> None:
    records: list[Any] = [
        {"id": "a", "name": "first", "age": 1},
        {"id": "a", "name": 2},
        {"id": "a", "name": "third"},
        {"id": "a", "age": None},
    ]
    status = await acme.apply("customer", records)
    assert counts(status) == ("partial_success", 3, 0, 1)
    assert list(status["errors"]["details"]) == ["1"]
    assert await acme.records("customer") == {"a": {"id": "a", "name": "third"}}


async def test_patch_changes_only_what_exists(acme: Uploads) -> None:
    await acme.apply("customer", [ADA])
    status = await acme.apply("customer", [{"id": "a", "age": 37}, {"id": "b", "name": "B"}], method="PATCH")
    assert status["batchType"] == "PARTNER_RESOURCE_BATCH_PATCH"
    assert counts(status) == ("partial_success", 1, 0, 1)
    assert status["errors"]["summary"] == {"not_found": 1}
    assert await acme.records("customer") == {"a": {**ADA, "age": 37}}


async def test_unknown_fields_are_dropped_at_every_depth_if_that_is_wished(acme: Uploads) -> None:
    record = {"id": "a", "name": "A", "nickname": "x", "address": {"city": "Rome", "street": "y"}}
    status = await acme.apply("customer", [record])
    assert counts(status) == ("failed", 0, 0, 1)
    assert sorted(status["errors"]["details"]["0"]) == [
        "address/street is no field of the schema",
        "nickname is no field of the schema",
    ]
    status = await acme.apply("customer", [record], ignoreUnknownFields="true")
    assert counts(status) == ("success", 1, 0, 0)
    assert await acme.records("customer") == {"a": {"id": "a", "name": "A", "address": {"city": "Rome"}}}


async def test_whole_numbers_are_external_ids_as_text(server: Server) -> None:
    acme = Uploads(await server.holder("scope_acme"))
    await acme.define("item", {"properties": {"id": {"type": ["integer", "string"]}, "n": {}}})
    status = await acme.apply("item", [{"id": 7, "n": 1}, {"id": "7", "n": 2}])
    assert counts(status) == ("success", 2, 0, 0)
    found = await acme.client.get("/api/resources/item/7")
    assert found.json["data"]["data"] == {"id": "7", "n": 2}


async def test_a_single_record_is_created_merged_changed_read_and_deleted(acme: Uploads) -> None:
    path = "/api/resources/customer"
    created = await acme.client.post(path, {"data": ADA})
    assert created.status == 201
    shown = created.json["data"]
    assert list(shown) == [
        "id", "schemaDefinitionId", "schemaName", "resourceExternalId", "data", "createdAt",
    ]  # fmt: skip
    assert (shown["schemaName"], shown["resourceExternalId"], shown["data"]) == ("customer", "a", ADA)
    merged = await acme.client.post(path, {"data": {"id": "a", "age": None}})
    assert (merged.status, merged.json["data"]["id"]) == (200, shown["id"])
    changed = await acme.client.patch(f"{path}/a", {"data": {"name": "Ada L."}})
    expected = {"id": "a", "name": "Ada L.", "address": {"city": "London"}}
    assert (changed.status, changed.json["data"]["data"]) == (200, expected)
    assert list(changed.json["data"])[-1] == "updatedAt"
    read = await acme.client.get(f"{path}/a")
    assert (read.status, read.json["data"]) == (200, changed.json["data"])
    as_resource = await acme.client.get(f"/resources/{shown['id']}")
    assert (as_resource.status, as_resource.json["data"]) == (200, expected)
    assert (await acme.client.delete(f"{path}/a")).json == {
        "success": True,
        "message": "the record was deleted",
    }
    for reply in (
        await acme.client.get(f"{path}/a"),
        await acme.client.delete(f"{path}/a"),
        await acme.client.patch(f"{path}/a", {"data": {"name": "x"}}),
    ):
        assert (reply.status, refused(reply)) == (404, ["there is no record 'a'"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{}", 400),
        (b"[]", 400),
        (b'{"data": []}', 400),
        (b'{"data": {"id": "a"}}', 400),
        (b'{"data": {"id": "a", "name": 1}}', 400),
        (b'{"data": {"id": "a", "name": "x", "more": 1}}', 400),
        (b'{"data": {"id": "a", "name": "x"}, "more": 1}', 400),
        (b'{"data": {"name": "x"}}', 400),
        (b'{"data": {"id": "a", "name": "\\u0000"}}', 400),
        (b'{"data": {"id": "a", "name": "\\ud800"}}', 400),
    ],
)
async def test_a_faulty_single_record_is_refused(acme: Uploads, body: bytes, status: int) -> None:
    reply = await acme.client.send("POST", "/api/resources/customer", body, Content_Type="application/json")
    assert reply.status == status, reply
    assert refused(reply)
    assert await acme.records("customer") == {}


async def test_a_single_record_never_waits_and_keeps_its_external_id(acme: Uploads) -> None:
    missing = await acme.client.post("/api/resources/note", {"data": {"id": "n", "to": "m"}})
    assert missing.status == 422
    assert "there is no resource 'm'" in refused(missing)[0]
    await acme.apply("customer", [ADA])
    other = await acme.client.patch("/api/resources/customer/a", {"data": {"id": "b"}})
    assert (other.status, refused(other)) == (409, ["id can't change: it is 'a'"])
    taken = await acme.client.post("/api/resources/customer?onconflict=reject", {"data": ADA})
    assert taken.status == 409
    dropped = await acme.client.post(
        "/api/resources/customer?ignoreUnknownFields=true", {"data": {**ADA, "x": 1}}
    )
    assert (dropped.status, dropped.json["data"]["data"]) == (200, ADA)


async def test_a_list_is_read_page_by_page(acme: Uploads) -> None:
    await acme.apply("customer", [{"id": f"c-{index:02}", "name": "x"} for index in range(45)])
    seen: list[str] = []
    query = ""
    for expected in (20, 20, 5):
        reply = await acme.client.get(f"/api/resources/customer?{query}")
        page = reply.json["data"]
        assert len(page["results"]) == expected
        assert page["pagination"]["total"] == 45
        assert page["pagination"]["hasNextPage"] is (expected == 20)
        seen += [each["resourceExternalId"] for each in page["results"]]
        query = f"cursor={page['pagination'].get('cursor', '')}"
    assert sorted(seen) == [f"c-{index:02}" for index in range(45)]
    foreign = await acme.client.get("/api/resources/customer?cursor=x")
    assert (foreign.status, refused(foreign)) == (400, ["cursor is not a cursor that this server made"])
    for wrong in ("limit=0", "limit=101", "limit=x&more=1&data.=1&data.a%22=1", "after=x"):
        reply = await acme.client.get(f"/api/resources/customer?{wrong}")
        assert reply.status == 400, wrong
        assert len(refused(reply)) == wrong.count("&") + 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("data.text=5", ["text"]),
        ("data.value=5", ["number", "text-5"]),
        ("data.value=5.5", ["fraction"]),
        ("data.value=true", ["truth", "text-true"]),
        ("data.value=null", ["text-null"]),
        ("data.value=", ["empty"]),
        ("data.value=%5B5%5D", []),
        ("data.value=é", ["accent"]),
        ("data.inner.deep=5", ["inner"]),
        ("data.value=5&data.id=number", ["number"]),
        ("data.value=1e999", []),
        ("data.value=" + "9" * 400, []),
        ("data.missing=5", []),
    ],
)
async def test_a_list_is_narrowed_by_fields(server: Server, query: str, found: list[str]) -> None:
    acme = Uploads(await server.holder("scope_acme"))
    await acme.define("item", {"type": "object"})
    records: list[Any] = [
        {"id": "text", "text": "5"},
        {"id": "number", "value": 5},
        {"id": "text-5", "value": "5"},
        {"id": "fraction", "value": 5.5},
        {"id": "truth", "value": True},
        {"id": "text-true", "value": "true"},
        {"id": "nothing", "value": None},
        {"id": "text-null", "value": "null"},
        {"id": "empty", "value": ""},
        {"id": "list", "value": [5]},
        {"id": "accent", "value": "é"},
        {"id": "inner", "inner": {"deep": 5}},
    ]
    assert counts(await acme.apply("item", records)) == ("success", len(records), 0, 0)
    query = query.replace("é", "%C3%A9")
    page = (await acme.client.get(f"/api/resources/item?{query}")).json["data"]
    assert sorted(each["resourceExternalId"] for each in page["results"]) == sorted(found)
    assert page["pagination"] == {"hasNextPage": False, "total": len(found)}
