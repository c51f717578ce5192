"""What is wrong with an envelope is told of the batch, what is wrong with an operation at its index alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.rest.operations.envelope import MAX_ITEMS_OF_ALL
from tests.operations.batches import Batch, new, op, read, resource, run, send, stored, tag

if TYPE_CHECKING:
    from tests.server import Client

NO_FLAGS: list[Any] = [1, 0, "true", None, []]
NO_HEADERS: list[Any] = [[], "x", {"If-Match": []}]
NO_PARAMS: list[Any] = [[], 5, {"limit": {}}]
NO_IDS: list[Any] = [5, "", "x" * 129, [], True]
NO_DEPENDENCIES: list[Any] = ["a", 0, "", {}, [5], [None], ["a"]]
MALFORMED_ENVELOPES: tuple[tuple[object, str], ...] = (
    ([], "malformed"),
    ("requests", "malformed"),
    (None, "malformed"),
    ({}, "malformed"),
    ({"requests": None}, "malformed"),
    ({"requests": {"0": new("a")}}, "malformed"),
    ({"requests": [new("a")] * 101}, "malformed"),
    ({"requests": [new("a")], "more": 1}, "unknown_field"),
    ({"requests": [new("a")], "Atomic": True}, "unknown_field"),
    ({"requests": [new("a")], "\ud800": True}, "unknown_field"),
    *(
        ({"requests": [new("a")], flag: value}, "invalid_value")
        for flag in ("atomic", "dry_run", "stop_on_error")
        for value in NO_FLAGS
    ),
    ({"requests": [new("a", id="x"), read("a", id="x")]}, "invalid_value"),
    ({"requests": [new("a", id="x"), 5, {"id": "x"}]}, "invalid_value"),
)


async def test_a_malformed_envelope_is_refused_and_nothing_runs(root: Client) -> None:
    before = await root.everything()
    for envelope, code in MALFORMED_ENVELOPES:
        reply = await root.post("/batch", envelope)
        assert (reply.status, reply.code) == (400, code), envelope
    reply = await root.post("/batch?x=1", {"requests": [new("a")]})
    assert (reply.status, reply.code) == (400, "unknown_parameter")
    for key in ("", "é", "k" * 256):
        reply = await send(root, new("a"), key=key)
        assert (reply.status, reply.code) == (400, "invalid_value"), key
    assert await root.everything() == before


FAULTY_OPERATIONS: tuple[tuple[object, str], ...] = (
    (5, "malformed"),
    (None, "malformed"),
    ([], "malformed"),
    ("GET /scopes", "malformed"),
    ({}, "invalid_value"),
    ({"method": "GET"}, "invalid_value"),
    ({"url": "/scopes"}, "invalid_value"),
    (op("PATCH", "/resources/resource_roadmap", {"displayName": "x"}), "invalid_value"),
    (op("HEAD", "/scopes"), "invalid_value"),
    (op("OPTIONS", "/scopes"), "invalid_value"),
    ({"method": 5, "url": "/scopes"}, "invalid_value"),
    ({"method": "\ud800", "url": "/scopes"}, "invalid_value"),
    *(
        (op("GET", url), "invalid_value")
        for url in (
            *("", "scopes", "https://sheaf.example/scopes", "//sheaf.example/scopes", "//batch", "///scopes"),
            *("/scopes/\ud800", "/scopes?scopeId=\ud800", "/scopes/\0", "/" + "x" * 16_384),
        )
    ),
    ({"method": "GET", "url": ["/scopes"]}, "invalid_value"),
    (op("GET", "/scopes", extra=1), "unknown_field"),
    (op("GET", "/scopes", **{"\ud800": 1}), "unknown_field"),
    *((op("GET", "/scopes", headers=value), "invalid_value") for value in NO_HEADERS),
    *((op("GET", "/scopes", headers={"If-Match": value}), "invalid_value") for value in ("\0", "\ud800")),
    (op("GET", "/scopes", headers={"If-Match": "x" * 8_192}), "invalid_value"),
    *((op("GET", "/scopes", params=value), "invalid_value") for value in NO_PARAMS),
    (op("GET", "/scopes", params={"scopeId": "\ud800"}), "invalid_value"),
    *(
        (op("POST", "/tags", body), "malformed")
        for body in ("", "{", "nothing", "NaN", "'", "{} {}", "\ud800")
    ),
    (op("POST", "/tags", "[" * 5_000), "malformed"),
    (op("POST", "/tags", "$ref:a#/body"), "malformed"),
    *((read("roadmap", id=value), "invalid_value") for value in NO_IDS),
    *((read("roadmap", depends_on=value), "invalid_value") for value in NO_DEPENDENCIES),
    (op("GET", "/nothing"), "not_found"),
    (op("GET", "/tokens"), "not_found"),
    (op("GET", "/metrics"), "not_found"),
    (op("GET", "/openapi.json"), "not_found"),
    (op("DELETE", "/scopes"), "method_not_allowed"),
    (op("POST", "/resources", resource("a", displayName="\ud800")), "invalid_value"),
    (op("POST", "/resources", resource("a", displayName="\0")), "invalid_value"),
    (op("POST", "/resources", resource("a", externalResourceId="")), "invalid_value"),
    (op("POST", "/resources", resource("\ud800")), "invalid_value"),
)


async def test_a_faulty_operation_fails_alone_at_its_index(root: Client) -> None:
    before = await root.everything()
    faulty = [operation for operation, _ in FAULTY_OPERATIONS]
    for start in range(0, len(faulty), 98):
        some = faulty[start : start + 98]
        batch = await run(root, read("roadmap"), *some, read("roadmap"))
        codes = [code for _, code in FAULTY_OPERATIONS[start : start + 98]]
        assert batch.codes == ["200", *codes, "200"]
        wanted = {"not_found": 404, "method_not_allowed": 405}
        assert batch.statuses[1:-1] == [wanted.get(code, 400) for code in codes]
        assert all(body["code"] == code for body, code in zip(batch.bodies[1:-1], codes, strict=True))
    assert await root.everything() == before


async def test_each_faulty_operation_stops_or_undoes_the_batch_that_wants_that(root: Client) -> None:
    before = await root.everything()
    for faulty, code in FAULTY_OPERATIONS[:20]:
        stopped = await run(root, read("roadmap"), faulty, new("a"), stop_on_error=True)
        assert stopped.codes == ["200", code], faulty
    for faulty, code in FAULTY_OPERATIONS[20:40]:
        undone = await run(root, new("a"), faulty, new("b"), atomic=True)
        assert undone.codes == ["rolled_back", code, "not_attempted"], faulty
    assert await root.everything() == before


async def test_deep_bodies_fail_at_their_index_up_to_where_no_reader_can_follow(root: Client) -> None:
    before = await root.everything()
    start = '{"requests": [{"method": "POST", "url": "/resources", "body": {"data": '
    for depth in (101, 200, 800):
        for with_ids in ("", ', "id": "x"', ', "id": "$ref:y#"'):
            deep = "[" * depth + '"$ref:z#"' + "]" * depth
            sent = f'{start}{deep}}}{with_ids}}}, {{"method": "GET", "url": "/scopes/scope_acme"}}]}}'
            reply = await root.send("POST", "/batch", sent.encode(), Content_Type="application/json")
            codes = Batch(reply).codes
            assert codes[1] == "200"
            assert codes[0] in {"missing_field", "malformed", "failed_dependency"}, (depth, with_ids)
    sent = start + "[" * 100_000 + "]" * 100_000 + "}}]}"
    reply = await root.send("POST", "/batch", sent.encode(), Content_Type="application/json")
    assert (reply.status, reply.code) == (400, "malformed")
    assert await root.everything() == before


async def test_the_items_of_all_operations_are_bounded_together(root: Client) -> None:
    def tags(operation: int, count: int) -> dict[str, Any]:
        return op("POST", "/tags/batch", [tag(f"{operation}-{i}", id=None) for i in range(count)])

    before = await root.everything()
    full = [tags(i, 1_000) for i in range(10)]
    reply = await send(root, *full, new("a"))
    assert (reply.status, reply.code) == (413, "too_many_items")
    assert (
        reply.json["detail"]
        == f"the operations have 10,001 items together; the limit is {MAX_ITEMS_OF_ALL:,}"
    )
    assert await root.everything() == before
    group = {"scopeId": "scope_acme", "key": "x", "name": "X", "tags": [{}] * 1_001}
    reply = await send(root, *full[:9], op("POST", "/tag-groups", group))
    assert (reply.status, reply.code) == (413, "too_many_items")
    assert await root.everything() == before
    faulty = [op("POST", "/tags/batch", [5] * 1_000) for _ in range(10)]
    assert (await run(root, *faulty)).codes == ["invalid_value"] * 10


async def test_a_list_in_the_data_of_a_resource_is_one_item(root: Client) -> None:
    lists = [op("POST", "/resources", resource(str(i), data=[0] * 2_000)) for i in range(10)]
    assert (await run(root, *lists)).statuses == [201] * 10


async def test_an_operation_with_more_items_than_the_direct_request_may_have_fails_alone(
    root: Client,
) -> None:
    batch = await run(root, op("POST", "/tags/batch", [{}] * 1_001), new("a"))
    assert (batch.codes, batch.statuses) == (["too_many_items", "201"], [413, 201])
    assert await stored(root) == ["a"]


async def test_methods_are_read_in_any_case_and_null_members_as_absent(root: Client) -> None:
    nulls = dict.fromkeys(("headers", "params", "body", "id", "depends_on"))
    batch = await run(
        root, op("get", "/scopes/scope_acme", **nulls), op("Delete", "/resources/resource_none")
    )
    assert batch.codes == ["200", "not_found"]


async def test_a_repeated_header_is_a_list_as_in_any_message(root: Client) -> None:
    etag = (await root.get("/resources/resource_roadmap")).headers["ETag"]
    both = {"If-Match": '"other"', "if-match": f"  {etag}\t"}
    batch = await run(root, op("PUT", "/resources/resource_roadmap", {}, headers=both))
    assert batch.codes == ["200"]
