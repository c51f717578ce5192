"""What can be read: objects by id, lists and their filters, with every column that clients may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db.scopes import SCOPES, NewScope
from tests import factories
from tests.graphql_schema.client import Client

if TYPE_CHECKING:
    from db.database import Database

STAMPS = "createdAt createdBy updatedAt updatedBy etag"


async def ids_of(client: Client, field: str, arguments: str = "") -> list[str]:
    """Return the ids that a list query finds."""
    found = await client.data(
        f"{{ list: {field}{f'({arguments})' if arguments else ''} {{ nodes {{ id }} }} }}"
    )
    return [node["id"] for node in found["list"]["nodes"]]


def stamps(row: Any) -> dict[str, Any]:
    """Return what `STAMPS` shows of a row."""
    return {
        "createdAt": row.created_at,
        "createdBy": row.created_by,
        "updatedAt": row.updated_at,
        "updatedBy": row.updated_by,
        "etag": f'"{row.revision}"',
    }


async def test_a_scope_shows_all_its_columns(client: Client) -> None:
    created = await client.data(
        """mutation { createScopes(input: [{id: "scope_lab", parentScopeId: "scope_acme", name: "Lab",
             externalId: "lab", meta: {floor: 3, tags: ["a", null, true, 1.5], deep: {x: {}}}}])
             { results { scope { createdAt etag } } } }"""
    )
    [result] = created["createScopes"]["results"]
    found = await client.data(
        f'{{ scope(id: "scope_lab") {{ __typename id parentScopeId name externalId meta {STAMPS} }} }}'
    )
    assert found["scope"] == {
        "__typename": "Scope",
        "id": "scope_lab",
        "parentScopeId": "scope_acme",
        "name": "Lab",
        "externalId": "lab",
        "meta": {"floor": 3, "tags": ["a", None, True, 1.5], "deep": {"x": {}}},
        "createdAt": result["scope"]["createdAt"],
        "createdBy": "system",
        "updatedAt": None,
        "updatedBy": None,
        "etag": result["scope"]["etag"],
    }


async def test_a_resource_type_shows_all_its_columns(client: Client) -> None:
    await client.data(
        """mutation { createResourceTypes(input: [{id: "resource_type_car", scopeId: "scope_acme", key: "Car",
             name: "Car", pluralKey: "cars", description: "It drives", category: "vehicles",
             schema: {type: "object"}, externalIdField: "plate", displayNamePath: "$.model"}]) { count } }"""
    )
    found = await client.data(
        """{ resourceType(id: "resource_type_car") { __typename id scopeId key name pluralKey description category
             schema externalIdField displayNamePath schemaVersion createdBy updatedAt } }"""
    )
    assert found["resourceType"] == {
        "__typename": "ResourceType",
        "id": "resource_type_car",
        "scopeId": "scope_acme",
        "key": "Car",
        "name": "Car",
        "pluralKey": "cars",
        "description": "It drives",
        "category": "vehicles",
        "schema": {"type": "object"},
        "externalIdField": "plate",
        "displayNamePath": "$.model",
        "schemaVersion": 1,
        "createdBy": "system",
        "updatedAt": None,
    }


async def test_a_resource_shows_all_its_columns(client: Client) -> None:
    await factories.resources(client.database, "a", display_name="A", data={"n": [1, {"m": None}]})
    found = await client.data(
        """{ resource(id: "resource_a") { __typename id scopeId resourceTypeId externalResourceId displayName data
             createdBy updatedAt updatedBy } }"""
    )
    assert found["resource"] == {
        "__typename": "Resource",
        "id": "resource_a",
        "scopeId": "scope_engineering",
        "resourceTypeId": "resource_type_document",
        "externalResourceId": "a",
        "displayName": "A",
        "data": {"n": [1, {"m": None}]},
        "createdBy": "system",
        "updatedAt": None,
        "updatedBy": None,
    }


async def test_a_tag_group_and_a_tag_show_all_their_columns(client: Client) -> None:
    found = await client.data(
        """{ tagGroup(id: "tag_group_priority")
               { __typename id scopeId key name description maxAppliedPerTarget isLocked createdBy updatedAt }
             locked: tagGroup(id: "tag_group_frozen") { isLocked maxAppliedPerTarget }
             tag(id: "tag_high") { __typename id scopeId tagGroupId identifier label createdBy updatedAt } }"""
    )
    assert found == {
        "tagGroup": {
            "__typename": "TagGroup",
            "id": "tag_group_priority",
            "scopeId": "scope_acme",
            "key": "priority",
            "name": "Priority",
            "description": None,
            "maxAppliedPerTarget": 1,
            "isLocked": False,
            "createdBy": "alice",
            "updatedAt": None,
        },
        "locked": {"isLocked": True, "maxAppliedPerTarget": None},
        "tag": {
            "__typename": "Tag",
            "id": "tag_high",
            "scopeId": "scope_acme",
            "tagGroupId": "tag_group_priority",
            "identifier": "high",
            "label": "High",
            "createdBy": "alice",
            "updatedAt": None,
        },
    }


async def test_a_tag_assignment_shows_all_its_columns(client: Client) -> None:
    await factories.resources(client.database, "a")
    made = await client.data(
        """mutation { tagResources(input: [{tagId: "tag_high", resourceId: "resource_a"}])
             { results { assignment { id appliedAt etag } } } }"""
    )
    [result] = made["tagResources"]["results"]
    found = await client.data(
        "query($id: ID!) { tagAssignment(id: $id)"
        " { __typename id tagId resourceId scopeId appliedAt appliedBy etag } }",
        id=result["assignment"]["id"],
    )
    assert found["tagAssignment"] == {
        "__typename": "TagAssignment",
        **result["assignment"],
        "tagId": "tag_high",
        "resourceId": "resource_a",
        "scopeId": "scope_engineering",
        "appliedBy": "system",
    }


async def test_the_etag_is_the_revision_in_quotes_and_the_stamps_are_the_rows(client: Client) -> None:
    [row] = await factories.create(client.database, *_scope("scope_x"))
    found = await client.data(f'{{ scope(id: "scope_x") {{ {STAMPS} }} }}')
    assert found["scope"] == stamps(row)


def _scope(scope_id: str) -> tuple[Any, Any]:
    return SCOPES, NewScope(id=scope_id, parent_scope_id="scope_acme", name="X")


async def test_node_finds_every_kind_of_object(client: Client) -> None:
    await factories.resources(client.database, "a")
    await client.data(
        'mutation { tagResources(input: [{tagId: "tag_high", resourceId: "resource_a"}]) { count } }'
    )
    [assignment] = await ids_of(client, "tagAssignments")
    expected = {
        "scope_sales": "Scope",
        "resource_type_ticket": "ResourceType",
        "resource_a": "Resource",
        "tag_group_topic": "TagGroup",
        "tag_high": "Tag",
        assignment: "TagAssignment",
    }
    for wanted, typename in expected.items():
        found = await client.data("query($id: ID!) { node(id: $id) { __typename id etag } }", id=wanted)
        assert found["node"]["__typename"] == typename
        assert found["node"]["id"] == wanted
        assert found["node"]["etag"].startswith('"')
    several = await client.data(
        "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Tag { label } } }",
        ids=["tag_high", "resource_none", "nonsense", "batch_1", "", "scope_sales", "tag_high", "scope_a\0b"],
    )
    tag = {"__typename": "Tag", "id": "tag_high", "label": "High"}
    scope = {"__typename": "Scope", "id": "scope_sales"}
    assert several["nodes"] == [tag, None, None, None, None, scope, tag, None]


@pytest.mark.parametrize("wanted", ["resource_none", "tag_high", "", "resource", "resource_\0", "resource_é"])
async def test_an_id_of_nothing_or_of_something_else_finds_nothing(client: Client, wanted: str) -> None:
    assert await client.data(
        "query($id: ID!) { resource(id: $id) { id } node(id: $id) { id } }", id=wanted
    ) == {
        "resource": None,
        "node": {"id": "tag_high"} if wanted == "tag_high" else None,
    }


async def test_nodes_takes_a_hundred_ids_and_no_more(client: Client) -> None:
    document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert (await client.data(document, ids=["tag_high"] * 100))["nodes"] == [{"id": "tag_high"}] * 100
    assert await client.refused(document, ids=["tag_high"] * 101) == ["BAD_USER_INPUT"]


async def test_lists_have_everything_in_reach_ordered_by_id(client: Client) -> None:
    await factories.resources(client.database, "b", "a", "c")
    assert await ids_of(client, "scopes") == [
        "scope_acme",
        "scope_engineering",
        "scope_platform",
        "scope_sales",
    ]
    assert await ids_of(client, "resourceTypes") == ["resource_type_document", "resource_type_ticket"]
    assert await ids_of(client, "resources") == ["resource_a", "resource_b", "resource_c"]
    assert await ids_of(client, "tagGroups") == ["tag_group_frozen", "tag_group_priority", "tag_group_topic"]
    assert await ids_of(client, "tags") == ["tag_billing", "tag_high", "tag_low", "tag_security"]
    assert await ids_of(client, "tagAssignments") == []


@pytest.mark.parametrize(
    ("field", "arguments", "expected"),
    [
        ("scopes", 'scopeId: "scope_engineering"', ["scope_engineering"]),
        (
            "scopes",
            'scopeId: "scope_engineering", withDescendants: true',
            ["scope_engineering", "scope_platform"],
        ),
        ("scopes", 'parentScopeId: "scope_acme"', ["scope_engineering", "scope_sales"]),
        ("scopes", 'externalId: "sales"', ["scope_sales"]),
        ("scopes", 'ids: ["scope_sales", "scope_none", "scope_acme"]', ["scope_acme", "scope_sales"]),
        ("scopes", "ids: []", []),
        ("scopes", 'scopeId: "scope_none"', []),
        ("scopes", "scopeId: null, ids: null, externalId: null, first: null, after: null", 4),
        ("resourceTypes", 'key: "DOCUMENT"', ["resource_type_document"]),
        ("resourceTypes", 'category: "none"', []),
        ("resourceTypes", 'scopeId: "scope_engineering"', ["resource_type_ticket"]),
        ("resources", 'scopeId: "scope_acme"', []),
        (
            "resources",
            'scopeId: "scope_acme", withDescendants: true',
            ["resource_a", "resource_b", "resource_s"],
        ),
        ("resources", 'scopeId: "scope_sales"', ["resource_s"]),
        ("resources", 'resourceTypeId: "resource_type_document"', 3),
        ("resources", 'resourceTypeId: "resource_type_ticket"', 0),
        ("resources", 'externalResourceId: "b"', ["resource_b"]),
        ("resources", 'displayNamePrefix: "Alp"', ["resource_a"]),
        ("resources", 'displayNamePrefix: "alp"', []),
        ("resources", 'tagId: "tag_high"', ["resource_a"]),
        ("resources", 'updatedSince: "2001-01-01T00:00:00Z"', 3),
        ("resources", 'updatedSince: "2999-01-01T00:00:00+01:00"', []),
        ("resources", 'tagId: "tag_high", externalResourceId: "b"', []),
        ("tagGroups", 'key: "topic"', ["tag_group_topic"]),
        ("tags", 'tagGroupId: "tag_group_topic"', ["tag_billing", "tag_security"]),
        ("tags", 'identifier: "low"', ["tag_low"]),
        ("tagAssignments", 'tagId: "tag_high"', 1),
        ("tagAssignments", 'tagId: "tag_low"', 0),
        ("tagAssignments", 'resourceId: "resource_a"', 1),
        ("tagAssignments", 'tagGroupId: "tag_group_priority"', 1),
        ("tagAssignments", 'tagGroupId: "tag_group_topic"', 0),
    ],
)
async def test_filters_keep_what_they_say(
    client: Client, field: str, arguments: str, expected: list[str] | int
) -> None:
    await factories.resources(client.database, "a", display_name="Alpha")
    await factories.resources(client.database, "b", display_name="Beta")
    await factories.resources(client.database, "s", scope_id="scope_sales")
    await client.data(
        'mutation { tagResources(input: [{tagId: "tag_high", resourceId: "resource_a"}]) { count } }'
    )
    found = await ids_of(client, field, arguments)
    assert (len(found) if isinstance(expected, int) else found) == expected
    counted = await client.data(f"{{ list: {field}({arguments}) {{ totalCount }} }}")
    assert counted["list"]["totalCount"] == len(found)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
@pytest.mark.parametrize("name", ["scopeId", "externalResourceId", "displayNamePrefix", "tagId"])
async def test_text_that_no_database_takes_is_the_clients_mistake(
    client: Client, name: str, text: str
) -> None:
    kind = "ID" if name.endswith("Id") and name != "externalResourceId" else "String"
    document = f"query($x: {kind}) {{ resources({name}: $x) {{ nodes {{ id }} }} }}"
    result = await client.execute(document, x=text)
    assert result.errors
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT", "argument": name}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"path": "a", "equals": 1}, "data.1.path must begin with a slash: /address/city"),
        ({"path": '/"', "equals": 1}, "data.1.path can't name members with quotes, backslashes or the"),
        ({"path": "/a", "equals": [1]}, "data.1.equals must be a text, a number, true, false or null"),
        ({"path": "/a", "equals": "\0"}, "data.1.equals must not contain the character U+0000"),
    ],
)
async def test_of_several_members_the_wrong_one_is_named(
    client: Client, wrong: dict[str, Any], message: str
) -> None:
    document = "query($data: [DataFilter!]) { resources(data: $data) { totalCount } }"
    result = await client.execute(document, data=[{"path": "/a", "equals": 1}, wrong])
    assert result.errors
    assert result.errors[0].message.startswith(message)
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT", "argument": "data"}


async def test_more_than_a_hundred_ids_are_refused(client: Client) -> None:
    document = "query($ids: [ID!]) { scopes(ids: $ids) { nodes { id } } }"
    assert len((await client.data(document, ids=["scope_sales"] * 100))["scopes"]["nodes"]) == 1
    assert await client.refused(document, ids=["scope_sales"] * 101) == ["BAD_USER_INPUT"]


async def test_an_empty_server_answers_its_root_token_with_nothing(database: Database) -> None:
    client = Client(database)
    assert await client.data('{ scopes { totalCount nodes { id } } scope(id: "scope_a") { id } }') == {
        "scopes": {"totalCount": 0, "nodes": []},
        "scope": None,
    }
