"""Lists: pages, cursors and filters."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from tests.contract.examples import EXAMPLES, furnish

if TYPE_CHECKING:
    from tests.contract.examples import Example
    from tests.server import Client, Reply, Server

DOCUMENT = {"resourceTypeId": "resource_type_document", "scopeId": "scope_engineering"}


def next_path(reply: Reply) -> str | None:
    """Return where the next page is, which is a path without a host."""
    link = reply.headers.get("Link")
    if link is None:
        return None
    found = re.fullmatch(r'<(/[^<>/][^<>]*)>; rel="next"', link)
    assert found, link
    return found[1]


async def pages(client: Client, path: str) -> list[list[Any]]:
    """Follow a list to its end."""
    found = []
    left: str | None = path
    while left is not None:
        reply = await client.get(left)
        assert reply.status == 200, reply
        found.append(reply.json)
        left = next_path(reply)
    return found


def ids(items: list[dict[str, str]]) -> list[str]:
    """Return the ids of some objects."""
    return [item["id"] for item in items]


async def with_resources(root: Client, count: int) -> list[str]:
    """Create resources, and return the ids of all there are in the order of their bytes."""
    names = ["Z", "a", "B", "~", "É".lower(), "-", "0", "_", "."][:count] + [str(i) for i in range(9, count)]
    items = [
        {**DOCUMENT, "externalResourceId": f"x{i}", "displayName": f"{name} name"}
        | ({"id": f"resource_{name}"} if re.fullmatch("[A-Za-z0-9._-]+", name) else {})
        for i, name in enumerate(names)
    ]
    created = await root.created("/resources/batch", items)
    return sorted([*ids(created), "resource_roadmap"], key=str.encode)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
async def test_a_list_shows_what_get_shows_and_etags_on_request(root: Client, example: Example) -> None:
    await root.created(example.path, example.full)
    shown = await root.read(example.path)
    assert ids(shown) == sorted(ids(shown))
    assert {example.stored, example.full["id"]} <= set(ids(shown))
    single = {item["id"]: await root.get(f"{example.path}/{item['id']}") for item in shown}
    assert shown == [each.json for each in single.values()]
    tagged = await root.read(f"{example.path}?etags=true")
    assert tagged == [{**each.json, "etag": each.headers["ETag"]} for each in single.values()]


@pytest.mark.parametrize("limit", [1, 2, 7, 12, 13, 1000])
async def test_following_the_links_yields_each_object_once_in_the_order_of_the_bytes_of_ids(
    root: Client, limit: int
) -> None:
    expected = await with_resources(root, 11)
    found = await pages(root, f"/resources?limit={limit}&withDescendants=true&scopeId=scope_acme")
    assert [each for page in found for each in ids(page)] == expected
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert 1 <= len(found[-1]) <= limit


async def test_without_a_limit_a_page_has_a_hundred(root: Client) -> None:
    items = [{**DOCUMENT, "externalResourceId": str(i)} for i in range(120)]
    await root.created("/resources/batch", items)
    assert [len(page) for page in await pages(root, "/resources")] == [100, 21]


async def test_a_cursor_survives_the_deletion_of_its_row_and_skips_and_repeats_nothing(root: Client) -> None:
    expected = await with_resources(root, 6)
    first = await root.get("/resources?limit=3")
    onward = next_path(first)
    assert onward is not None
    assert (await root.delete(f"/resources/{expected[2]}")).status == 200
    await root.created("/resources", {**DOCUMENT, "externalResourceId": "late", "id": "resource_-early"})
    assert [each for page in await pages(root, onward) for each in ids(page)] == expected[3:]


async def test_a_cursor_of_another_list_is_refused_but_another_limit_is_the_same_list(root: Client) -> None:
    await with_resources(root, 6)
    onward = next_path(await root.get("/resources?limit=2"))
    assert onward is not None
    after = onward.partition("after=")[2]
    for path in (
        f"/resources?after={after}&scopeId=scope_engineering",
        f"/resources?after={after}&resourceTypeId=resource_type_document",
        f"/resources?after={after}&ids=resource_roadmap",
        f"/tags?after={after}",
        f"/resources?after={after}x",
        f"/resources?after={after[:-4]}",
        "/resources?after=",
        "/resources?after=%F0%9F%98%80",
        "/resources?after=WyIiLCIiLCIiXQ",
    ):
        reply = await root.get(path)
        assert (reply.status, reply.code) == (400, "invalid_value"), path
    assert len(await root.read(f"/resources?after={after}&limit=3&etags=true")) == 3


async def test_the_link_keeps_every_parameter(root: Client) -> None:
    await with_resources(root, 8)
    reply = await root.get("/resources?scopeId=scope_engineering&limit=2&displayNamePrefix=&etags=true")
    onward = next_path(reply)
    assert onward is not None
    assert onward.startswith(
        "/resources?scopeId=scope_engineering&limit=2&displayNamePrefix=&etags=true&after="
    )
    assert all("etag" in item for item in await root.read(onward))


async def test_scope_id_is_exactly_that_scope_and_with_descendants_those_below_too(root: Client) -> None:
    for place in ("platform", "sales"):
        await root.created("/resources", {**DOCUMENT, "scopeId": f"scope_{place}", "externalResourceId": place,
                                          "id": f"resource_{place}"})  # fmt: skip
    for query, found in (
        ("scopeId=scope_engineering", ["resource_roadmap"]),
        ("scopeId=scope_engineering&withDescendants=false", ["resource_roadmap"]),
        ("scopeId=scope_engineering&withDescendants=true", ["resource_platform", "resource_roadmap"]),
        ("scopeId=scope_acme", []),
        (
            "scopeId=scope_acme&withDescendants=true",
            ["resource_platform", "resource_roadmap", "resource_sales"],
        ),
        ("", ["resource_platform", "resource_roadmap", "resource_sales"]),
        ("scopeId=scope_nowhere", []),
        ("scopeId=scope_nowhere&withDescendants=true", []),
    ):
        assert ids(await root.read(f"/resources?{query}")) == found, query
    assert ids(await root.read("/scopes?scopeId=scope_engineering")) == ["scope_engineering"]
    below = await root.read("/scopes?scopeId=scope_engineering&withDescendants=true")
    assert ids(below) == ["scope_engineering", "scope_platform"]


async def test_every_filter_keeps_what_it_says(root: Client) -> None:
    await root.created("/resource-types", {"id": "resource_type_folder", "key": "Folder", "name": "F",
                                           "scopeId": "scope_sales", "category": "files"})  # fmt: skip
    folder = {"resourceTypeId": "resource_type_folder", "scopeId": "scope_sales", "id": "resource_folder"}
    await root.created("/resources", {**folder, "externalResourceId": "doc-1", "displayName": "Roads 100%_x"})
    for path, found in (
        ("/resources?resourceTypeId=resource_type_folder", ["resource_folder"]),
        ("/resources?externalResourceId=doc-1", ["resource_folder", "resource_roadmap"]),
        ("/resources?externalResourceId=DOC-1", []),
        ("/resources?tagId=tag_high", ["resource_roadmap"]),
        ("/resources?tagId=tag_medium", []),
        ("/resources?displayNamePrefix=Road", ["resource_folder", "resource_roadmap"]),
        ("/resources?displayNamePrefix=Roads%20100%25_", ["resource_folder"]),
        ("/resources?displayNamePrefix=Road%25", []),
        ("/resources?displayNamePrefix=road", []),
        ("/resources?updatedSince=0999-01-01T00:00:00Z", ["resource_folder", "resource_roadmap"]),
        ("/resources?updatedSince=2024-01-15T10:30:00%2B01:00", ["resource_folder", "resource_roadmap"]),
        ("/resources?updatedSince=9999-01-01T00:00:00Z", []),
        ("/resources?ids=resource_roadmap,resource_none,resource_roadmap", ["resource_roadmap"]),
        ("/resources?ids=", []),
        ("/resource-types?key=FOLDER", ["resource_type_folder"]),
        ("/resource-types?category=files", ["resource_type_folder"]),
        ("/scopes?parentScopeId=scope_acme", ["scope_engineering", "scope_sales"]),
        ("/scopes?externalId=sales", ["scope_sales"]),
        ("/tag-groups?key=priority", ["tag_group_priority"]),
        ("/tag-groups?key=Priority", []),
        ("/tags?tagGroupId=tag_group_priority", ["tag_high", "tag_medium"]),
        ("/tags?identifier=high", ["tag_high"]),
        ("/tag-assignments?tagId=tag_high", ["tag_assignment_first"]),
        ("/tag-assignments?resourceId=resource_folder", []),
        ("/tag-assignments?tagId=tag_high&resourceId=resource_roadmap", ["tag_assignment_first"]),
    ):
        assert ids(await root.read(path)) == found, path


async def test_updated_since_finds_what_changed_in_that_second_and_later(root: Client) -> None:
    changed = await root.patch("/resources/resource_roadmap", {"displayName": "New"})
    moment = changed.json["updatedAt"]
    assert ids(await root.read(f"/resources?updatedSince={moment}")) == ["resource_roadmap"]
    later = moment.replace("Z", ".001Z")
    assert await root.read(f"/resources?updatedSince={later}") == []


async def test_a_parameter_that_cannot_be_is_refused_by_name(root: Client) -> None:
    for query in (
        *("limit=0", "limit=1001", "limit=-1", "limit=1.0", "limit=x", "limit=", "limit=%D9%A3", "limit=1_0"),
        *("limit=1&limit=1", "etags=1", "withDescendants=yes", "updatedSince=yesterday", "updatedSince="),
        *("updatedSince=2024-01-15T10:30:00", "updatedSince=2024-01-15", "scopeId=%00", "ids=a%00b"),
        "ids=" + ",".join(f"resource_{i}" for i in range(101)),
    ):
        reply = await root.get(f"/resources?{query}")
        assert (reply.status, reply.code) == (400, "invalid_value"), query
        assert query.partition("=")[0] in reply.json["detail"]


async def test_an_unknown_parameter_is_refused_on_every_route(root: Client) -> None:
    before = await root.everything()
    for example in EXAMPLES:
        one = f"{example.path}/{example.stored}"
        for method, path in (
            ("GET", example.path),
            ("GET", one),
            ("POST", example.path),
            ("POST", f"{example.path}/batch"),
            ("DELETE", one),
            *((("PATCH", one), ("PUT", one)) if example.change is not None else ()),
        ):
            body = b"[]" if path.endswith("batch") else b"{}"
            reply = await root.send(
                method, f"{path}?Limit=1", body, Content_Type="application/json", If_Match="*"
            )
            assert (reply.status, reply.code) == (400, "unknown_parameter"), (method, path)
            assert "Limit" in reply.json["detail"]
    assert await root.everything() == before


async def test_a_cursor_tells_a_narrow_token_nothing_of_the_root_above_it(server: Server) -> None:
    await furnish(server.root)
    await with_resources(server.root, 3)
    below = await server.holder("scope_engineering", role="reader")
    onward = next_path(await below.get("/resources?limit=1"))
    assert onward is not None
    cursor = dict(parse_qsl(urlsplit(onward).query))["after"]
    assert b"scope_acme" not in urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    assert [ids(page) for page in await pages(below, onward)]


@pytest.mark.parametrize(
    "narrowing", [{}, {"reach-tenant-id": "scope_acme"}], ids=["the root token", "narrowed"]
)
async def test_a_cursor_is_the_same_at_both_doors_and_with_or_without_the_name_of_the_root(
    root: Client, narrowing: dict[str, str]
) -> None:
    expected = await with_resources(root, 6)
    query = "{ resources(first: 3) { nodes { id } pageInfo { endCursor } } }"
    reply = await root.saying(**narrowing).post("/graphql", {"query": query})
    page = reply.json["data"]["resources"]
    assert ids(page["nodes"]) == expected[:3]
    onward = quote(page["pageInfo"]["endCursor"])
    assert ids(await root.read(f"/resources?limit=3&after={onward}")) == expected[3:6]
