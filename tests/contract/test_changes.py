"""PATCH, PUT and DELETE of one object, and what they promise about revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.examples import CHANGING, EXAMPLES

if TYPE_CHECKING:
    from tests.contract.examples import Example
    from tests.server import Client

of_every_changing_noun = pytest.mark.parametrize("example", CHANGING, ids=str)
STALE = '"stale"'
ROADMAP = "/resources/resource_roadmap"


def mutable(example: Example) -> dict[str, object]:
    """Return a body for PUT that has all that the noun requires."""
    assert example.change is not None
    return {name: value for name, value in example.change.items() if name in {"name", "label", "displayName"}}


@of_every_changing_noun
async def test_patch_changes_what_is_sent_and_keeps_the_rest(root: Client, example: Example) -> None:
    path = f"{example.path}/{example.stored}"
    before = await root.get(path)
    reply = await root.patch(path, example.change)
    assert reply.status == 200
    stamps = {"updatedAt": reply.json["updatedAt"], "updatedBy": "system"}
    assert reply.json == {**before.json, **(example.change or {}), **stamps}
    after = await root.get(path)
    assert (after.json, after.headers["ETag"]) == (reply.json, reply.headers["ETag"])
    assert after.headers["ETag"] != before.headers["ETag"]


@of_every_changing_noun
async def test_patch_that_changes_nothing_keeps_the_revision(root: Client, example: Example) -> None:
    path = f"{example.path}/{example.stored}"
    await root.patch(path, example.change)
    before = await root.get(path)
    for body in ({}, example.change, before.json):
        reply = await root.patch(path, body)
        assert (reply.status, reply.json) == (200, before.json)
        assert reply.headers["ETag"] == before.headers["ETag"]


@of_every_changing_noun
async def test_what_may_not_change_is_refused_unless_it_is_what_is_stored(
    root: Client, example: Example
) -> None:
    path = f"{example.path}/{example.stored}"
    before = await root.get(path)
    fixed, other = example.fixed
    for name, value in ((fixed, other), ("id", f"{example.namespace}_other"), ("createdBy", "someone")):
        reply = await root.patch(path, {name: value, **(example.change or {})})
        assert (reply.status, reply.code) == (409, "immutable_field")
        assert reply.faults == [(0, f"/{name}", "immutable_field")]
    unknown = await root.patch(path, {**before.json, "etag": before.headers["ETag"]})
    assert (unknown.status, unknown.faults) == (400, [(0, "/etag", "unknown_field")])
    after = await root.get(path)
    assert (after.json, after.headers["ETag"]) == (before.json, before.headers["ETag"])


@of_every_changing_noun
async def test_put_sets_all_that_may_change_and_clears_what_is_absent(root: Client, example: Example) -> None:
    body = {name: value for name, value in example.full.items() if name != "isLocked"}
    await root.created(example.path, body)
    path = f"{example.path}/{body['id']}"
    required = {"label": "New"} if "label" in body else {"name": "New"}
    if example.path == "/resources":
        required = {}
    before = await root.get(path)
    reply = await root.put(path, required, If_Match=before.headers["ETag"])
    assert reply.status == 200
    kept = {"id", "createdAt", "createdBy", "schemaVersion", *example.new} - {"name", "label"}
    expected = {name: value for name, value in before.json.items() if name in kept} | required
    if example.path == "/tag-groups":
        expected["isLocked"] = False
    stamps = {name: reply.json[name] for name in ("updatedAt", "updatedBy") if name in reply.json}
    # How often a schema changed is counted on, also when it is taken away.
    counted = {"schemaVersion": reply.json["schemaVersion"]} if "schemaVersion" in reply.json else {}
    assert reply.json == {**expected, **counted, **stamps}
    again = await root.get(path)
    assert (again.json, again.headers["ETag"]) == (reply.json, reply.headers["ETag"])
    whole = await root.put(path, again.json, If_Match=again.headers["ETag"])
    assert (whole.json, whole.headers["ETag"]) == (again.json, again.headers["ETag"])


@of_every_changing_noun
async def test_put_checks_existence_then_presence_then_freshness_of_if_match_then_the_body(
    root: Client, example: Example
) -> None:
    before = await root.everything()
    missing, stored = f"{example.path}/{example.namespace}_missing", f"{example.path}/{example.stored}"
    json_type = {"Content_Type": "application/json"}
    for path, headers, status, code in (
        (missing, {}, 404, "not_found"),
        (missing, {"If_Match": STALE}, 404, "not_found"),
        (missing, {"If_Match": "*"}, 404, "not_found"),
        (stored, {}, 428, "precondition_required"),
        (stored, {"If_Match": STALE}, 412, "precondition_failed"),
        (stored, {"If_Match": "*"}, 400, "malformed"),
    ):
        reply = await root.send("PUT", path, b"not JSON", **json_type, **headers)
        assert (reply.status, reply.code) == (status, code), (path, headers)
    faulty = await root.put(stored, {"bogus": 1, **mutable(example)}, If_Match="*")
    assert (faulty.status, faulty.faults) == (400, [(0, "/bogus", "unknown_field")])
    assert await root.everything() == before


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
async def test_patch_and_delete_honour_if_match_when_it_is_sent(root: Client, example: Example) -> None:
    await root.created(
        example.path, {**example.full, "isLocked": False} if "isLocked" in example.more else example.full
    )
    path = f"{example.path}/{example.full['id']}"
    tag = (await root.get(path)).headers["ETag"]
    before = await root.everything()
    methods = ["DELETE"] if example.change is None else ["PATCH", "DELETE"]
    for method in methods:
        for stale in (STALE, f"W/{tag}", f'{STALE}, W/{tag}, "*"', ""):
            reply = await root.send(method, path, b"{}", If_Match=stale, Content_Type="application/json")
            assert (reply.status, reply.code) == (412, "precondition_failed"), (method, stale)
        missing = f"{example.path}/{example.namespace}_missing"
        reply = await root.send(method, missing, b"{}", If_Match="*", Content_Type="application/json")
        assert (reply.status, reply.code) == (404, "not_found")
    assert await root.everything() == before
    if example.change is not None:
        for fresh in ("*", tag, f"{STALE},{tag}", f" , {STALE} ,, {tag} ,"):
            reply = await root.patch(path, {}, If_Match=fresh)
            assert (reply.status, reply.headers["ETag"]) == (200, tag), fresh
    deleted = await root.delete(path, If_Match=f"{STALE}, {tag}")
    assert (deleted.status, deleted.body) == (200, b'{"success":true}')
    gone = await root.get(path)
    assert (gone.status, gone.code) == (404, "not_found")


async def test_if_match_that_is_no_list_of_tags_is_refused(root: Client) -> None:
    before = await root.everything()
    for wrong in ("abc", '"open', '"a" "b"', '"a";"b"', 'w/"a"', "*, *"):
        reply = await root.patch(ROADMAP, {"displayName": "New"}, If_Match=wrong)
        assert (reply.status, reply.code) == (400, "invalid_value"), wrong
    assert await root.everything() == before


async def test_get_honours_if_none_match_by_weak_comparison(root: Client) -> None:
    for example in EXAMPLES:
        path = f"{example.path}/{example.stored}"
        tag = (await root.get(path)).headers["ETag"]
        for known in (tag, f"W/{tag}", f"{STALE}, {tag}", "*"):
            reply = await root.get(path, If_None_Match=known)
            assert (reply.status, reply.body, reply.headers["ETag"]) == (304, b"", tag)
        fresh = await root.get(path, If_None_Match=STALE)
        assert (fresh.status, fresh.headers["ETag"]) == (200, tag)
        missing = await root.get(f"{example.path}/{example.namespace}_missing", If_None_Match="*")
        assert (missing.status, missing.code) == (404, "not_found")


async def test_an_object_made_again_under_its_old_id_has_another_revision(root: Client) -> None:
    for example in reversed(EXAMPLES):
        new = {**example.full, "isLocked": False} if "isLocked" in example.more else example.full
        path = f"{example.path}/{new['id']}"
        await root.created(example.path, new)
        old = (await root.get(path)).headers["ETag"]
        assert (await root.delete(path)).status == 200
        await root.created(example.path, new)
        stale = await root.delete(path, If_Match=old)
        assert (stale.status, stale.code) == (412, "precondition_failed")
        assert (await root.get(path)).headers["ETag"] != old


async def test_patch_merges_data_deeply_and_put_replaces_it(root: Client) -> None:
    first = {"a": {"b": 1, "c": 2}, "list": [1, {"x": 1}], "n": "1"}
    await root.patch(ROADMAP, {"data": first})
    patched = await root.patch(ROADMAP, {"data": {"a": {"b": None, "d": {"e": None}}, "list": [2]}})
    assert patched.json["data"] == {"a": {"c": 2, "d": {}}, "list": [2], "n": "1"}
    scalar = await root.patch(ROADMAP, {"data": 5})
    assert scalar.json["data"] == 5
    replaced = await root.put(ROADMAP, {"data": {"a": None}}, If_Match=scalar.headers["ETag"])
    assert replaced.json["data"] == {"a": None}
    assert "displayName" not in replaced.json
    cleared = await root.patch(ROADMAP, {"data": None})
    assert "data" not in cleared.json
    merge = await root.send(
        "PATCH", ROADMAP, b'{"displayName": "New"}', Content_Type="application/merge-patch+json"
    )
    assert (merge.status, merge.json["displayName"]) == (200, "New")


async def test_what_is_required_cannot_be_cleared(root: Client) -> None:
    before = await root.everything()
    for path, name in (("/scopes/scope_sales", "name"), ("/tags/tag_high", "label")):
        for reply in (await root.patch(path, {name: None}), await root.put(path, {}, If_Match="*")):
            assert (reply.status, reply.faults) == (400, [(0, f"/{name}", "missing_field")])
    assert await root.everything() == before


async def test_what_something_depends_on_stays_and_the_answer_says_what(root: Client) -> None:
    before = await root.everything()
    for path, told in (
        (
            "/scopes/scope_acme",
            ("2 child scopes", "scope_engineering, scope_sales", "1 resource type", "2 tags"),
        ),
        ("/scopes/scope_engineering", ("1 child scope", "scope_platform", "1 resource", "resource_roadmap")),
        ("/resource-types/resource_type_document", ("1 resource", "resource_roadmap")),
    ):
        reply = await root.delete(path)
        assert (reply.status, reply.code) == (409, "in_use")
        assert all(text in reply.json["detail"] for text in told), reply.json
    assert await root.everything() == before


async def test_what_has_no_life_of_its_own_goes_along(root: Client) -> None:
    assert (await root.delete("/tag-groups/tag_group_priority")).status == 200
    assert await root.read("/tags") == []
    assert await root.read("/tag-assignments") == []
    assert (await root.read(ROADMAP))["id"] == "resource_roadmap"


async def test_an_assignment_changes_neither_resource_nor_tag(root: Client) -> None:
    paths = (ROADMAP, "/tags/tag_medium", "/tag-groups/tag_group_priority")
    before = [(await root.get(path)).headers["ETag"] for path in paths]
    await root.created("/tag-assignments", {"tagId": "tag_medium", "resourceId": "resource_roadmap"})
    assert [(await root.get(path)).headers["ETag"] for path in paths] == before
