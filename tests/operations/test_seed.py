"""Seed 003, rule by rule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.operations.batches import new, op, read, resource, run, send, stored, tag

if TYPE_CHECKING:
    from tests.server import Client, Server


async def test_operations_of_different_types_and_routes_go_in_one_request(root: Client) -> None:
    etag = (await root.get("/resources/resource_roadmap")).headers["ETag"]
    batch = await run(
        root,
        op("GET", "/scopes/scope_acme"),
        op("POST", "/tags", tag("low")),
        op("PUT", "/resources/resource_roadmap", {"displayName": "New"}, headers={"If-Match": etag}),
        op("DELETE", "/tag-assignments/tag_assignment_first"),
    )
    assert batch.statuses == [200, 201, 200, 200]
    assert batch.success
    assert [body.get("id") for body in batch.bodies] == ["scope_acme", "tag_low", "resource_roadmap", None]
    assert (await root.read("/resources/resource_roadmap"))["displayName"] == "New"
    assert await root.read("/tag-assignments") == []


async def test_operations_run_in_their_order(root: Client) -> None:
    batch = await run(root, read("a"), new("a"), read("a"), op("DELETE", "/resources/resource_a"), read("a"))
    assert batch.statuses == [404, 201, 200, 200, 404]
    assert await stored(root) == []


async def test_each_result_stands_at_the_index_of_its_operation(root: Client) -> None:
    names = [f"{i:03}" for i in range(40)]
    batch = await run(root, *(new(name, taken=name in {"007", "030"}) for name in names))
    assert [i for i, status in enumerate(batch.statuses) if status != 201] == [7, 30]
    assert [body.get("externalResourceId", body.get("code")) for body in batch.bodies] == [
        "already_exists" if name in {"007", "030"} else name for name in names
    ]
    assert await stored(root) == [name for name in names if name not in {"007", "030"}]


async def test_a_failure_leaves_the_others_alone_and_the_answer_is_200(root: Client) -> None:
    batch = await run(root, new("a"), new("b", taken=True), new("c"))
    assert batch.statuses == [201, 409, 201]
    assert not batch.success
    failed = batch.results[1]
    assert failed["error"] == {"code": "already_exists", "message": failed["body"]["detail"]}
    assert failed["headers"] == {"Content-Type": "application/problem+json"}
    assert await stored(root) == ["a", "c"]


async def test_the_answer_is_200_even_if_every_operation_failed(root: Client) -> None:
    before = await root.everything()
    batch = await run(root, read("a"), op("DELETE", "/scopes/scope_acme"), op("POST", "/tags", {}))
    assert batch.statuses == [404, 409, 400]
    assert not batch.success
    assert await root.everything() == before


@pytest.mark.parametrize(("stop", "left"), [(True, 2), (False, 4)])
async def test_stop_on_error_ends_the_array_with_the_first_failure(
    root: Client, stop: bool, left: int
) -> None:
    requests = [new("a"), new("b", taken=True), new("c"), read("none")]
    batch = await run(root, *requests, stop_on_error=stop)
    assert batch.statuses == [201, 409, 201, 404][:left]
    assert await stored(root) == (["a"] if stop else ["a", "c"])


@pytest.mark.parametrize("atomic", [False, True])
async def test_stop_on_error_ends_with_the_first_of_neighbours_that_are_read_together(
    root: Client, atomic: bool
) -> None:
    batch = await run(root, read("roadmap"), read("a"), read("b"), stop_on_error=True, atomic=atomic)
    assert batch.statuses == [424 if atomic else 200, 404]


async def test_stop_on_error_without_a_failure_runs_all(root: Client) -> None:
    batch = await run(root, new("a"), read("a"), stop_on_error=True)
    assert (batch.success, batch.statuses) == (True, [201, 200])


async def test_a_hundred_operations_run_and_one_more_is_refused_before_anything_runs(root: Client) -> None:
    before = await root.everything()
    refused = await send(root, *(new(str(i)) for i in range(101)))
    assert (refused.status, refused.code) == (400, "malformed")
    assert refused.json["detail"] == "101 operations; the limit is 100"
    assert await root.everything() == before
    batch = await run(root, *(new(f"{i:03}") for i in range(100)))
    assert batch.statuses == [201] * 100


async def test_no_operations_are_no_failure(root: Client) -> None:
    assert (await run(root)).reply.json == {"success": True, "results": []}


DISGUISES = (
    *("/batch", "/batch?x=1", "/batch/", "/BATCH", "/%62atch", "/%42ATCH", "/batch%2F", "/batch#x"),
    *("/./batch", "/x/../batch", "/x/%2e%2e/batch", "/x/..%2fbatch", "/\\batch", "/scopes/..//batch"),
    *("/graphql", "/graphql?query={scopes{totalCount}}", "/%67raphql/"),
)


async def test_a_batch_in_a_batch_is_refused_in_every_disguise(root: Client) -> None:
    before = await root.everything()
    nested = {"requests": [new("a")]}
    batch = await run(root, *(op("POST", url, nested) for url in DISGUISES), read("roadmap"))
    assert batch.codes == [*["invalid_value"] * len(DISGUISES), "200"]
    assert set(batch.statuses[:-1]) == {400}
    assert await root.everything() == before


async def test_the_batch_is_authenticated_as_any_request(server: Server, root: Client) -> None:
    before = await root.everything()
    for stranger in (server.client(None), server.client("wrong")):
        refused = await send(stranger, new("a", headers={"Authorization": root.headers["Authorization"]}))
        assert (refused.status, refused.code) == (401, "unauthorized")
    assert await root.everything() == before


async def test_authentication_inside_an_operation_is_ignored(server: Server, root: Client) -> None:
    alice = await server.holder("scope_engineering", subject="alice")
    batch = await run(
        alice,
        new("a", headers={"Authorization": root.headers["Authorization"]}),
        new("b", headers={"authorization": "Bearer wrong", "Cookie": "session=1"}),
        new("c", headers={"reach-tenant-id": "scope_sales", "Reach-Tenant-Id": "nowhere"}),
        op("GET", "/scopes/scope_sales", headers={"Authorization": root.headers["Authorization"]}),
    )
    assert batch.statuses == [201, 201, 201, 404]
    assert [body["createdBy"] for body in batch.bodies[:3]] == ["alice"] * 3


async def test_one_identity_runs_all_operations(server: Server, root: Client) -> None:
    reader = await server.holder("scope_engineering", role="reader")
    before = await root.everything()
    batch = await run(reader, read("roadmap"), new("a"), op("DELETE", "/resources/resource_roadmap"))
    assert batch.codes == ["200", "forbidden", "forbidden"]
    assert await root.everything() == before
    narrowed = root.saying(reach_tenant_id="scope_sales")
    assert (await run(narrowed, read("roadmap"), new("a"))).codes == ["not_found", "unknown_reference"]
    assert await root.everything() == before


async def test_a_change_inside_needs_if_match_with_the_current_etag(root: Client) -> None:
    before = await root.everything()
    url, body = "/resources/resource_roadmap", {"displayName": "New"}
    batch = await run(
        root,
        op("PUT", url, body),
        op("PUT", url, body, headers={"If-Match": '"stale"'}),
        op("DELETE", url, headers={"If-Match": '"stale"'}),
    )
    assert batch.codes == ["precondition_required", "precondition_failed", "precondition_failed"]
    assert batch.statuses == [428, 412, 412]
    assert await root.everything() == before
    etag = (await root.get(url)).headers["ETag"]
    batch = await run(
        root,
        op("PUT", url, body, headers={"if-match": etag}),
        op("PUT", url, {"displayName": "Newer"}, headers={"If-Match": etag}),
    )
    assert batch.statuses == [200, 412]
    assert (await root.read(url))["displayName"] == "New"


async def test_a_malformed_envelope_is_the_only_thing_that_is_not_200(root: Client) -> None:
    before = await root.everything()
    for body in (b"", b"{", b"[]", b'{"requests": 5}', b"{}", b'"x"', b"\xff"):
        reply = await root.send("POST", "/batch", body, Content_Type="application/json")
        assert (reply.status, reply.code) == (400, "malformed"), body
    reply = await root.send("POST", "/batch", b"{}", Content_Type="text/plain")
    assert (reply.status, reply.code) == (415, "unsupported_media_type")
    assert await root.everything() == before


async def test_the_batch_is_always_a_post(root: Client) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        reply = await root.send(method, "/batch")
        assert (reply.status, reply.code, reply.headers["Allow"]) == (405, "method_not_allowed", "POST")


async def test_many_objects_are_changed_and_deleted_at_once(root: Client) -> None:
    await run(root, *(new(str(i)) for i in range(10)))
    etags = [(await root.get(f"/resources/resource_{i}")).headers["ETag"] for i in range(10)]
    changes = [
        op("PUT", f"/resources/resource_{i}", {"displayName": f"N{i}"}, headers={"If-Match": etags[i]})
        for i in range(10)
    ]
    batch = await run(root, *changes, *changes[:1])
    assert batch.statuses == [*[200] * 10, 412]
    assert [body["displayName"] for body in batch.bodies[:10]] == [f"N{i}" for i in range(10)]
    deletes = [op("DELETE", f"/resources/resource_{i}") for i in range(10)]
    batch = await run(root, *deletes, *deletes[:1])
    assert batch.statuses == [*[200] * 10, 404]
    assert batch.bodies[:10] == [{"success": True}] * 10
    assert await stored(root) == []


async def test_a_body_may_be_a_string_of_json(root: Client) -> None:
    batch = await run(
        root, op("POST", "/resources", json.dumps(resource("a"))), op("POST", "/resources", '{"open": ')
    )
    assert batch.codes == ["201", "malformed"]
    assert await stored(root) == ["a"]
