"""Creates that meet what is stored, or each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.examples import CHANGING, EXAMPLES

if TYPE_CHECKING:
    from tests.contract.examples import Example
    from tests.server import Client, Reply

of_every_noun = pytest.mark.parametrize("example", EXAMPLES, ids=str)
SCOPE = {"scopeId": "scope_acme", "tagGroupId": "tag_group_priority"}


def tag(identifier: str, label: str = "Label", **more: str) -> dict[str, str]:
    """Return a tag to create."""
    return {**SCOPE, "identifier": identifier, "label": label, **more}


def fates(reply: Reply) -> list[tuple[int, str, str]]:
    """Return the status, outcome and id, or code, of each item."""
    answer: list[dict[str, Any]] = reply.json
    return [
        (each["status"], each["outcome"], each["value"]["id"] if "value" in each else each["error"]["code"])
        for each in answer
    ]


@of_every_noun
async def test_an_id_or_a_unique_key_that_is_taken_is_a_conflict(root: Client, example: Example) -> None:
    await root.created(example.path, example.full)
    before = await root.everything()
    by_id = await root.post(example.path, example.full)
    assert (by_id.status, by_id.code, by_id.faults) == (409, "id_taken", [(0, "/id", "id_taken")])
    other_id = {**example.full, "id": f"{example.namespace}_other"}
    by_key = await root.post(example.path, other_id)
    assert (by_key.status, by_key.code) == (409, "already_exists")
    assert by_key.faults == [(0, example.unique, "already_exists")]
    assert await root.everything() == before


@of_every_noun
async def test_twice_in_one_batch_is_a_conflict_at_the_later_index(root: Client, example: Example) -> None:
    before = await root.everything()
    reply = await root.post(f"{example.path}/batch", [example.full, example.full])
    assert (reply.status, reply.code) == (409, "duplicate_in_batch")
    assert reply.faults == [(1, "/1/id", "duplicate_in_batch")]
    other_id = {**example.full, "id": f"{example.namespace}_other"}
    by_key = await root.post(f"{example.path}/batch", [example.full, other_id])
    assert by_key.faults == [(1, f"/1{example.unique}", "duplicate_in_batch")]
    assert await root.everything() == before


@of_every_noun
async def test_skip_leaves_what_is_met_unchanged(root: Client, example: Example) -> None:
    path = f"{example.path}/batch?onConflict=skip"
    first = await root.post(path, [example.full, example.full])
    assert (first.status, first.json[0]) == (201, first.json[1])
    before = await root.everything()
    again = await root.post(f"{path}&outcomes=true", [example.full])
    assert again.status == 200
    assert fates(again) == [(200, "unchanged", example.full["id"])]
    single = await root.post(f"{example.path}?onConflict=skip", example.full)
    assert (single.status, single.json) == (200, first.json[0])
    assert await root.everything() == before


@pytest.mark.parametrize("example", CHANGING, ids=str)
async def test_merge_changes_what_is_met_as_a_patch_does(root: Client, example: Example) -> None:
    assert example.change is not None
    new = {name: value for name, value in example.full.items() if name != "isLocked"}
    await root.created(example.path, new)
    path = f"{example.path}?onConflict=merge"
    same = await root.post(path, new)
    assert same.status == 200
    assert "updatedAt" not in same.json
    changed = await root.post(path, {**new, **example.change})
    assert changed.status == 200
    assert changed.headers["ETag"] != same.headers["ETag"]
    assert list(changed.json) == list(example.members)
    assert (changed.json["updatedBy"], changed.json["id"]) == ("system", new["id"])
    for name, value in example.change.items():
        deep = {**new[name], **value} if name in {"meta", "data"} else value
        assert changed.json[name] == ({"z": 1.5, "a": {"b": [None]}, "pages": 12} if name == "data" else deep)
    fixed, other = example.fixed
    refused = await root.post(path, {**new, fixed: other})
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (409, f"/{fixed}")
    assert await root.read(f"{example.path}/{new['id']}") == changed.json


async def test_an_item_that_meets_two_objects_or_has_another_id_than_its_keys_object_cannot_merge(
    root: Client,
) -> None:
    before = await root.everything()
    path = "/tags/batch?onConflict=merge&onError=continue"
    items = [tag("medium", "M", id="tag_high"), tag("high", "H", id="tag_unheard"), tag("high", "High")]
    reply = await root.post(path, items)
    assert reply.status == 207
    assert [each["status"] for each in reply.json] == [409, 409, 200]
    assert fates(reply)[2] == (200, "unchanged", "tag_high")
    assert await root.everything() == before


async def test_merge_folds_in_input_order(root: Client) -> None:
    items = [
        tag("low", "first"),
        tag("high", "1"),
        tag("low", "second"),
        tag("high", "2"),
        tag("high", "High"),
    ]
    reply = await root.post("/tags/batch?onConflict=merge", items)
    assert reply.status == 201
    assert [item["label"] for item in reply.json] == ["second", "High", "second", "High", "High"]
    assert reply.json[0] == reply.json[2]
    assert len(await root.read("/tags")) == 3


async def test_skip_does_not_hang_scopes_below_one_that_was_not_made(root: Client) -> None:
    before = await root.everything()
    items = [
        {"id": "scope_other", "parentScopeId": "scope_acme", "externalId": "eng", "name": "Met by its key"},
        {"id": "scope_child", "parentScopeId": "scope_other", "name": "Below what was never made"},
        {"id": "scope_engineering", "parentScopeId": "scope_acme", "name": "Met by its id"},
    ]
    reply = await root.post("/scopes/batch?onConflict=skip&onError=continue", items)
    assert fates(reply) == [
        (200, "unchanged", "scope_engineering"),
        (422, "failed", "unknown_reference"),
        (200, "unchanged", "scope_engineering"),
    ]
    assert await root.everything() == before


async def test_the_same_batch_may_be_sent_again_with_skip_or_merge_parents_and_all(root: Client) -> None:
    items = [
        {"id": "scope_low", "parentScopeId": "scope_high", "name": "Low"},
        {"id": "scope_high", "parentScopeId": "scope_acme", "name": "High"},
    ]
    await root.created("/scopes/batch", items)
    before = await root.everything()
    for choice in ("skip", "merge"):
        again = await root.post(f"/scopes/batch?onConflict={choice}", items)
        assert (again.status, [item["id"] for item in again.json]) == (200, ["scope_low", "scope_high"])
    assert await root.everything() == before


async def test_a_locked_group_refuses_new_changed_and_deleted_tags_but_not_assignments(root: Client) -> None:
    locked = await root.patch("/tag-groups/tag_group_priority", {"isLocked": True})
    assert locked.status == 200
    before = await root.everything()
    for reply in (
        await root.post("/tags", tag("low")),
        await root.post("/tags?onConflict=merge", tag("high", "Higher")),
        await root.patch("/tags/tag_high", {"label": "Higher"}),
        await root.delete("/tags/tag_high"),
        await root.patch("/tag-groups/tag_group_priority", {"name": "Urgency"}),
        await root.patch("/tag-groups/tag_group_priority", {"name": "Urgency", "isLocked": False}),
        await root.delete("/tag-groups/tag_group_priority"),
    ):
        assert (reply.status, reply.code) == (409, "locked")
    assert await root.everything() == before
    await root.created("/tag-assignments", {"tagId": "tag_medium", "resourceId": "resource_roadmap"})
    unlocked = await root.patch("/tag-groups/tag_group_priority", {"isLocked": False})
    assert (unlocked.status, unlocked.json["isLocked"]) == (200, False)


async def test_a_resource_carries_no_more_of_a_groups_tags_than_its_limit(root: Client) -> None:
    limited = await root.patch("/tag-groups/tag_group_priority", {"maxAppliedPerTarget": 1})
    assert limited.status == 200
    before = await root.everything()
    second = await root.post("/tag-assignments", {"tagId": "tag_medium", "resourceId": "resource_roadmap"})
    assert (second.status, second.code) == (409, "limit_reached")
    assert await root.everything() == before
