"""Edges: every one both ways, with exact values, in as many statements for 1 parent as for 200."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from tests import factories
from tests.graphql_schema.client import Client
from tests.graphql_schema.statement_table import (
    DOCS,
    MANY,
    fill,
    measured,
    query_fields,
    undocumented,
    written,
)

if TYPE_CHECKING:
    from db.database import Database
    from tests.graphql_schema.client import Statements


@pytest.fixture
async def tagged(client: Client) -> Client:
    """Return a client of a catalogue with two resources that carry tags."""
    await factories.resources(client.database, "a", "b")
    pairs = [("tag_high", "resource_a"), ("tag_security", "resource_a"), ("tag_high", "resource_b")]
    await factories.create(
        client.database,
        TAG_ASSIGNMENTS,
        *(
            NewTagAssignment(id=f"tag_assignment_{i}", tag_id=t, resource_id=r)
            for i, (t, r) in enumerate(pairs)
        ),
    )
    return client


def nodes(*ids: str) -> dict[str, Any]:
    """Return what `{ nodes { id } totalCount }` shows of some objects."""
    return {"nodes": [{"id": each} for each in ids], "totalCount": len(ids)}


CHILDREN = "{ nodes { id } totalCount }"


async def test_edges_of_a_scope(tagged: Client) -> None:
    found = await tagged.data(
        f"""{{ root: scope(id: "scope_acme") {{ parent {{ id }} ancestors {{ id }} children {CHILDREN}
                 resourceTypes {CHILDREN} resources {CHILDREN} tagGroups {CHILDREN} tags {CHILDREN}
                 assignments {CHILDREN} }}
               middle: scope(id: "scope_engineering") {{ parent {{ id }} ancestors {{ id }} children {CHILDREN}
                 resourceTypes {CHILDREN} resources {CHILDREN} tagGroups {CHILDREN} tags {CHILDREN}
                 assignments {CHILDREN} }}
               leaf: scope(id: "scope_platform") {{ parent {{ id }} ancestors {{ id }} children {CHILDREN} }} }}"""
    )
    assert found == {
        "root": {
            "parent": None,
            "ancestors": [],
            "children": nodes("scope_engineering", "scope_sales"),
            "resourceTypes": nodes("resource_type_document"),
            "resources": nodes(),
            "tagGroups": nodes("tag_group_frozen", "tag_group_priority", "tag_group_topic"),
            "tags": nodes("tag_billing", "tag_high", "tag_low", "tag_security"),
            "assignments": nodes(),
        },
        "middle": {
            "parent": {"id": "scope_acme"},
            "ancestors": [{"id": "scope_acme"}],
            "children": nodes("scope_platform"),
            "resourceTypes": nodes("resource_type_ticket"),
            "resources": nodes("resource_a", "resource_b"),
            "tagGroups": nodes(),
            "tags": nodes(),
            "assignments": nodes("tag_assignment_0", "tag_assignment_1", "tag_assignment_2"),
        },
        "leaf": {
            "parent": {"id": "scope_engineering"},
            "ancestors": [{"id": "scope_acme"}, {"id": "scope_engineering"}],
            "children": nodes(),
        },
    }


async def test_edges_of_a_resource_type(tagged: Client) -> None:
    found = await tagged.data(
        f"""{{ resourceType(id: "resource_type_document") {{ scope {{ id }} resources {CHILDREN} }}
               other: resourceType(id: "resource_type_ticket") {{ scope {{ id }} resources {CHILDREN} }} }}"""
    )
    assert found == {
        "resourceType": {"scope": {"id": "scope_acme"}, "resources": nodes("resource_a", "resource_b")},
        "other": {"scope": {"id": "scope_engineering"}, "resources": nodes()},
    }


async def test_types_that_refer_to_each_other(client: Client) -> None:
    new = [
        NewResourceType(
            id=f"resource_type_{key}",
            scope_id=scope,
            key=key,
            name=key,
            schema={"properties": {each: {"$ref": f"schemas/{each}"} for each in refers}},
        )
        for key, scope, refers in (
            ("a", "scope_acme", ["a", "document"]),
            ("b", "scope_engineering", ["a", "ticket", "document"]),
        )
    ]
    await factories.create(client.database, RESOURCE_TYPES, *new)
    document = f"""{{ resourceTypes {{ nodes {{ key references {CHILDREN} referencedBy {CHILDREN} }} }} }}"""
    a, b, its, ticket = (f"resource_type_{each}" for each in ("a", "b", "document", "ticket"))
    expected = {
        "a": (nodes(a, its), nodes(a, b)),
        "b": (nodes(a, its, ticket), nodes()),
        "document": (nodes(), nodes(a, b)),
        "ticket": (nodes(), nodes(b)),
    }
    found = (await client.data(document))["resourceTypes"]["nodes"]
    assert {each["key"]: (each["references"], each["referencedBy"]) for each in found} == expected
    # A type of another branch refers to what is shared, too.
    beside = Client(client.database, await factories.caller_in(client.database, "scope_sales"))
    found = (await beside.data(document))["resourceTypes"]["nodes"]
    assert {each["key"]: (each["references"], each["referencedBy"]) for each in found} == {
        "a": (nodes(a, its), nodes(a)),
        "document": (nodes(), nodes(a)),
    }


async def test_edges_of_a_resource(tagged: Client) -> None:
    found = await tagged.data(
        f"""{{ resource(id: "resource_a") {{ scope {{ id }} resourceType {{ id }} tags {CHILDREN}
                 assignments {CHILDREN} }} }}"""
    )
    assert found["resource"] == {
        "scope": {"id": "scope_engineering"},
        "resourceType": {"id": "resource_type_document"},
        "tags": nodes("tag_high", "tag_security"),
        "assignments": nodes("tag_assignment_0", "tag_assignment_1"),
    }


async def test_edges_of_a_tag_group(tagged: Client) -> None:
    found = await tagged.data(
        f"""{{ tagGroup(id: "tag_group_priority") {{ scope {{ id }} tags {CHILDREN} }} }}"""
    )
    assert found["tagGroup"] == {"scope": {"id": "scope_acme"}, "tags": nodes("tag_high", "tag_low")}


async def test_edges_of_a_tag(tagged: Client) -> None:
    found = await tagged.data(
        f"""{{ tag(id: "tag_high") {{ scope {{ id }} tagGroup {{ id }} resources {CHILDREN}
                 assignments {CHILDREN} }} }}"""
    )
    assert found["tag"] == {
        "scope": {"id": "scope_acme"},
        "tagGroup": {"id": "tag_group_priority"},
        "resources": nodes("resource_a", "resource_b"),
        "assignments": nodes("tag_assignment_0", "tag_assignment_2"),
    }


async def test_edges_of_a_tag_assignment(tagged: Client) -> None:
    found = await tagged.data(
        """{ tagAssignment(id: "tag_assignment_1")
               { tag { id } tagGroup { id } resource { id } scope { id } } }"""
    )
    assert found["tagAssignment"] == {
        "tag": {"id": "tag_security"},
        "tagGroup": {"id": "tag_group_topic"},
        "resource": {"id": "resource_a"},
        "scope": {"id": "scope_engineering"},
    }


@pytest.fixture
async def large(acme: Database, statements: Statements) -> tuple[Client, Statements]:
    """Return a client of a catalogue with 200 objects of every noun, one at each edge of the others."""
    client = await fill(acme)
    statements.take()
    return client, statements


async def test_every_edge_takes_as_many_statements_for_one_parent_as_for_200(
    large: tuple[Client, Statements],
) -> None:
    assert list(undocumented()) == []
    lines = await measured(*large)
    for line in lines:
        # Nested, two: the connection's and the edge's.
        assert line.alone == line.together == line.field.count("."), line
    assert DOCS.read_text(encoding="utf-8") == written(lines), (
        "run python -m tests.graphql_schema.statement_table"
    )


@pytest.mark.parametrize("name", [name for name in query_fields() if name not in {"limits", "node", "nodes"}])
async def test_every_query_takes_as_many_statements_for_one_object_as_for_200(
    large: tuple[Client, Statements], name: str
) -> None:
    client, statements = large
    counts = []
    for count in (1, MANY):
        if query_fields()[name]:
            document = f"{{ list: {name}(first: {count}) {{ nodes {{ id }} totalCount }} }}"
            found = (await client.data(document))["list"]
            assert len(found["nodes"]) == count
        else:
            await client.data(f'{{ {name}(id: "scope_sales") {{ id }} }}')
        counts.append(statements.take())
    assert counts == ([2, 2] if query_fields()[name] else [counts[0]] * 2)
    assert counts[0] <= 2


async def test_nodes_of_every_kind_take_a_statement_for_each_kind(large: tuple[Client, Statements]) -> None:
    client, statements = large
    kinds = ["scope", "resource_type", "resource", "tag_group", "tag"]
    for each in (1, 20):
        ids = [f"{kind}_n{number}" for kind in kinds for number in range(each)]
        data = await client.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
        assert [node["id"] for node in data["nodes"]] == ids
        assert statements.take() == len(kinds)


async def test_a_deep_query_takes_one_statement_per_edge(large: tuple[Client, Statements]) -> None:
    client, statements = large
    document = """query($n: Int!) { tags(last: $n, scopeId: "scope_sales", withDescendants: true) { nodes { id
        tagGroup { id scope { id parent { id } } }
        resources(first: 5) { totalCount nodes { id resourceType { id } scope { id }
          assignments(first: 5) { nodes { tag { id } resource { id } } } } } } } }"""
    counts = []
    for count in (1, MANY):
        data = await client.data(document, n=count)
        assert [tag["resources"]["totalCount"] for tag in data["tags"]["nodes"]] == [1] * count
        [deepest] = data["tags"]["nodes"][-1]["resources"]["nodes"][0]["assignments"]["nodes"]
        assert deepest["tag"]["id"] == data["tags"]["nodes"][-1]["id"]
        counts.append(statements.take())
    assert counts[0] == counts[1]
    assert counts[0] <= 12
