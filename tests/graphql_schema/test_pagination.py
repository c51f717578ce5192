"""Pages: Relay's connections, in both directions, of lists and of edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests import factories
from tests.graphql_schema.client import Client

if TYPE_CHECKING:
    from db.database import Database
    from tests.graphql_schema.client import Statements

NAMES = "abcdefg"
PAGE = """pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id } } nodes { id } totalCount"""
LIST = f"""query($first: Int, $after: String, $last: Int, $before: String) {{
    page: resources(first: $first, after: $after, last: $last, before: $before) {{ {PAGE} }} }}"""
EDGE = f"""query($first: Int, $after: String, $last: Int, $before: String) {{
    scope(id: "scope_engineering") {{
        page: resources(first: $first, after: $after, last: $last, before: $before) {{ {PAGE} }} }} }}"""


@pytest.fixture
async def seven(client: Client) -> Client:
    """Return a client of a catalogue with seven resources."""
    await factories.resources(client.database, *NAMES)
    return client


async def page(client: Client, document: str, **arguments: Any) -> dict[str, Any]:
    """Return a page, with its ids without their prefix."""
    data = await client.data(document, **arguments)
    found: dict[str, Any] = data.get("scope", data)["page"]
    names = "".join(node["id"].removeprefix("resource_") for node in found["nodes"])
    assert [edge["node"] for edge in found["edges"]] == found["nodes"]
    cursors = [edge["cursor"] for edge in found["edges"]]
    assert found["pageInfo"]["startCursor"] == (cursors[0] if cursors else None)
    assert found["pageInfo"]["endCursor"] == (cursors[-1] if cursors else None)
    assert found["totalCount"] == len(NAMES)
    return {
        "names": names,
        "cursor": dict(zip(names, cursors, strict=True)),
        "next": found["pageInfo"]["hasNextPage"],
        "previous": found["pageInfo"]["hasPreviousPage"],
    }


@pytest.mark.parametrize("document", [LIST, EDGE], ids=["list", "edge"])
async def test_pages_forward_and_backward(seven: Client, document: str) -> None:
    whole = await page(seven, document)
    assert (whole["names"], whole["next"], whole["previous"]) == (NAMES, False, False)
    cursor = whole["cursor"]
    for arguments, expected in [
        ({"first": 3}, ("abc", True, False)),
        ({"first": 3, "after": cursor["c"]}, ("def", True, True)),
        ({"first": 3, "after": cursor["f"]}, ("g", False, True)),
        ({"first": 3, "after": cursor["g"]}, ("", False, True)),
        ({"first": 7}, (NAMES, False, False)),
        ({"first": 0}, ("", True, False)),
        ({"last": 3}, ("efg", False, True)),
        ({"last": 3, "before": cursor["e"]}, ("bcd", True, True)),
        ({"last": 3, "before": cursor["b"]}, ("a", True, False)),
        ({"last": 7}, (NAMES, False, False)),
        ({"first": 2, "after": cursor["b"], "before": cursor["f"]}, ("cd", True, True)),
        ({"last": 2, "after": cursor["b"], "before": cursor["f"]}, ("de", True, True)),
        ({"after": cursor["e"]}, ("fg", False, True)),
        ({"first": 1_000}, (NAMES, False, False)),
    ]:
        found = await page(seven, document, **arguments)
        assert (found["names"], found["next"], found["previous"]) == expected, arguments


@pytest.mark.parametrize("document", [LIST, EDGE], ids=["list", "edge"])
@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"first": -1}, "first"),
        ({"first": 1_001}, "first"),
        ({"last": -1}, "last"),
        ({"last": 1_001}, "last"),
        ({"first": 1, "last": 1}, "last"),
        ({"after": "nonsense"}, "after"),
        ({"after": ""}, "after"),
        ({"before": "WyJhIl0"}, "before"),
    ],
)
async def test_a_wrong_argument_is_named(
    seven: Client, document: str, arguments: dict[str, Any], argument: str
) -> None:
    result = await seven.execute(document, **arguments)
    assert result.errors
    for error in result.errors:
        assert (error.extensions or {})["code"] == "BAD_USER_INPUT"
        assert error.message.startswith(argument)


async def test_a_cursor_of_another_list_is_refused(seven: Client) -> None:
    cursor = (await page(seven, LIST))["cursor"]["c"]
    other = 'query($after: String) { resources(scopeId: "scope_sales", after: $after) { nodes { id } } }'
    assert await seven.refused(other, after=cursor) == ["BAD_USER_INPUT"]
    assert "BAD_USER_INPUT" in await seven.refused(EDGE, after=cursor)


async def test_a_cursor_outlives_its_row(seven: Client) -> None:
    cursor = (await page(seven, LIST))["cursor"]["c"]
    await seven.data('mutation { deleteResources(input: [{id: "resource_c"}]) { count } }')
    found = await seven.data(
        "query($after: String) { resources(first: 2, after: $after) { nodes { id } } }", after=cursor
    )
    assert found["resources"]["nodes"] == [{"id": "resource_d"}, {"id": "resource_e"}]


async def test_a_hundred_are_shown_unless_told_otherwise(client: Client) -> None:
    await factories.resources(client.database, *(f"{i:03}" for i in range(101)))
    found = await client.data(
        """{ resources { nodes { id } pageInfo { hasNextPage } }
             scope(id: "scope_engineering") { resources { nodes { id } pageInfo { hasNextPage } } } }"""
    )
    for connection in (found["resources"], found["scope"]["resources"]):
        assert [node["id"] for node in connection["nodes"]] == [f"resource_{i:03}" for i in range(100)]
        assert connection["pageInfo"] == {"hasNextPage": True}


@pytest.mark.parametrize("where", ["resources", 'scope(id: "scope_engineering") { resources'])
async def test_a_list_is_read_and_counted_only_as_far_as_asked(
    acme: Database, statements: Statements, where: str
) -> None:
    await factories.resources(acme, *NAMES)
    client = Client(acme, await factories.caller_in(acme, "scope_acme"))
    end = " }" if "{" in where else ""
    scope = 1 if end else 0
    statements.take()
    for selection, expected in [
        ("totalCount", 1),
        ("nodes { id }", 1),
        ("nodes { id } edges { cursor } pageInfo { endCursor }", 1),
        ("nodes { id } totalCount", 2),
        ("__typename", 0),
    ]:
        await client.data(f"{{ {where} {{ {selection} }} {end} }}")
        assert statements.take() == scope + expected, selection


async def test_two_pages_of_one_edge_in_one_operation_are_each_right(seven: Client) -> None:
    found = await seven.data(
        """{ scope(id: "scope_engineering") {
               head: resources(first: 1) { nodes { id } } tail: resources(last: 1) { nodes { id } } } }"""
    )
    assert found["scope"] == {
        "head": {"nodes": [{"id": "resource_a"}]},
        "tail": {"nodes": [{"id": "resource_g"}]},
    }


async def test_a_refused_page_leaves_the_other_alias_alone(seven: Client) -> None:
    result = await seven.execute(
        """{ a: scope(id: "scope_engineering") { resources(first: 1) { nodes { id } } }
             b: scope(id: "scope_engineering") { resources(first: 1, after: "x") { nodes { id } } } }"""
    )
    assert result.data == {"a": {"resources": {"nodes": [{"id": "resource_a"}]}}, "b": None}
    assert result.errors
    assert [error.path for error in result.errors] == [["b", "resources", "nodes"]]
