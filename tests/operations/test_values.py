"""`id`, `depends_on` and `$ref:`: operations that build on the answers of earlier ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.operations.batches import new, op, read, resource, run, send, stored, tag

if TYPE_CHECKING:
    from tests.server import Client


async def test_what_depends_on_a_failure_is_not_run_nor_what_depends_on_that(root: Client) -> None:
    batch = await run(
        root,
        new("a", taken=True, id="a"),
        new("b", id="b", depends_on=["a"]),
        new("c", depends_on=["b"]),
        new("d", id="d"),
        new("e", depends_on=["d"]),
        read("roadmap", depends_on=["d", "a"]),
    )
    assert batch.codes == [
        "already_exists",
        "failed_dependency",
        "failed_dependency",
        "201",
        "201",
        "failed_dependency",
    ]
    skipped = batch.results[1]
    assert (skipped["response_code"], skipped["headers"], "body" in skipped) == (424, {}, False)
    assert skipped["error"]["message"] == "it was not run, because an operation that it depends on failed"
    assert await stored(root) == ["d", "e"]


async def test_an_unknown_or_later_dependency_is_the_fault_of_the_operation_alone(root: Client) -> None:
    batch = await run(
        root,
        new("a", id="a", depends_on=["a"]),
        new("b", depends_on=["c"]),
        new("c", id="c"),
        new("d", depends_on=["nobody", "c"]),
        new("e", depends_on=["a"]),
        new("f", depends_on=["c", "c"]),
    )
    assert batch.codes == [
        *("invalid_value", "invalid_value", "201", "invalid_value", "failed_dependency", "201")
    ]
    assert batch.statuses == [400, 400, 201, 400, 424, 201]
    assert await stored(root) == ["c", "f"]


async def test_two_operations_of_one_id_are_refused_before_anything_runs(root: Client) -> None:
    before = await root.everything()
    reply = await send(root, new("a", id="same"), new("b"), new("c", id="same"))
    assert (reply.status, reply.code) == (400, "invalid_value")
    assert reply.json["detail"] == "two operations have the id 'same'"
    assert await root.everything() == before


async def test_values_fill_bodies_params_headers_and_paths(root: Client) -> None:
    body = {**resource("x"), "data": {"list": ["$ref:t#/body/name", {"deep": "$ref:t#/response_code"}]}}
    del body["id"]
    batch = await run(
        root,
        op("POST", "/resource-types", {"scopeId": "scope_acme", "key": "note", "name": "Note"}, id="t"),
        op("POST", "/resources", {**body, "resourceTypeId": "$ref:t#/body/id"}, id="r"),
        op("GET", "/resources", params={"ids": "$ref:r#/body/id", "etags": "true"}, id="found"),
        op("PUT", "/resources/$ref:r#/body/id", {}, headers={"If-Match": "$ref:r#/headers/ETag"}, id="put"),
        op("GET", "$ref:r#/headers/Location"),
        op("GET", "/resources/$ref:found#/body/0/id"),
    )
    assert batch.statuses == [201, 201, 200, 200, 400, 200]
    made, found, put = batch.bodies[1:4]
    assert made["resourceTypeId"] == batch.bodies[0]["id"]
    assert made["data"] == {"list": ["Note", {"deep": 201}]}
    assert [each["id"] for each in found] == [made["id"]]
    assert "data" not in put
    assert batch.bodies[5] == put


SEGMENTS = (
    "$ref:a#/body/id",
    quote("$ref:a#/body/id", safe=""),
    quote("$ref:a#/body/id", safe="$:"),
    "$ref:a#%2Fbody%2Fid",
    "%24ref:a#/body/id",
    "$ref:a%20%3F#/body/id",
)


async def test_a_path_takes_values_encoded_or_as_they_are_at_its_end(root: Client) -> None:
    gets = [op("GET", f"/resources/{segment}") for segment in SEGMENTS]
    batch = await run(root, new("a", id="a"), op("GET", "/resources/resource_a", id="a ?"), *gets)
    assert batch.statuses == [201] + [200] * (len(SEGMENTS) + 1)
    assert all(body == batch.bodies[0] for body in batch.bodies)


async def test_an_encoded_reference_may_stand_before_other_segments(root: Client) -> None:
    words = {"data": {"noun": "resources", "many": "batch", "up": "..", "slash": "a/b", "batch": "batch"}}
    batch = await run(
        root,
        op("POST", "/resources", {**resource("a"), **words}, id="a"),
        op("GET", f"/{quote('$ref:a#/body/data/noun', safe='')}/resource_a"),
        op("POST", "/tags/$ref:a#/body/data/many", [tag("low")]),
        op("GET", "/resources/$ref:a#/body/data/slash"),
        op("GET", "/resources/$ref:a#/body/data/up"),
        op("POST", "/$ref:a#/body/data/batch", {"requests": []}),
        op("POST", f"/{quote('$ref:a#/body/data/up', safe='')}/batch", {"requests": []}),
    )
    assert batch.codes == ["201", "200", "201", "not_found", "not_found", "invalid_value", "invalid_value"]


async def test_an_earlier_etag_chains_into_the_next_change(root: Client) -> None:
    def put(number: int, etag_of: str) -> dict[str, Any]:
        headers = {"If-Match": f"$ref:{etag_of}#/headers/ETag"}
        return op(
            "PUT", "/resources/resource_a", {"displayName": str(number)}, headers=headers, id=f"p{number}"
        )

    batch = await run(root, new("a", id="p0"), *(put(i, f"p{i - 1}") for i in range(1, 5)), put(5, "p1"))
    assert batch.statuses == [201, 200, 200, 200, 200, 412]
    assert (await root.read("/resources/resource_a"))["displayName"] == "4"


async def test_two_dollars_stand_for_one_where_values_are_taken(root: Client) -> None:
    data = {"a": "$$ref:x#/body", "b": "$$$ref:", "c": "not $ref:x#/body", "$ref:x#": 1, "d": "$re"}
    batch = await run(root, op("POST", "/resources", resource("a", data=data), id="x"))
    assert batch.bodies[0]["data"] == {**data, "a": "$ref:x#/body"}
    batch = await run(
        root,
        op("GET", "/scopes", id="x"),
        op("GET", "/resources/$$ref:x#"),
        op("GET", "/resources", params={"externalResourceId": "$$ref:x#"}),
    )
    assert batch.codes == ["200", "not_found", "200"]
    assert batch.bodies[1]["detail"] == "there is no resource '$ref:x#'"


async def test_nothing_is_a_reference_where_no_operation_has_an_id(root: Client) -> None:
    data = {"a": "$ref:x#/body", "b": "$$ref:x"}
    batch = await run(
        root,
        op("POST", "/resources", resource("a", data=data)),
        op("GET", "/resources", params={"externalResourceId": "$ref:x#"}),
    )
    assert batch.statuses == [201, 200]
    assert batch.bodies[0]["data"] == data
    assert batch.bodies[1] == []


UNRESOLVED = (
    "$ref:nobody#/body/id",
    "$ref:later#/body/id",
    "$ref:own#/body/id",
    "$ref:a#/body/nothing",
    "$ref:a#/body/id/0",
    "$ref:list#/body/7",
    "$ref:list#/body/00",
    "$ref:list#/body/-1",
    "$ref:list#/body/" + "9" * 5_000,
    "$ref:list#/body/x",
    "$ref:a#body",
    "$ref:a",
    "$ref:",
    "$ref:#/body",
    "$ref:skipped#/body",
)


async def test_a_value_that_is_not_there_fails_the_operation_and_is_never_sent_as_text(root: Client) -> None:
    faulty = [
        *(op("POST", "/resources", resource("x", displayName=text)) for text in UNRESOLVED),
        *(op("GET", "/resources", params={"externalResourceId": text}) for text in UNRESOLVED),
        *(op("GET", "/scopes/scope_acme", headers={"If-None-Match": text}) for text in UNRESOLVED),
        *(op("GET", f"/resources/{quote(text, safe='')}") for text in UNRESOLVED if len(text) < 50),
    ]
    batch = await run(
        root,
        new("a", id="a"),
        op("GET", "/scopes", id="list"),
        new("b", taken=True, id="failed"),
        new("c", id="skipped", depends_on=["failed"]),
        *faulty,
        op("POST", "/resources", resource("own", displayName="$ref:own#/body/id"), id="own"),
        new("later", id="later"),
    )
    assert batch.codes[:4] == ["201", "200", "already_exists", "failed_dependency"]
    assert batch.codes[4:] == [*["failed_dependency"] * (len(faulty) + 1), "201"]
    assert set(batch.statuses[4:-1]) == {424}
    assert batch.bodies[4]["detail"] == "'$ref:nobody#/body/id': no earlier operation 'nobody' has a result"
    assert await stored(root) == ["a", "later"]


async def test_only_a_text_number_or_flag_can_stand_where_a_text_is_needed(root: Client) -> None:
    values: dict[str, Any] = {
        "data": {"object": {}, "list": [], "null": None, "number": 1, "true": True, "half": 0.5}
    }
    pointers = ["object", "list", "null", "number", "true", "half"]
    texts = [f"$ref:a#/body/data/{each}" for each in pointers]
    batch = await run(
        root,
        op("POST", "/resources", {**resource("a"), **values}, id="a"),
        *(op("GET", "/scopes", params={"limit": text}) for text in texts),
        *(op("GET", f"/scopes/{text}") for text in texts),
        *(op("GET", "/scopes/scope_acme", headers={"If-None-Match": text}) for text in texts[:3]),
    )
    refused = ["failed_dependency"] * 3
    assert batch.codes[1:7] == [*refused, "200", "invalid_value", "invalid_value"]
    assert batch.codes[7:13] == [*refused, *["not_found"] * 3]
    assert batch.codes[13:] == refused
    assert batch.bodies[5]["detail"].endswith("not 'true'")


async def test_a_whole_body_may_be_a_value(root: Client) -> None:
    source = resource("a", data={"copy": resource("b", data=[resource("c"), resource("d")])})
    batch = await run(
        root,
        op("POST", "/resources", source, id="a"),
        op("POST", "/resources", "$ref:a#/body/data/copy", id="b"),
        op("POST", "/resources/batch", json.dumps("$ref:b#/body/data")),
        op("POST", "/resources", "$ref:a#/body/id"),
        op("POST", "/resources", "$$ref:a#"),
    )
    assert batch.codes == ["201", "201", "201", "invalid_value", "invalid_value"]
    assert await stored(root) == ["a", "b", "c", "d"]


async def test_the_answer_of_a_failure_can_be_looked_into(root: Client) -> None:
    batch = await run(
        root,
        new("b", taken=True, id="f"),
        op("POST", "/resources", resource("a", data={"why": "$ref:f#/error", "code": "$ref:f#/body/code"})),
        op("POST", "/resources", resource("c", data="$ref:f#")),
    )
    assert batch.statuses == [409, 201, 201]
    failed = batch.results[0]
    assert batch.bodies[1]["data"] == {"why": failed["error"], "code": "already_exists"}
    assert batch.bodies[2]["data"] == failed


async def test_values_are_taken_from_neighbours_that_would_have_run_together(root: Client) -> None:
    def chained(position: int) -> dict[str, Any]:
        before = f"$ref:r{position - 1}#/body/externalResourceId" if position else "first"
        fields = {"displayName": before, "externalResourceId": f"number-{position}"}
        return op("POST", "/resources", resource(f"n{position}", **fields), id=f"r{position}")

    batch = await run(root, *(chained(i) for i in range(6)))
    names = [body["displayName"] for body in batch.bodies]
    assert names == ["first", *(f"number-{i}" for i in range(5))]


async def test_values_can_not_grow_a_batch_beyond_what_could_have_been_sent(root: Client) -> None:
    big = op("POST", "/resources", resource("big", data="x" * 1_000_000), id="big")
    copies = op("POST", "/resources", resource("a", data=["$ref:big#/body/data"] * 17))
    batch = await run(root, big, copies, new("b"))
    assert batch.codes == ["201", "too_large", "201"]
    assert batch.bodies[1]["detail"].startswith(
        "the values of earlier answers have more than 16,777,216 bytes"
    )
    items = op("POST", "/resources", resource("i", data=[{}] * 1_000), id="i")
    many = [op("POST", "/tags/batch", "$ref:i#/body/data") for _ in range(11)]
    batch = await run(root, items, *many, new("c"))
    assert batch.codes == ["201", *["missing_field"] * 9, *["too_many_items"] * 2, "201"]
    assert await stored(root) == ["b", "big", "c", "i"]


async def test_objects_that_refer_to_each_other_are_made_through_ids_of_the_client(root: Client) -> None:
    batch = await run(
        root,
        op(
            "POST",
            "/scopes/batch",
            [
                {"id": "scope_below", "parentScopeId": "scope_above", "name": "Below"},
                {"id": "scope_above", "parentScopeId": "scope_acme", "name": "Above"},
            ],
        ),
        op("POST", "/resources", resource("a", scopeId="scope_below", data={"twin": "resource_b"})),
        op("POST", "/resources", resource("b", scopeId="scope_below", data={"twin": "resource_a"})),
        atomic=True,
    )
    assert batch.statuses == [201, 201, 201]
    assert [body["data"] for body in batch.bodies[1:]] == [{"twin": "resource_b"}, {"twin": "resource_a"}]
