"""Schema definitions: made, found, changed, deleted, and refused for every reason there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.uploads.clients import CUSTOMER, Uploads, counts, refused

if TYPE_CHECKING:
    from tests.server import Server

PATH = "/partner/schema-definitions"
FULL = {
    "name": "Order_1-a",
    "pluralName": "orders",
    "description": "what was bought",
    "category": "sales",
    "externalIdField": "id",
    "schema": {"type": "object", "properties": {"id": {}, "title": {"type": "string"}}},
    "exposeNameJsonPath": "$.title",
}


@pytest.fixture
async def empty(server: Server) -> Uploads:
    """Return the partner, who has defined nothing."""
    return Uploads(await server.holder("scope_acme"))


async def test_a_definition_is_shown_as_it_was_made(empty: Uploads) -> None:
    created = await empty.client.post(PATH, FULL)
    assert created.status == 201
    shown = created.json["data"]
    assert list(shown) == [
        "id", "name", "pluralName", "description", "category", "externalIdField", "schema",
        "exposeNameJsonPath", "versionNumber", "referenceSchemas", "createdAt",
    ]  # fmt: skip
    assert {name: shown[name] for name in FULL} == FULL
    assert (shown["versionNumber"], shown["referenceSchemas"]) == (1, [])
    for name in (FULL["name"], "ORDER_1-A", shown["id"]):
        assert (await empty.client.get(f"{PATH}/{name}")).json["data"] == shown
    assert (await empty.client.get(PATH)).json["data"] == [shown]
    as_type = await empty.client.get(f"/resource-types/{shown['id']}")
    assert (as_type.json["key"], as_type.json["displayNamePath"]) == (FULL["name"], "$.title")
    await empty.apply("order_1-a", [{"id": "1", "title": "Socks"}])
    listed = await empty.client.get("/resources?displayNamePrefix=Socks")
    assert [each["externalResourceId"] for each in listed.json] == ["1"]


async def test_a_name_is_taken_once_in_a_scope_in_any_case(empty: Uploads) -> None:
    await empty.define("customer", {})
    reply = await empty.client.post(PATH, {**FULL, "name": "CUSTOMER"})
    assert reply.status == 409
    assert refused(reply) == ["a schema definition with the name 'CUSTOMER' in scope scope_acme exists"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "no spaces"}, "name must be 1 to 128 of A-Z a-z 0-9 _ -"),
        ({"name": None}, "name is required"),
        ({"externalIdField": None}, "externalIdField is required"),
        ({"schema": None}, "schema is required"),
        ({"schema": []}, "schema must be true or false or an object, not an array"),
        ({"key": "x"}, "'key' is not a field that can be set"),
        ({"exposeNameJsonPath": "title"}, "exposeNameJsonPath isn't a singular query of RFC 9535"),
        ({"schema": {"type": "strnig"}}, "schema"),
        ({"schema": {"$schema": "http://json-schema.org/draft-04/schema#"}}, "schema"),
        (
            {"schema": {"properties": {"a": {"$ref": "https://example.com/a.json"}}}},
            "https://example.com/a.json",
        ),
        ({"schema": {"properties": {"a": {"$ref": "#/nowhere"}}}}, "#/nowhere"),
        ({"schema": {"properties": {"a": {"$ref": "schemas/nothing"}}}}, "nothing"),
        ({"schema": {"anyOf": [{"$ref": "schemas/Order_1-a"}]}}, "anyOf"),
        ({"schema": {"properties": {"a": {"pattern": "(a)\\1"}}}}, "pattern"),
        ({"schema": {"properties": {"a": {"pattern": "("}}}}, "pattern"),
    ],
)
async def test_a_bad_definition_is_told_what_is_wrong(
    empty: Uploads, change: dict[str, Any], told: str
) -> None:
    reply = await empty.client.post(PATH, {**FULL, **change})
    assert reply.status == (422 if told == "nothing" else 400), reply
    assert any(told in error for error in refused(reply)), reply
    assert (await empty.client.get(PATH)).json["data"] == []


async def test_all_faults_of_a_definition_are_told(empty: Uploads) -> None:
    body = {"name": "a b", "externalIdField": "", "more": 1}
    reply = await empty.client.post(f"{PATH}?x=1", body)
    assert reply.status == 400
    assert len(refused(reply)) == 5
    schema = {
        "properties": {"a": {"$ref": "https://a.example"}, "b": {"pattern": "("}, "c": {"$ref": "#/no"}}
    }
    reply = await empty.client.post(PATH, {**FULL, "schema": schema, "exposeNameJsonPath": "x"})
    assert reply.status == 400
    assert len(refused(reply)) == 4


async def test_a_definition_may_refer_to_itself_and_to_others_by_name_or_id(empty: Uploads) -> None:
    customer = await empty.define("customer", CUSTOMER)
    schema = {
        "properties": {
            "id": {},
            "parent": {"$ref": "reach:schemas/ORDER"},
            "by": {"$ref": "schemas/Customer"},
            "for": {"type": "array", "items": {"$ref": f"schemas/{customer['id']}"}},
            "local": {"$ref": "#/properties/id"},
        }
    }
    order = await empty.define("order", schema)
    named = {each["name"]: each["id"] for each in order["referenceSchemas"]}
    assert named == {"customer": customer["id"], "order": order["id"]}
    listed = (await empty.client.get(PATH)).json["data"]
    assert {each["name"]: len(each["referenceSchemas"]) for each in listed} == {"customer": 0, "order": 2}
    used = await empty.client.delete(f"{PATH}/customer")
    assert used.status == 409
    assert refused(used)


async def test_a_change_makes_a_version_and_tells_who_would_fail(empty: Uploads) -> None:
    await empty.define("customer", CUSTOMER)
    records = [{"id": f"c-{index:03}", "name": "x", "age": index} for index in range(120)]
    await empty.done(await empty.send("customer", records))
    properties: dict[str, Any] = {"id": {}, "name": {}, "age": {"type": "integer", "maximum": 99}}
    schema = {"type": "object", "properties": properties, "required": ["id", "age"]}
    reply = await empty.client.post(f"{PATH}/Customer", {"schema": schema, "description": "who buys"})
    assert reply.status == 200
    data = reply.json["data"]
    # The newest hundred have the ages 20 to 119.
    assert data["sample"] == {"checked": 100, "failing": 20}
    assert "20 of 100" in reply.json["message"]
    assert (data["versionNumber"], data["schema"], data["description"]) == (2, schema, "who buys")
    assert "updatedAt" in data
    assert (await empty.records("customer"))["c-000"]["age"] == 0
    status = await empty.apply("customer", [{"id": "c-119", "name": "y"}])
    assert counts(status) == ("failed", 0, 0, 1)
    again = await empty.client.post(f"{PATH}/customer", {"category": "people", "name": "customer"})
    assert (again.json["data"]["versionNumber"], "sample" in again.json["data"]) == (2, False)


async def test_a_name_never_changes_and_a_bad_schema_changes_nothing(empty: Uploads) -> None:
    before = await empty.define("customer", CUSTOMER)
    renamed = await empty.client.post(f"{PATH}/customer", {"name": "client"})
    assert renamed.status == 409
    assert refused(renamed) == ["name can't change: it is 'customer'"]
    for body in ({"schema": {"type": 1}}, {"schema": None}, {"externalIdField": None}, {"key": "x"}):
        assert (await empty.client.post(f"{PATH}/customer", body)).status == 400, body
    assert (await empty.client.get(f"{PATH}/customer")).json["data"] == before


async def test_a_definition_is_deleted_unless_records_are_of_it(empty: Uploads) -> None:
    await empty.define("customer", CUSTOMER)
    await empty.apply("customer", [{"id": "a", "name": "A"}])
    assert (await empty.client.delete(f"{PATH}/customer")).status == 409
    assert (await empty.client.delete("/api/resources/customer/a")).status == 200
    reply = await empty.client.delete(f"{PATH}/CUSTOMER")
    assert (reply.status, list(reply.json)) == (200, ["success", "message"])
    for reply in (
        await empty.client.get(f"{PATH}/customer"),
        await empty.client.delete(f"{PATH}/customer"),
        await empty.client.post(f"{PATH}/customer", {}),
        await empty.client.get("/api/resources/customer"),
        await empty.client.get("/api/resources/customer/a"),
        await empty.client.post("/api/resources/customer", {"data": {"id": "a"}}),
        await empty.client.delete("/api/resources/customer/a"),
    ):
        assert (reply.status, refused(reply)) == (404, ["there is no schema definition 'customer'"])


async def test_a_definition_is_not_kept_by_what_it_says_of_itself(empty: Uploads) -> None:
    await empty.define("note", {"properties": {"id": {}, "to": {"$ref": "schemas/note"}}})
    await empty.apply("note", [{"id": "a", "to": "a"}])
    found = (await empty.client.get("/api/resources/note/a")).json["data"]["id"]
    kept = await empty.client.delete(f"{PATH}/note")
    assert (kept.status, refused(kept)) == (409, [f"still in use by 1 resource ({found})"])
    assert (await empty.client.delete("/api/resources/note/a")).status == 200
    assert (await empty.client.delete(f"{PATH}/note")).status == 200


async def test_writes_are_replayed_by_their_key(empty: Uploads) -> None:
    for method, path, body in (
        ("POST", PATH, {**FULL, "name": "order"}),
        ("POST", f"{PATH}/order", {"description": "x"}),
        ("POST", "/api/resources/order", {"data": {"id": "1"}}),
        ("PATCH", "/api/resources/order/1", {"data": {"title": "x"}}),
        ("POST", "/api/resources/order/batch", {"resources": [{"id": "2"}]}),
        ("DELETE", "/api/resources/order/1", None),
    ):
        key = {"Idempotency_Key": f"{method} {path}"}
        replies = [
            await (
                empty.client.saying(**key).send(method, path)
                if body is None
                else empty.client.send_json(method, path, body, **key)
            )
            for _ in range(2)
        ]
        assert replies[0].status < 300, replies[0]
        assert (replies[1].status, replies[1].body) == (replies[0].status, replies[0].body)
        assert replies[1].headers["Idempotency-Replayed"] == "true"
