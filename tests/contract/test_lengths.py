"""The bounds of every field: what is just long enough is stored, what is longer is a fault that names the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.contract.examples import EXAMPLES

if TYPE_CHECKING:
    from tests.server import Client

SMILE = "😀"
LIMITS = (
    ("/scopes", "name", 1, 1_000),
    ("/scopes", "externalId", 1, 512),
    ("/resource-types", "name", 1, 1_000),
    ("/resource-types", "description", 0, 10_000),
    ("/resources", "externalResourceId", 1, 512),
    ("/resources", "displayName", 1, 1_000),
    ("/tag-groups", "name", 1, 1_000),
    ("/tag-groups", "description", 0, 10_000),
    ("/tags", "identifier", 1, 256),
    ("/tags", "label", 1, 1_000),
)


async def test_lengths_count_characters_and_the_limit_is_told(root: Client) -> None:
    for path, name, low, high in LIMITS:
        example = next(example for example in EXAMPLES if example.path == path)
        new = {**example.new, "id": f"{example.namespace}_{'x' * 128}"}
        before = await root.everything()
        for wrong in [SMILE * (high + 1), *([""] if low else [])]:
            reply = await root.post(path, {**new, name: wrong})
            assert (reply.status, reply.faults) == (400, [(0, f"/{name}", "invalid_value")]), (path, name)
            assert f"{high if wrong else low:,} characters" in reply.json["errors"][0]["detail"]
        assert await root.everything() == before
        stored = await root.post(path, {**new, name: SMILE * high})
        assert (stored.status, stored.json[name]) == (201, SMILE * high), (path, name)
        assert (await root.delete(f"{path}/{new['id']}")).status == 200


async def test_keys_are_letters_digits_hyphens_and_underscores(root: Client) -> None:
    before = await root.everything()
    for example in EXAMPLES:
        if "key" not in example.new:
            continue
        for wrong in ("", "a b", "é", "a.b", "a/b", "a\n", "x" * 129):
            reply = await root.post(example.path, {**example.new, "key": wrong})
            assert (reply.status, reply.faults) == (400, [(0, "/key", "invalid_value")]), wrong
    assert await root.everything() == before
    for example in EXAMPLES:
        if "key" in example.new:
            assert (await root.post(example.path, {**example.new, "key": "_-" + "x" * 126})).status == 201


async def test_the_keys_of_types_ignore_case_and_those_of_groups_do_not(root: Client) -> None:
    clash = await root.post("/resource-types", {"scopeId": "scope_acme", "key": "DOCUMENT", "name": "D"})
    assert (clash.status, clash.faults) == (409, [(0, "/key", "already_exists")])
    await root.created("/resource-types", {"scopeId": "scope_sales", "key": "DOCUMENT", "name": "D"})
    await root.created("/tag-groups", {"scopeId": "scope_acme", "key": "PRIORITY", "name": "P"})


async def test_identifiers_are_printable(root: Client) -> None:
    before = await root.everything()
    for wrong in ("a\nb", "\t", "\x7f", "\u200b", "\u2028"):
        reply = await root.post("/tags", {**EXAMPLES[4].new, "identifier": wrong})
        assert (reply.status, reply.faults) == (400, [(0, "/identifier", "invalid_value")]), wrong
    assert await root.everything() == before
    await root.created("/tags", {**EXAMPLES[4].new, "identifier": "to do: ½ <é> 😀"})


async def test_numbers_and_flags_are_taken_only_as_such(root: Client) -> None:
    before = await root.everything()
    group = {"scopeId": "scope_acme", "key": "topic", "name": "Topic"}
    counts: tuple[object, ...] = (0, -1, 2**31, 2**64, 1.0, 1.5, "1", True, [])
    for wrong in counts:
        reply = await root.post("/tag-groups", {**group, "maxAppliedPerTarget": wrong})
        assert (reply.status, reply.faults) == (400, [(0, "/maxAppliedPerTarget", "invalid_value")]), wrong
        assert reply.json["detail"].startswith(
            ("maxAppliedPerTarget must be ", "maxAppliedPerTarget is a number ")
        ), wrong
    flags: tuple[object, ...] = (0, 1, "true", {})
    for flag in flags:
        reply = await root.post("/tag-groups", {**group, "isLocked": flag})
        assert (reply.status, reply.faults) == (400, [(0, "/isLocked", "invalid_value")]), flag
    assert await root.everything() == before
    stored = await root.post("/tag-groups", {**group, "maxAppliedPerTarget": 2**31 - 1})
    assert (stored.status, stored.json["maxAppliedPerTarget"]) == (201, 2**31 - 1)


async def test_meta_and_data_have_as_many_bytes_as_the_contract_allows(root: Client) -> None:
    for path, name, limit in (("/scopes", "meta", 64 << 10), ("/resources", "data", 1 << 20)):
        example = next(example for example in EXAMPLES if example.path == path)
        room = limit - len(b'{"a":""}')
        before = await root.everything()
        for reply in (
            await root.post(path, {**example.new, name: {"a": "x" * (room + 1)}}),
            await root.post(path, {**example.new, name: {"a": "é" * (room // 2 + 1)}}),
            await root.patch(f"{path}/{example.stored}", {name: {"a": "x" * (room + 1)}}),
        ):
            assert (reply.status, reply.faults) == (413, [(0, f"/{name}", "too_large")])
            assert f"{limit:,}" in reply.json["errors"][0]["detail"]
        assert await root.everything() == before
        stored = await root.post(path, {**example.new, name: {"a": "x" * room}})
        assert (stored.status, len(stored.json[name]["a"])) == (201, room)
        grown = await root.patch(f"{path}/{stored.json['id']}", {name: {"b": 1}})
        assert (grown.status, grown.code) == (413, "too_large")
        assert await root.read(f"{path}/{stored.json['id']}") == stored.json


async def test_the_longest_keys_together_fit_the_databases_indexes(root: Client) -> None:
    long = "x" * 128
    await root.created("/scopes", {"id": f"scope_{long}", "name": "Long root"})
    inside = root.saying(reach_tenant_id=f"scope_{long}")
    kind = {"id": f"resource_type_{long}", "scopeId": f"scope_{long}", "key": long, "name": "Long"}
    await inside.created("/resource-types", kind)
    for number in range(2):
        name = chr(0x10000 + number) * 512
        resource = {"resourceTypeId": kind["id"], "scopeId": kind["scopeId"], "externalResourceId": name}
        created = await inside.created("/resources", resource)
        found = await inside.read(f"/resources?externalResourceId={quote(name)}")
        assert [item["id"] for item in found] == [created["id"]]
