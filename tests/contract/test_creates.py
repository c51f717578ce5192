"""POST of one and of many, for every noun."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.contract.examples import EXAMPLES

if TYPE_CHECKING:
    from tests.contract.examples import Example
    from tests.server import Client

UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
DOCUMENT = {"resourceTypeId": "resource_type_document", "scopeId": "scope_engineering"}
of_every_noun = pytest.mark.parametrize("example", EXAMPLES, ids=str)


def document(name: str, **more: object) -> dict[str, object]:
    """Return a resource to create."""
    return {**DOCUMENT, "externalResourceId": name, **more}


@of_every_noun
async def test_one_is_created_with_the_least_that_can_be_sent(root: Client, example: Example) -> None:
    reply = await root.post(example.path, example.new)
    shown = reply.json
    assert reply.status == 201
    assert re.fullmatch(f"{example.namespace}_{UUID7}", shown["id"])
    assert shown["createdBy"] == "system"
    assert {name: shown[name] for name in example.new} == example.new
    assert reply.headers["Location"] == f"{example.path}/{shown['id']}"
    stored = await root.get(reply.headers["Location"])
    assert (stored.status, stored.json) == (200, shown)
    assert stored.headers["ETag"] == reply.headers["ETag"]
    assert re.fullmatch(r'"[^"]+"', reply.headers["ETag"])


@of_every_noun
async def test_one_is_created_with_all_that_can_be_sent_and_shown_in_the_order_of_the_contract(
    root: Client, example: Example
) -> None:
    reply = await root.post(example.path, example.full)
    shown = reply.json
    assert reply.status == 201
    assert {name: shown[name] for name in example.full} == example.full
    unset = {"updatedAt", "updatedBy"}
    assert list(shown) == [name for name in example.members if name not in unset]
    assert await root.read(f"{example.path}/{example.full['id']}") == shown


@of_every_noun
async def test_null_means_absent(root: Client, example: Example) -> None:
    nulls = dict.fromkeys(("id", *example.more))
    reply = await root.post(example.path, {**example.new, **nulls})
    assert reply.status == 201
    assert {name: reply.json[name] for name in example.new} == example.new
    assert None not in reply.json.values()


@of_every_noun
async def test_many_are_bare_arrays_and_one_of_many_has_neither_location_nor_etag(
    root: Client, example: Example
) -> None:
    reply = await root.post(f"{example.path}/batch", [example.full])
    assert reply.status == 201
    assert reply.json == [await root.read(f"{example.path}/{example.full['id']}")]
    assert not {"Location", "ETag"} & set(reply.headers)


@of_every_noun
async def test_etags_are_added_on_request_and_are_those_of_the_objects(
    root: Client, example: Example
) -> None:
    reply = await root.post(f"{example.path}/batch?etags=true", [example.full])
    stored = await root.get(f"{example.path}/{example.full['id']}")
    assert reply.json == [{**stored.json, "etag": stored.headers["ETag"]}]
    assert list(reply.json[0])[-1] == "etag"


@of_every_noun
async def test_nothing_makes_nothing(root: Client, example: Example) -> None:
    before = await root.everything()
    for query in ("", "?onError=continue", "?outcomes=true", "?onConflict=skip", "?onConflict=merge"):
        reply = await root.post(f"{example.path}/batch{query}", [])
        assert (reply.status, reply.body) == (200, b"[]"), query
    assert await root.everything() == before


@of_every_noun
async def test_a_fault_of_one_stores_none_and_every_faulty_item_is_named(
    root: Client, example: Example
) -> None:
    before = await root.everything()
    required = example.required
    items = [
        example.full,
        {"bogus~/": 1, **dict.fromkeys(required)},
        17,
        {**example.new, required[0]: ["no", "string"]},
        {**example.new, "createdAt": "2024-01-15T10:30:00Z"},
    ]
    reply = await root.post(f"{example.path}/batch", items)
    assert (reply.status, reply.code) == (400, "unknown_field")
    assert sorted(reply.faults) == sorted(
        [
            (1, "/1/bogus~0~1", "unknown_field"),
            *((1, f"/1/{name}", "missing_field") for name in required),
            (2, "/2", "invalid_value"),
            (3, f"/3/{required[0]}", "invalid_value"),
            (4, "/4/createdAt", "unknown_field"),
        ]
    )
    assert await root.everything() == before


@of_every_noun
async def test_the_good_ones_are_stored_if_asked_to_continue(root: Client, example: Example) -> None:
    reply = await root.post(f"{example.path}/batch?onError=continue", [17, example.full])
    assert reply.status == 207
    failed, created = reply.json
    assert list(failed) == ["index", "status", "outcome", "error"]
    assert (failed["index"], failed["status"], failed["outcome"]) == (0, 400, "failed")
    assert list(failed["error"]) == ["code", "detail", "errors"]
    assert failed["error"]["code"] == "invalid_value"
    assert [(fault["pointer"], fault["code"]) for fault in failed["error"]["errors"]] == [
        ("", "invalid_value")
    ]
    stored = await root.read(f"{example.path}/{example.full['id']}")
    assert created == {"index": 1, "status": 201, "outcome": "created", "value": stored}


async def test_outcomes_can_be_asked_for_without_continuing(root: Client) -> None:
    reply = await root.post("/resources/batch?outcomes=true&etags=true", [document("a"), document("b")])
    assert reply.status == 201
    assert [(each["index"], each["status"], each["outcome"]) for each in reply.json] == [
        (0, 201, "created"),
        (1, 201, "created"),
    ]
    assert all(each["value"]["etag"].startswith('"') for each in reply.json)
    before = await root.everything()
    refused = await root.post("/resources/batch?outcomes=true", [document("c"), document("a")])
    assert (refused.status, refused.code) == (409, "already_exists")
    assert await root.everything() == before


async def test_shape_faults_and_rule_faults_are_told_together_and_the_lowest_index_gives_the_status(
    root: Client,
) -> None:
    before = await root.everything()
    items = [
        document("fine"),
        document("a", scopeId="scope_nowhere"),
        document("doc-1"),
        document("b", displayName=""),
        document("c", id="resource_roadmap"),
        document("fine"),
    ]
    reply = await root.post("/resources/batch", items)
    assert (reply.status, reply.code) == (422, "unknown_reference")
    assert reply.faults == [
        (1, "/1/scopeId", "unknown_reference"),
        (2, "/2/externalResourceId", "already_exists"),
        (3, "/3/displayName", "invalid_value"),
        (4, "/4/id", "id_taken"),
        (5, "/5/externalResourceId", "duplicate_in_batch"),
    ]
    reordered = await root.post("/resources/batch", [items[0], items[3], items[1]])
    assert (reordered.status, reordered.code) == (400, "invalid_value")
    assert await root.everything() == before


async def test_references_within_a_batch_resolve_in_any_order(root: Client) -> None:
    items = [
        {"id": "scope_c", "parentScopeId": "scope_b", "name": "C"},
        {"id": "scope_b", "parentScopeId": "scope_a", "name": "B"},
        {"id": "scope_a", "parentScopeId": "scope_acme", "name": "A"},
    ]
    created = await root.created("/scopes/batch", items)
    assert [item["id"] for item in created] == ["scope_c", "scope_b", "scope_a"]
    below = await root.read("/scopes?scopeId=scope_a&withDescendants=true")
    assert [item["id"] for item in below] == ["scope_a", "scope_b", "scope_c"]


async def test_what_hangs_on_a_faulty_item_of_the_batch_is_faulty_itself(root: Client) -> None:
    items = [
        {"id": "scope_b", "parentScopeId": "scope_a", "name": "B"},
        {"id": "scope_a", "parentScopeId": "scope_acme", "name": ""},
        {"id": "scope_x", "parentScopeId": "scope_y", "name": "X"},
        {"id": "scope_y", "parentScopeId": "scope_x", "name": "Y"},
        {"id": "scope_fine", "parentScopeId": "scope_acme", "name": "Fine"},
    ]
    reply = await root.post("/scopes/batch?onError=continue", items)
    assert [(each["status"], each.get("error", {}).get("code")) for each in reply.json] == [
        (422, "unknown_reference"),
        (400, "invalid_value"),
        (400, "invalid_value"),
        (400, "invalid_value"),
        (201, None),
    ]
    scopes = await root.read("/scopes")
    made = {"scope_fine"}
    assert {item["id"] for item in scopes} & {
        "scope_a",
        "scope_b",
        "scope_x",
        "scope_y",
        "scope_fine",
    } == made


async def test_a_thousand_come_back_in_input_order_with_rising_ids_and_one_more_is_refused(
    root: Client,
) -> None:
    names = [f"{(i * 7919) % 1000:04}" for i in range(1000)]
    created = await root.created("/resources/batch", [document(name) for name in names])
    assert [item["externalResourceId"] for item in created] == names
    ids = [item["id"] for item in created]
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    before = await root.everything()
    reply = await root.post("/resources/batch", [document(f"more-{name}") for name in (*names, "x")])
    assert (reply.status, reply.code) == (413, "too_many_items")
    assert "1,001" in reply.json["detail"]
    assert "1,000" in reply.json["detail"]
    assert await root.everything() == before


async def test_a_group_brings_its_tags_along_or_fails_with_them(root: Client) -> None:
    group = {"id": "tag_group_topic", "scopeId": "scope_acme", "key": "topic", "name": "Topic"}
    tag = {"id": "tag_law", "identifier": "id tag_war", "label": "Law"}
    war = {"id": "tag_war", "identifier": "war", "label": "War"}
    before = await root.everything()
    taken = await root.post("/tag-groups", {**group, "tags": [tag, {**war, "id": "tag_high"}]})
    assert (taken.status, taken.code, taken.faults) == (409, "id_taken", [(0, "/tags/1/id", "id_taken")])
    twice = await root.post("/tag-groups", {**group, "tags": [tag, {**war, "id": "tag_law"}]})
    assert (twice.status, twice.faults) == (409, [(0, "/tags/1/id", "duplicate_in_batch")])
    assert await root.everything() == before
    await root.created("/tag-groups", {**group, "tags": [tag, war]})
    tags = await root.read("/tags?tagGroupId=tag_group_topic")
    assert [(each["id"], each["scopeId"], each["identifier"]) for each in tags] == [
        ("tag_law", "scope_acme", "id tag_war"),
        ("tag_war", "scope_acme", "war"),
    ]
