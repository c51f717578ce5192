"""Mutations: an outcome for every item, all or nothing or what is good, and once per key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db.shapes import MAX_ITEMS
from tests import factories
from tests.graphql_schema.client import Client

if TYPE_CHECKING:
    from db.database import Database
    from tests.graphql_schema.client import Statements

ERRORS = "errors { code field message }"


def mutation(field: str, kind: str, shown: str, options: str = "") -> str:
    """Return a mutation over `$input` that shows all of its payload."""
    return (
        f"mutation($input: [{kind}!]!) {{ done: {field}(input: $input{options})"
        f" {{ count committed results {{ index outcome {shown} {ERRORS} }} }} }}"
    )


def succeeded(field: str, *objects: dict[str, Any], outcome: str) -> dict[str, Any]:
    """Return the payload of items that were all stored."""
    return {
        "count": len(objects),
        "committed": True,
        "results": [
            {"index": i, "outcome": outcome, field: each, "errors": []} for i, each in enumerate(objects)
        ],
    }


async def codes(client: Client, document: str, items: list[Any]) -> list[Any]:
    """Return each item's outcome, or for a faulty one its codes and fields."""
    data = await client.data(document, input=items)
    return [
        [f"{error['code']} {error['field']}" for error in result["errors"]] or result["outcome"]
        for result in data["done"]["results"]
    ]


NOUNS: dict[str, Any] = {
    "scope": {
        "plural": "Scopes",
        "create": {"id": "scope_x", "parentScopeId": "scope_acme", "name": "X", "externalId": "x",
                   "meta": {"a": 1, "b": 2}},
        "shown": "id parentScopeId name externalId meta",
        "change": {"name": "Y", "externalId": None, "meta": {"b": None, "c": 3}},
        "changed": {"name": "Y", "externalId": None, "meta": {"a": 1, "c": 3}},
    },
    "resourceType": {
        "plural": "ResourceTypes",
        "create": {"id": "resource_type_x", "scopeId": "scope_acme", "key": "x", "name": "X", "pluralKey": "xs",
                   "description": "d", "category": "c", "schema": {"type": "object"}, "externalIdField": "e",
                   "displayNamePath": "$.n"},
        "shown": "id scopeId key name pluralKey description category schema externalIdField displayNamePath",
        "change": {"name": "Y", "pluralKey": None, "description": None, "category": "k", "schema": {"type": "array"}},
        "changed": {"name": "Y", "pluralKey": None, "description": None, "category": "k", "schema": {"type": "array"}},
    },
    "resource": {
        "plural": "Resources",
        "create": {"id": "resource_x", "scopeId": "scope_sales", "resourceTypeId": "resource_type_document",
                   "externalResourceId": "x", "displayName": "X", "data": {"a": {"b": 1, "c": 2}}},
        "shown": "id scopeId resourceTypeId externalResourceId displayName data",
        "change": {"displayName": None, "data": {"a": {"c": None, "d": [1]}}},
        "changed": {"displayName": None, "data": {"a": {"b": 1, "d": [1]}}},
    },
    "tagGroup": {
        "plural": "TagGroups",
        "create": {"id": "tag_group_x", "scopeId": "scope_acme", "key": "x", "name": "X", "description": "d",
                   "maxAppliedPerTarget": 2, "isLocked": False},
        "shown": "id scopeId key name description maxAppliedPerTarget isLocked",
        "change": {"name": "Y", "description": None, "maxAppliedPerTarget": None},
        "changed": {"name": "Y", "description": None, "maxAppliedPerTarget": None},
    },
    "tag": {
        "plural": "Tags",
        "create": {"id": "tag_x", "scopeId": "scope_acme", "tagGroupId": "tag_group_topic",
                   "identifier": "x", "label": "X"},
        "shown": "id scopeId tagGroupId identifier label",
        "change": {"label": "Y"},
        "changed": {"label": "Y"},
    },
}  # fmt: skip


@pytest.mark.parametrize("noun", NOUNS)
async def test_objects_are_created_changed_and_deleted(client: Client, noun: str) -> None:
    case = NOUNS[noun]
    plural, kind, item = case["plural"], case["plural"][:-1], case["create"]
    shown = f"{noun} {{ {case['shown']} updatedBy etag }}"
    create = mutation(f"create{plural}", f"Create{kind}Input", shown)
    made = (await client.data(create, input=[item]))["done"]
    etag = made["results"][0][noun]["etag"]
    assert made == succeeded(noun, {**item, "updatedBy": None, "etag": etag}, outcome="CREATED")

    update = mutation(f"update{plural}", f"Update{kind}Input", shown)
    changed = (await client.data(update, input=[{"id": item["id"], "ifMatch": etag, **case["change"]}]))[
        "done"
    ]
    etag_then = changed["results"][0][noun]["etag"]
    after = {**item, **case["changed"], "updatedBy": "system", "etag": etag_then}
    assert changed == succeeded(noun, after, outcome="UPDATED")
    assert etag_then != etag
    read = f"query($id: ID!) {{ {noun}(id: $id) {{ {case['shown']} updatedBy etag }} }}"
    assert await client.data(read, id=item["id"]) == {noun: after}

    same = (await client.data(update, input=[{"id": item["id"]}]))["done"]
    assert (same["count"], same["committed"]) == (0, True)
    assert same["results"] == [{"index": 0, "outcome": "UNCHANGED", noun: after, "errors": []}]

    delete = mutation(f"delete{plural}", "DeleteInput", f"{noun} {{ {case['shown']} updatedBy etag }}")
    gone = (await client.data(delete, input=[{"id": item["id"], "ifMatch": etag_then.strip('"')}]))["done"]
    assert gone == succeeded(noun, after, outcome="DELETED")
    assert await client.data(read, id=item["id"]) == {noun: None}
    [again] = await codes(client, delete, [{"id": item["id"]}])
    assert again == ["NOT_FOUND id"]


async def test_a_locked_group_can_only_be_unlocked(client: Client) -> None:
    document = mutation("updateTagGroups", "UpdateTagGroupInput", "tagGroup { isLocked name }")
    changes: list[tuple[dict[str, Any], Any]] = [
        ({"isLocked": True}, "UPDATED"),
        ({"name": "New"}, ["LOCKED isLocked"]),
        ({"isLocked": False, "name": "New"}, ["LOCKED isLocked"]),
        ({"isLocked": None}, "UPDATED"),
        ({"name": "New"}, "UPDATED"),
    ]
    for change, expected in changes:
        assert await codes(client, document, [{"id": "tag_group_topic", **change}]) == [expected], change
    found = await client.data('{ tagGroup(id: "tag_group_topic") { isLocked name } }')
    assert found["tagGroup"] == {"isLocked": False, "name": "New"}


async def test_resources_are_tagged_and_untagged_by_pairs(client: Client) -> None:
    await factories.resources(client.database, "a", "b")
    shown = "assignment { tagId resourceId scopeId appliedBy tag { label } resource { tags { totalCount } } }"
    pairs: list[dict[str, Any]] = [
        {"tagId": "tag_high", "resourceId": "resource_a"},
        {"tagId": "tag_security", "resourceId": "resource_b"},
    ]
    tag = mutation("tagResources", "ResourceTagInput", shown)
    labels = ["High", "Security"]
    assert (await client.data(tag, input=pairs))["done"] == succeeded(
        "assignment",
        *(
            {**pair, "scopeId": "scope_engineering", "appliedBy": "system", "tag": {"label": label},
             "resource": {"tags": {"totalCount": 1}}}
            for pair, label in zip(pairs, labels, strict=True)
        ),
        outcome="CREATED",
    )  # fmt: skip
    assert await codes(client, tag, pairs) == [["ALREADY_EXISTS tagId"]] * 2
    untag = mutation(
        "untagResources",
        "ResourceTagInput",
        "assignment { tagId resourceId resource { tags { totalCount } } }",
    )
    assert (await client.data(untag, input=pairs))["done"] == succeeded(
        "assignment",
        *({**pair, "resource": {"tags": {"totalCount": 0}}} for pair in pairs),
        outcome="DELETED",
    )


async def test_a_pair_that_isnt_there_is_an_items_fault(client: Client) -> None:
    await factories.resources(client.database, "a")
    there = {"tagId": "tag_high", "resourceId": "resource_a"}
    await client.data(mutation("tagResources", "ResourceTagInput", "__typename"), input=[there])
    missing = [{"tagId": "tag_low", "resourceId": "resource_a"}, {"tagId": "tag_\0", "resourceId": "\ud800"}]
    untag = mutation("untagResources", "ResourceTagInput", "assignment { id }")
    done = (await client.data(untag, input=[*missing, there, there]))["done"]
    assert (done["count"], done["committed"]) == (0, False)
    assert [(result["outcome"], result["assignment"]) for result in done["results"]] == [
        ("FAILED", None), ("FAILED", None), ("ROLLED_BACK", None), ("FAILED", None)
    ]  # fmt: skip
    assert [result["errors"] for result in done["results"]] == [
        [
            {
                "code": "NOT_FOUND",
                "field": None,
                "message": "the resource resource_a doesn't carry the tag tag_low",
            }
        ],
        [{"code": "NOT_FOUND", "field": None, "message": "the resource ? doesn't carry the tag tag_?"}],
        [],
        [{"code": "DUPLICATE_IN_BATCH", "field": None, "message": "item 2 of this batch is the same"}],
    ]
    partly = mutation("untagResources", "ResourceTagInput", "__typename", ", onError: REJECT_FAILED")
    assert await codes(client, partly, [*missing, there]) == [
        ["NOT_FOUND None"],
        ["NOT_FOUND None"],
        "DELETED",
    ]


@pytest.mark.parametrize("count", [1, 2, 64, 1_000])
async def test_a_mutation_takes_as_many_statements_for_any_number_of_items(
    acme: Database, statements: Statements, count: int
) -> None:
    client = Client(acme, await factories.caller_in(acme, "scope_acme"))
    document = mutation(
        "createResources", "CreateResourceInput", "resource { id scope { id } resourceType { id } }"
    )
    place = {"scopeId": "scope_sales", "resourceTypeId": "resource_type_document"}
    items = [{"id": f"resource_{i}", "externalResourceId": str(i), **place} for i in range(count)]
    statements.take()
    done = (await client.data(document, input=items))["done"]
    # Two look-ups and the insert; then one for each of the two edges.
    assert statements.take() == 5
    assert done == succeeded(
        "resource",
        *(
            {
                "id": f"resource_{i}",
                "scope": {"id": "scope_sales"},
                "resourceType": {"id": "resource_type_document"},
            }
            for i in range(count)
        ),
        outcome="CREATED",
    )
    untag = mutation("untagResources", "ResourceTagInput", "__typename", ", onError: REJECT_FAILED")
    tag = mutation("tagResources", "ResourceTagInput", "__typename")
    pairs = [{"tagId": "tag_security", "resourceId": item["id"]} for item in items]
    await client.data(tag, input=pairs)
    statements.take()
    assert (await client.data(untag, input=pairs))["done"]["count"] == count
    assert statements.take() == 3


async def test_no_items_are_no_fault(client: Client) -> None:
    for field, kind in [("createTags", "CreateTagInput"), ("updateTags", "UpdateTagInput"),
                        ("deleteTags", "DeleteInput"), ("tagResources", "ResourceTagInput"),
                        ("untagResources", "ResourceTagInput")]:  # fmt: skip
        done = (await client.data(mutation(field, kind, "__typename"), input=[]))["done"]
        assert done == {"count": 0, "committed": True, "results": []}


@pytest.mark.parametrize(
    ("field", "kind", "item"),
    [
        (
            "createTags",
            "CreateTagInput",
            {"scopeId": "s", "tagGroupId": "g", "identifier": "i", "label": "l"},
        ),
        ("updateTags", "UpdateTagInput", {"id": "tag_low"}),
        ("deleteTags", "DeleteInput", {"id": "tag_low"}),
        ("tagResources", "ResourceTagInput", {"tagId": "t", "resourceId": "r"}),
        ("untagResources", "ResourceTagInput", {"tagId": "t", "resourceId": "r"}),
    ],
)
async def test_more_than_a_thousand_items_are_refused(
    client: Client, field: str, kind: str, item: dict[str, Any]
) -> None:
    before = await factories.stored(client.database)
    result = await client.execute(mutation(field, kind, "__typename"), input=[item] * (MAX_ITEMS + 1))
    assert result.data is None
    assert result.errors
    numbers = {"limit": "batchItems", "requested": MAX_ITEMS + 1, "allowed": MAX_ITEMS}
    assert result.errors[0].extensions == {"code": "TOO_MANY_ITEMS", **numbers}
    assert result.errors[0].message == "this request has 1,001 items in one mutation; the limit is 1,000."
    assert await factories.stored(client.database) == before


FAULTY = [
    {"id": "tag_x", "scopeId": "scope_acme", "tagGroupId": "tag_group_topic", "identifier": "x", "label": "X"},
    {"id": "resource_x", "scopeId": "scope_none", "tagGroupId": "tag_group_topic", "identifier": "",
     "label": "X" * 1_001},
    {"scopeId": "scope_none", "tagGroupId": "tag_group_topic", "identifier": "y", "label": "Y"},
    {"scopeId": "scope_acme", "tagGroupId": "tag_group_frozen", "identifier": "y", "label": "Y"},
    {"scopeId": "scope_acme", "tagGroupId": "tag_group_topic", "identifier": "security", "label": "Y"},
    {"scopeId": "scope_acme", "tagGroupId": "tag_group_topic", "identifier": "a\0", "label": "\ud800"},
]  # fmt: skip
FAULTS = [
    ["INVALID_VALUE id", "INVALID_VALUE identifier", "INVALID_VALUE label"],
    ["UNKNOWN_REFERENCE scopeId"],
    ["LOCKED tagGroupId"],
    ["ALREADY_EXISTS identifier"],
    ["INVALID_VALUE identifier", "INVALID_VALUE label"],
]


async def test_one_faulty_item_rejects_all_and_every_fault_is_told(client: Client) -> None:
    before = await factories.stored(client.database)
    document = mutation("createTags", "CreateTagInput", "tag { id }")
    done = (await client.data(document, input=FAULTY))["done"]
    assert (done["count"], done["committed"]) == (0, False)
    assert [result["outcome"] for result in done["results"]] == ["ROLLED_BACK", *["FAILED"] * 5]
    assert [result["tag"] for result in done["results"]] == [None] * 6
    assert [result["index"] for result in done["results"]] == [0, 1, 2, 3, 4, 5]
    assert await codes(client, document, FAULTY) == ["ROLLED_BACK", *FAULTS]
    assert await factories.stored(client.database) == before


async def test_reject_failed_stores_what_is_good(client: Client) -> None:
    document = mutation("createTags", "CreateTagInput", "tag { id }", ", onError: REJECT_FAILED")
    done = (await client.data(document, input=FAULTY))["done"]
    assert (done["count"], done["committed"]) == (1, True)
    assert done["results"][0] == {"index": 0, "outcome": "CREATED", "tag": {"id": "tag_x"}, "errors": []}
    assert [result["outcome"] for result in done["results"]] == ["CREATED", *["FAILED"] * 5]
    found = await client.data('{ tags(ids: ["tag_x"]) { totalCount } }')
    assert found["tags"]["totalCount"] == 1


async def test_a_dry_run_tells_what_would_be_and_stores_nothing(client: Client) -> None:
    before = await factories.stored(client.database)
    document = mutation("createTags", "CreateTagInput", "tag { id label }", ", dryRun: true")
    done = (await client.data(document, input=FAULTY[:1]))["done"]
    assert (done["count"], done["committed"]) == (0, False)
    assert done["results"] == [
        {"index": 0, "outcome": "CREATED", "tag": {"id": "tag_x", "label": "X"}, "errors": []}
    ]
    assert await codes(client, document, FAULTY) == ["ROLLED_BACK", *FAULTS]
    for field, kind, item, outcome in [
        ("updateTags", "UpdateTagInput", {"id": "tag_low", "label": "new"}, "UPDATED"),
        ("deleteTags", "DeleteInput", {"id": "tag_low"}, "DELETED"),
    ]:
        dry = mutation(field, kind, "tag { label }", ', dryRun: true, idempotencyKey: "k"')
        done = (await client.data(dry, input=[item]))["done"]
        assert (done["count"], done["committed"], done["results"][0]["outcome"]) == (0, False, outcome)
    assert await factories.stored(client.database) == before


async def test_on_conflict_decides_about_what_is_there_already(client: Client) -> None:
    item = {
        "scopeId": "scope_acme",
        "tagGroupId": "tag_group_priority",
        "identifier": "low",
        "label": "Lowest",
    }
    shown = "tag { id label }"

    async def create(on_conflict: str) -> dict[str, Any]:
        document = mutation("createTags", "CreateTagInput", shown, f", onConflict: {on_conflict}")
        [result] = (await client.data(document, input=[item]))["done"]["results"]
        return dict(result)

    refused = await create("ERROR")
    assert refused["outcome"] == "FAILED"
    assert [error["code"] for error in refused["errors"]] == ["ALREADY_EXISTS"]
    assert await create("SKIP") == {
        "index": 0, "outcome": "UNCHANGED", "tag": {"id": "tag_low", "label": "Low"}, "errors": []
    }  # fmt: skip
    assert await create("MERGE") == {
        "index": 0, "outcome": "UPDATED", "tag": {"id": "tag_low", "label": "Lowest"}, "errors": []
    }  # fmt: skip
    assert (await create("MERGE"))["outcome"] == "UNCHANGED"


async def test_inline_tags_come_with_their_group_and_their_faults_name_them(client: Client) -> None:
    document = mutation(
        "createTagGroups", "CreateTagGroupInput", "tagGroup { id isLocked tags { nodes { id label } } }"
    )
    group = {"id": "tag_group_x", "scopeId": "scope_sales", "key": "x", "name": "X"}
    tags = [
        {"id": "tag_1", "identifier": "one", "label": "1"},
        {"id": "tag_2", "identifier": "two", "label": "2"},
    ]
    done = (await client.data(document, input=[{**group, "tags": tags}]))["done"]
    shown = [{"id": "tag_1", "label": "1"}, {"id": "tag_2", "label": "2"}]
    assert done == succeeded(
        "tagGroup", {"id": "tag_group_x", "isLocked": False, "tags": {"nodes": shown}}, outcome="CREATED"
    )
    other = {**group, "id": "tag_group_y", "key": "y"}
    assert await codes(client, document, [{**other, "tags": [{"identifier": "a", "label": ""}]}]) == [
        ["INVALID_VALUE tags.0.label"]
    ]
    assert await codes(
        client, document, [{**other, "tags": [tags[0], {**tags[1], "identifier": "one"}]}]
    ) == [["DUPLICATE_IN_BATCH tags.1.identifier"]]
    assert await codes(
        client, document, [{**other, "tags": None, "description": None, "isLocked": None}]
    ) == ["CREATED"]


async def test_scopes_of_one_call_refer_to_each_other_in_any_order(client: Client) -> None:
    document = mutation("createScopes", "CreateScopeInput", "scope { id parent { id } ancestors { id } }")
    items = [{"id": "scope_leaf", "name": "L", "parentScopeId": "scope_mid"},
             {"id": "scope_mid", "name": "M", "parentScopeId": "scope_sales"}]  # fmt: skip
    done = (await client.data(document, input=items))["done"]
    assert [result["scope"] for result in done["results"]] == [
        {
            "id": "scope_leaf",
            "parent": {"id": "scope_mid"},
            "ancestors": [{"id": "scope_acme"}, {"id": "scope_sales"}, {"id": "scope_mid"}],
        },
        {
            "id": "scope_mid",
            "parent": {"id": "scope_sales"},
            "ancestors": [{"id": "scope_acme"}, {"id": "scope_sales"}],
        },
    ]


@pytest.mark.parametrize(
    ("if_match", "expected"),
    [
        (None, "UPDATED"),
        ("*", "UPDATED"),
        ("{etag}", "UPDATED"),
        ('"{etag}"', "UPDATED"),
        ("stale", ["PRECONDITION_FAILED None"]),
        ('W/"{etag}"', ["PRECONDITION_FAILED None"]),
        ('"*"', ["PRECONDITION_FAILED None"]),
        ('"{etag}', ["PRECONDITION_FAILED None"]),
        ("", ["PRECONDITION_FAILED None"]),
    ],
)
async def test_if_match_guards_a_change(
    client: Client, if_match: str | None, expected: str | list[str]
) -> None:
    etag = (await client.data('{ tag(id: "tag_low") { etag } }'))["tag"]["etag"].strip('"')
    given = if_match and if_match.format(etag=etag)
    update = mutation("updateTags", "UpdateTagInput", "__typename")
    assert await codes(client, update, [{"id": "tag_low", "ifMatch": given, "label": "new"}]) == [expected]
    delete = mutation("deleteTags", "DeleteInput", "__typename")
    given = if_match and if_match.format(etag="stale" if expected == "UPDATED" else etag)
    if if_match in {None, "*"}:
        assert await codes(client, delete, [{"id": "tag_low", "ifMatch": given}]) == ["DELETED"]
    else:
        assert await codes(client, delete, [{"id": "tag_low", "ifMatch": given}]) == [
            ["PRECONDITION_FAILED None"]
        ]


async def test_faults_of_changes_and_deletes_are_values(client: Client) -> None:
    await factories.resources(client.database, "a")
    update = mutation("updateScopes", "UpdateScopeInput", "scope { id }")
    assert await codes(
        client,
        update,
        [{"id": "scope_none", "name": "X"}, {"id": "scope_sales", "name": None}, {"id": "scope_sales", "name": ""},
         {"id": "scope_\0\ud800", "name": "X"}, {"id": "scope_sales", "meta": "text"},
         {"id": "scope_sales", "name": "S"}],
    ) == [["NOT_FOUND id"], ["MISSING_FIELD name"], ["INVALID_VALUE name"], ["NOT_FOUND id"], ["INVALID_VALUE meta"],
          "ROLLED_BACK"]  # fmt: skip
    delete = mutation("deleteScopes", "DeleteInput", "scope { id }")
    assert await codes(client, delete, [{"id": "scope_engineering"}, {"id": "tag_low"}]) == [
        ["IN_USE id"],
        ["NOT_FOUND id"],
    ]


async def test_json_of_every_form_comes_back_as_it_was(client: Client) -> None:
    document = mutation("createResources", "CreateResourceInput", "resource { data }")
    place = {"scopeId": "scope_sales", "resourceTypeId": "resource_type_document"}
    values: list[Any] = [
        "text",
        "",
        0,
        -1.5,
        2**53,
        True,
        False,
        [],
        {},
        [None, {"é": "😀"}],
        {"z": 1, "a": {"$ref": None}},
    ]
    items = [{"externalResourceId": str(i), "data": value, **place} for i, value in enumerate(values)]
    done = (await client.data(document, input=items))["done"]
    assert [result["resource"]["data"] for result in done["results"]] == values
    found = await client.data("{ resources { nodes { externalResourceId data } } }")
    assert {node["externalResourceId"]: node["data"] for node in found["resources"]["nodes"]} == {
        str(i): value for i, value in enumerate(values)
    }
    deep: Any = None
    for _ in range(200):
        deep = [deep]
    assert await codes(
        client, document, [{"externalResourceId": "d", "data": deep, **place},
                           {"externalResourceId": "big", "data": {"n": 2**70}, **place}]
    ) == [["INVALID_VALUE data"]] * 2  # fmt: skip


async def test_literals_and_variables_mean_the_same(client: Client) -> None:
    made = await client.data(
        """mutation($name: String!, $n: JSON) { createScopes(input: [{id: "scope_l", parentScopeId: "scope_acme",
             name: $name, meta: {n: $n, list: [1, 2.5, "s", true, null, WORD]}}])
             { results { scope { name meta } } } }""",
        name="L",
        n={"x": [1]},
    )
    assert made["createScopes"]["results"][0]["scope"] == {
        "name": "L",
        "meta": {"n": {"x": [1]}, "list": [1, 2.5, "s", True, None, "WORD"]},
    }


async def test_fields_run_in_order_and_each_sees_what_was_written_before_it(client: Client) -> None:
    await factories.resources(client.database, "a")
    label = "results { tag { label resources { totalCount nodes { displayName } } tagGroup { name } } }"
    data = await client.data(
        f"""mutation {{
            first: updateTags(input: [{{id: "tag_low", label: "one"}}]) {{ {label} }}
            groups: updateTagGroups(input: [{{id: "tag_group_priority", name: "New"}}]) {{ count }}
            tagged: tagResources(input: [{{tagId: "tag_low", resourceId: "resource_a"}}])
              {{ results {{ assignment {{ tag {{ label }} resource {{ displayName }} }} }} }}
            renamed: updateResources(input: [{{id: "resource_a", displayName: "A"}}]) {{ count }}
            last: updateTags(input: [{{id: "tag_low", label: "two"}}]) {{ {label} }}
            failed: updateTags(input: [{{id: "tag_none", label: "x"}}]) {{ count }}
            deleted: deleteResources(input: [{{id: "resource_a"}}]) {{ count }}
            after: updateTags(input: [{{id: "tag_low"}}]) {{ {label} }} }}"""
    )
    assert data == {
        "first": {
            "results": [
                {
                    "tag": {
                        "label": "one",
                        "resources": {"totalCount": 0, "nodes": []},
                        "tagGroup": {"name": "Priority"},
                    }
                }
            ]
        },
        "groups": {"count": 1},
        "tagged": {"results": [{"assignment": {"tag": {"label": "one"}, "resource": {"displayName": None}}}]},
        "renamed": {"count": 1},
        "last": {
            "results": [
                {
                    "tag": {
                        "label": "two",
                        "resources": {"totalCount": 1, "nodes": [{"displayName": "A"}]},
                        "tagGroup": {"name": "New"},
                    }
                }
            ]
        },
        "failed": {"count": 0},
        "deleted": {"count": 1},
        "after": {
            "results": [
                {
                    "tag": {
                        "label": "two",
                        "resources": {"totalCount": 0, "nodes": []},
                        "tagGroup": {"name": "New"},
                    }
                }
            ]
        },
    }


KEYED = """mutation($key: String!, $label: String!) { done: createTags(idempotencyKey: $key, onError: REJECT_FAILED,
    input: [{scopeId: "scope_acme", tagGroupId: "tag_group_topic", identifier: "x", label: $label},
            {scopeId: "scope_none", tagGroupId: "tag_group_topic", identifier: "y", label: $label}])
    { count committed results { index outcome tag { id label createdAt etag tagGroup { id } }
                                errors { code field message } } } }"""


async def test_a_key_gives_the_same_answer_and_stores_nothing_again(client: Client) -> None:
    first = await client.data(KEYED, key="k", label="X")
    assert [result["outcome"] for result in first["done"]["results"]] == ["CREATED", "FAILED"]
    before = await factories.stored(client.database)
    assert await client.data(KEYED, key="k", label="X") == first
    assert await factories.stored(client.database) == before
    again = await client.data(KEYED, key="other", label="X")
    assert [result["outcome"] for result in again["done"]["results"]] == ["FAILED", "FAILED"]


async def test_a_key_of_another_request_is_refused(client: Client) -> None:
    await client.data(KEYED, key="k", label="X")
    before = await factories.stored(client.database)
    result = await client.execute(KEYED, key="k", label="Y")
    assert result.data == {"done": None}
    assert result.errors
    assert result.errors[0].extensions == {"code": "KEY_REUSED"}
    others = [
        KEYED.replace("REJECT_FAILED", "REJECT_ALL"),
        KEYED.replace("onError", "onConflict: SKIP, onError"),
    ]
    for document in others:
        assert await client.refused(document, key="k", label="X") == ["KEY_REUSED"]
    delete = 'mutation { deleteTags(idempotencyKey: "k", input: [{id: "tag_low"}]) { count } }'
    assert await client.refused(delete) == ["KEY_REUSED"]
    assert await factories.stored(client.database) == before


async def test_a_key_belongs_to_its_caller(acme: Database) -> None:
    document = """mutation($n: String!) {
        updateTags(idempotencyKey: "k", input: [{id: "tag_low", label: $n}]) { count } }"""
    for subject in ("alice", "bob"):
        client = Client(acme, await factories.caller_in(acme, "scope_acme", subject=subject))
        assert await client.data(document, n=subject) == {"updateTags": {"count": 1}}


async def test_a_call_that_stores_nothing_leaves_its_key_free(client: Client) -> None:
    document = KEYED.replace("REJECT_FAILED", "REJECT_ALL")
    before = await factories.stored(client.database)
    first = await client.data(document, key="k", label="X")
    assert first["done"]["committed"] is False
    assert await factories.stored(client.database) == before
    assert (await client.data(KEYED, key="k", label="Z"))["done"]["count"] == 1


async def test_changes_deletes_and_untagging_are_replayed_too(client: Client) -> None:
    await factories.resources(client.database, "a", data={"v": [1]})
    await client.data(
        'mutation { tagResources(input: [{tagId: "tag_high", resourceId: "resource_a"}]) { count } }'
    )
    cases: list[tuple[str, str, str, dict[str, Any]]] = [
        ("updateResources", "UpdateResourceInput", "resource { displayName data etag }",
         {"id": "resource_a", "displayName": "A", "data": {"w": None}}),
        ("untagResources", "ResourceTagInput", "assignment { id tagId appliedAt }",
         {"tagId": "tag_high", "resourceId": "resource_a"}),
        ("untagResources", "ResourceTagInput", "assignment { id }", {"tagId": "tag_low", "resourceId": "resource_a"}),
        ("deleteResources", "DeleteInput", "resource { id data }", {"id": "resource_a"}),
    ]  # fmt: skip
    for field, kind, shown, item in cases:
        key = f"{field}-{item.get('tagId')}"
        document = mutation(field, kind, shown, f', onError: REJECT_FAILED, idempotencyKey: "{key}"')
        first = await client.data(document, input=[item])
        before = await factories.stored(client.database)
        assert await client.data(document, input=[item]) == first
        assert await factories.stored(client.database) == before
        assert first["done"]["count"] == (0 if item.get("tagId") == "tag_low" else 1)


@pytest.mark.parametrize("key", ["", "k" * 256, "\ud800"])
async def test_a_key_has_1_to_255_characters(client: Client, key: str) -> None:
    before = await factories.stored(client.database)
    result = await client.execute(KEYED, key=key, label="X")
    assert result.errors
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT", "argument": "idempotencyKey"}
    assert await factories.stored(client.database) == before
    assert (await client.data(KEYED, key="k" * 255, label="X"))["done"]["count"] == 1
