"""Edges: every one both ways, with exact values, in as many statements for 1 parent as for 200."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db.commands import Create
from db.engine import run
from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.resources import RESOURCES
from db.scopes import SCOPES, NewScope
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, NewTagGroup
from db.tags import TAGS
from tests import factories
from tests.graphql_schema.client import Client

if TYPE_CHECKING:
    from db.database import Database
    from tests.graphql_schema.client import Statements

MANY = 200


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
                 resourceTypes {CHILDREN} resources {CHILDREN} tagGroups {CHILDREN} tags {CHILDREN} }}
               middle: scope(id: "scope_engineering") {{ parent {{ id }} ancestors {{ id }} children {CHILDREN}
                 resourceTypes {CHILDREN} resources {CHILDREN} tagGroups {CHILDREN} tags {CHILDREN} }}
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
        },
        "middle": {
            "parent": {"id": "scope_acme"},
            "ancestors": [{"id": "scope_acme"}],
            "children": nodes("scope_platform"),
            "resourceTypes": nodes("resource_type_ticket"),
            "resources": nodes("resource_a", "resource_b"),
            "tagGroups": nodes(),
            "tags": nodes(),
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
    await factories.create(
        acme,
        SCOPES,
        *(NewScope(id=f"scope_n{i}", parent_scope_id="scope_sales", name="N") for i in range(MANY)),
    )
    below = [NewScope(id=f"scope_below_n{i}", parent_scope_id=f"scope_n{i}", name="B") for i in range(MANY)]
    await factories.create(acme, SCOPES, *below)
    everything = await factories.caller_in(acme, "scope_acme")
    types = [
        NewResourceType(id=f"resource_type_n{i}", scope_id=f"scope_n{i}", key="k", name="N")
        for i in range(MANY)
    ]
    await factories.create(acme, RESOURCE_TYPES, *types, caller=everything)
    groups = [
        NewTagGroup(id=f"tag_group_n{i}", scope_id=f"scope_n{i}", key="k", name="N") for i in range(MANY)
    ]
    await factories.create(acme, TAG_GROUPS, *groups, caller=everything)
    tags = [factories.new_tag(f"n{i}", f"tag_group_n{i}", scope_id=f"scope_n{i}") for i in range(MANY)]
    await factories.create(acme, TAGS, *tags, caller=everything)
    resources = [
        factories.new_resource(
            "e", id=f"resource_n{i}", scope_id=f"scope_n{i}", resource_type_id=f"resource_type_n{i}"
        )
        for i in range(MANY)
    ]
    await factories.create(acme, RESOURCES, *resources, caller=everything)
    pairs = [NewTagAssignment(tag_id=f"tag_n{i}", resource_id=f"resource_n{i}") for i in range(MANY)]
    assert (await run(acme, everything, Create(TAG_ASSIGNMENTS, pairs))).committed
    statements.take()
    return Client(acme, everything), statements


EDGES = {
    'scopes(parentScopeId: "scope_sales", ': "parent ancestors children resourceTypes resources tagGroups tags",
    'resourceTypes(key: "k", ': "scope resources",
    "resources(": "scope resourceType tags assignments",
    'tagGroups(key: "k", ': "scope tags",
    'tags(scopeId: "scope_sales", withDescendants: true, ': "scope tagGroup resources assignments",
    "tagAssignments(": "tag tagGroup resource scope",
}
TO_ONE = {"parent", "ancestors", "scope", "resourceType", "tag", "tagGroup", "resource"}


@pytest.mark.parametrize("parents", EDGES)
async def test_an_edge_takes_one_statement_for_one_parent_and_for_200(
    large: tuple[Client, Statements], parents: str
) -> None:
    client, statements = large
    await client.data(f"{{ list: {parents} last: 1) {{ nodes {{ id }} }} }}")
    alone = statements.take()
    for edge in EDGES[parents].split():
        selections = (
            {"{ id }": None}
            if edge in TO_ONE
            else {"{ nodes { id } }": "nodes", "{ totalCount }": "totalCount"}
        )
        for selection, shown in selections.items():
            for count in (1, MANY):
                document = f"query($n: Int!) {{ list: {parents} last: $n) {{ nodes {{ edge: {edge} {selection} }} }} }}"
                data = await client.data(document, n=count)
                found = [node["edge"][shown] if shown else node["edge"] for node in data["list"]["nodes"]]
                assert len(found) == count
                assert all(found), (edge, selection)
                assert shown is None or found == [1] * count or [len(each) for each in found] == [1] * count
                assert statements.take() == alone + 1, (edge, selection, count)


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
