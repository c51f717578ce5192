"""Reach: who sees what through which field, and what a server with several roots asks of its root token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db.access import SYSTEM, Role
from db.scopes import SCOPES, NewScope
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, NewTagGroup
from db.tags import TAGS
from tests import factories
from tests.graphql_schema.client import Client

if TYPE_CHECKING:
    from db.database import Database
    from tests.graphql_schema.client import Statements

IDS = {
    "scope": "scope_engineering",
    "resourceType": "resource_type_ticket",
    "resource": "resource_a",
    "tagGroup": "tag_group_local",
    "tag": "tag_local",
    "tagAssignment": "tag_assignment_1",
}
LISTS = ("scopes", "resourceTypes", "resources", "tagGroups", "tags", "tagAssignments")


@pytest.fixture
async def populated(acme: Database) -> Database:
    """Return a catalogue with something of every noun in `scope_engineering`."""
    await factories.resources(acme, "a")
    everything = await factories.caller_in(acme, "scope_acme")
    group = NewTagGroup(id="tag_group_local", scope_id="scope_engineering", key="local", name="Local")
    await factories.create(acme, TAG_GROUPS, group, caller=everything)
    tag = factories.new_tag("local", "tag_group_local", scope_id="scope_engineering")
    await factories.create(acme, TAGS, tag, caller=everything)
    assignments = [
        NewTagAssignment(id="tag_assignment_1", tag_id="tag_local", resource_id="resource_a"),
        NewTagAssignment(id="tag_assignment_2", tag_id="tag_high", resource_id="resource_a"),
    ]
    await factories.create(acme, TAG_ASSIGNMENTS, *assignments, caller=everything)
    return acme


async def acting_in(database: Database, scope_id: str, **kw: Any) -> Client:
    """Return a client with a token for a scope."""
    return Client(database, await factories.caller_in(database, scope_id, **kw))


async def ids_of(client: Client, field: str, arguments: str = "") -> list[str]:
    """Return the ids that a list query finds."""
    found = await client.data(f"{{ list: {field}{arguments} {{ totalCount nodes {{ id }} }} }}")
    assert found["list"]["totalCount"] == len(found["list"]["nodes"])
    return [node["id"] for node in found["list"]["nodes"]]


@pytest.mark.parametrize("elsewhere", ["scope_sales", "scope_globex"])
async def test_a_foreign_tenant_finds_nothing_through_any_field(populated: Database, elsewhere: str) -> None:
    await factories.create(populated, SCOPES, NewScope(id="scope_globex", name="Globex"))
    root = "scope_acme" if elsewhere == "scope_sales" else elsewhere
    client = await acting_in(populated, elsewhere, root=root)
    for field, wanted in IDS.items():
        document = f"""query($id: ID!) {{ one: {field}(id: $id) {{ id }}
            node(id: $id) {{ id }} nodes(ids: [$id]) {{ id }} }}"""
        assert await client.data(document, id=wanted) == {"one": None, "node": None, "nodes": [None]}, field
    for field in LISTS:
        assert not set(await ids_of(client, field)) & set(IDS.values()), field
        for arguments in (
            '(scopeId: "scope_engineering")',
            '(scopeId: "scope_engineering", withDescendants: true)',
        ):
            assert await ids_of(client, field, arguments) == [], field
    assert await ids_of(client, "resources", '(tagId: "tag_high")') == []
    assert await ids_of(client, "tagAssignments", '(tagId: "tag_high")') == []


async def test_a_foreign_tenant_is_told_of_no_difference_between_hidden_and_missing(
    populated: Database,
) -> None:
    client = await acting_in(populated, "scope_sales", role=Role.WRITER)
    before = await factories.stored(populated)
    document = """mutation($id: ID!, $tag: ID!) {
        updateResources(input: [{id: $id, displayName: "x"}]) { count results { errors { code message } } }
        deleteResources(input: [{id: $id}]) { count results { errors { code message } } }
        tagResources(input: [{tagId: $tag, resourceId: $id}]) { count results { errors { code message } } }
        untagResources(input: [{tagId: $tag, resourceId: $id}]) { count results { errors { code message } } } }"""
    hidden = await client.data(document, id="resource_a", tag="tag_high")
    missing = await client.data(document, id="resource_z", tag="tag_high")
    assert str(hidden).replace("resource_a", "resource_z") == str(missing)
    assert [payload["results"][0]["errors"][0]["code"] for payload in hidden.values()] == [
        "NOT_FOUND",
        "NOT_FOUND",
        "UNKNOWN_REFERENCE",
        "NOT_FOUND",
    ]
    assert await factories.stored(populated) == before


async def test_shared_objects_of_the_scopes_above_are_visible_and_the_scopes_themselves_are_not(
    populated: Database,
) -> None:
    client = await acting_in(populated, "scope_platform")
    found = await client.data(
        """{ scopes { nodes { id parentScopeId parent { id } ancestors { id } } }
             resourceTypes { nodes { id scopeId scope { id } resources { totalCount nodes { id } } } }
             tagGroup(id: "tag_group_topic") { scopeId scope { id } tags { nodes { id } } }
             tag(id: "tag_high") { tagGroup { id } resources { totalCount }
               assignments { totalCount nodes { id } } } }"""
    )
    assert found == {
        "scopes": {
            "nodes": [
                {
                    "id": "scope_platform",
                    "parentScopeId": "scope_engineering",
                    "parent": None,
                    "ancestors": [],
                }
            ]
        },
        "resourceTypes": {
            "nodes": [
                {
                    "id": "resource_type_document",
                    "scopeId": "scope_acme",
                    "scope": None,
                    "resources": {"totalCount": 0, "nodes": []},
                },
                {
                    "id": "resource_type_ticket",
                    "scopeId": "scope_engineering",
                    "scope": None,
                    "resources": {"totalCount": 0, "nodes": []},
                },
            ]
        },
        "tagGroup": {
            "scopeId": "scope_acme",
            "scope": None,
            "tags": {"nodes": [{"id": "tag_billing"}, {"id": "tag_security"}]},
        },
        "tag": {
            "tagGroup": {"id": "tag_group_priority"},
            "resources": {"totalCount": 0},
            "assignments": {"totalCount": 0, "nodes": []},
        },
    }


async def test_a_token_in_the_middle_sees_what_is_below_it(populated: Database) -> None:
    client = await acting_in(populated, "scope_engineering")
    found = await client.data(
        """{ scope(id: "scope_platform") { parent { id } ancestors { id } }
             resource(id: "resource_a") { scope { id parent { id } ancestors { id } } tags { totalCount nodes { id } } }
             tag(id: "tag_high") { resources { totalCount nodes { id } } } }"""
    )
    assert found == {
        "scope": {"parent": {"id": "scope_engineering"}, "ancestors": [{"id": "scope_engineering"}]},
        "resource": {
            "scope": {"id": "scope_engineering", "parent": None, "ancestors": []},
            "tags": {"totalCount": 2, "nodes": [{"id": "tag_high"}, {"id": "tag_local"}]},
        },
        "tag": {"resources": {"totalCount": 1, "nodes": [{"id": "resource_a"}]}},
    }


async def test_a_reader_reads_and_each_write_is_refused_alone(populated: Database) -> None:
    client = await acting_in(populated, "scope_acme", role=Role.READER)
    before = await factories.stored(populated)
    result = await client.execute(
        """mutation { a: createScopes(input: [{name: "X", parentScopeId: "scope_acme"}]) { count }
             b: deleteResources(input: [{id: "resource_a"}], dryRun: true) { count }
             c: updateTags(input: [], idempotencyKey: "k") { count }
             d: untagResources(input: [{tagId: "tag_high", resourceId: "resource_a"}]) { count } }"""
    )
    assert result.data == {"a": None, "b": None, "c": None, "d": None}
    assert result.errors
    assert [(error.path, (error.extensions or {})["code"]) for error in result.errors] == [
        ([alias], "FORBIDDEN") for alias in "abcd"
    ]
    assert await factories.stored(populated) == before
    assert await ids_of(client, "resources") == ["resource_a"]


@pytest.mark.parametrize(
    "field", ['scope(id: "scope_acme") { id }', 'scope(id: "nonsense") { id }', 'node(id: "x") { id }',
              "nodes(ids: []) { id }", "scopes { nodes { id } }", "tags { totalCount }", "resources { __typename }"]
)  # fmt: skip
async def test_nobody_reads_data_without_a_token(acme: Database, field: str) -> None:
    assert await Client(acme, None).refused(f"{{ {field} }}") == ["UNAUTHORIZED"]


async def test_nobody_writes_data_without_a_token(acme: Database) -> None:
    before = await factories.stored(acme)
    document = """mutation { createScopes(input: [{name: "X"}]) { count }
        untagResources(input: [{tagId: "tag_high", resourceId: "resource_a"}]) { count } }"""
    assert await Client(acme, None).refused(document) == ["UNAUTHORIZED"] * 2
    assert await factories.stored(acme) == before


async def test_the_schema_is_for_everybody(acme: Database, statements: Statements) -> None:
    nobody = Client(acme, None)
    statements.take()
    assert await nobody.data("{ __typename }") == {"__typename": "Query"}
    assert await nobody.data("mutation { __typename }") == {"__typename": "Mutation"}
    found = await nobody.data('{ __schema { queryType { name } } __type(name: "Node") { kind } }')
    assert found == {"__schema": {"queryType": {"name": "Query"}}, "__type": {"kind": "INTERFACE"}}
    assert statements.take() == 0


async def test_the_root_token_reads_in_the_only_root_so_that_indexes_apply(
    acme: Database, statements: Statements
) -> None:
    await Client(acme).data("{ resources { nodes { id } } }")
    assert "root_id = " in statements.texts[-1]
    assert statements.take() == 2


@pytest.fixture
async def two_roots(acme: Database) -> Database:
    """Return a catalogue with a second root in which the same ids are taken."""
    await factories.create(acme, SCOPES, NewScope(id="scope_globex", name="Globex"))
    return acme


@pytest.mark.parametrize(
    "document",
    [
        '{ scope(id: "scope_acme") { id } }',
        '{ node(id: "nonsense") { id } }',
        "{ scopes { nodes { id } } }",
        "{ tags { totalCount } }",
        'mutation { createScopes(input: [{name: "X"}]) { count } }',
        'mutation { deleteScopes(input: [{id: "scope_globex"}]) { count } }',
        'mutation { untagResources(input: [{tagId: "tag_high", resourceId: "resource_a"}]) { count } }',
    ],
)
async def test_with_several_roots_the_root_token_must_name_one(two_roots: Database, document: str) -> None:
    before = await factories.stored(two_roots)
    client = Client(two_roots)
    result = await client.execute(document)
    assert result.errors
    assert [error.extensions for error in result.errors] == [{"code": "ROOT_REQUIRED"}]
    assert "reach-tenant-id" in result.errors[0].message
    assert await factories.stored(two_roots) == before
    assert await client.data("{ __typename }") == {"__typename": "Query"}


async def test_a_narrowed_root_token_acts_in_the_root_it_names(two_roots: Database) -> None:
    for root in ("scope_acme", "scope_globex"):
        client = await acting_in(two_roots, root, root=root, subject=SYSTEM.subject)
        assert (await client.data("{ scopes(first: 1) { nodes { id } } }"))["scopes"]["nodes"] == [
            {"id": root}
        ]


async def test_the_root_token_may_make_the_first_and_the_second_root(database: Database) -> None:
    client = Client(database)
    document = """mutation($id: ID!) { createScopes(input: [{id: $id, name: "R"},
        {name: "C", parentScopeId: $id}]) { count results { scope { parent { id } children { totalCount } } } } }"""
    for root in ("scope_one", "scope_two"):
        made = await client.data(document, id=root)
        assert made["createScopes"]["count"] == 2
        assert [result["scope"] for result in made["createScopes"]["results"]] == [
            {"parent": None, "children": {"totalCount": 1}},
            {"parent": {"id": root}, "children": {"totalCount": 0}},
        ]
    assert await client.refused(document, id="scope_three") == ["ROOT_REQUIRED"]


async def test_the_first_root_is_seen_by_the_fields_after_it(database: Database) -> None:
    made = await Client(database).data(
        """mutation { createScopes(input: [{id: "scope_one", name: "R"}]) { count }
             createTagGroups(input: [{scopeId: "scope_one", key: "k", name: "K"}])
               { results { tagGroup { scope { id tagGroups { totalCount } } } } } }"""
    )
    assert made["createTagGroups"]["results"][0]["tagGroup"]["scope"] == {
        "id": "scope_one",
        "tagGroups": {"totalCount": 1},
    }
