"""Uploads and batches: accepted or refused with all that is wrong, told record by record, cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db.access import Role
from db.batches import BATCHES, MAX_WAIT_S, Kind, NewBatch
from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.scopes import SCOPES, NewScope
from db.shapes import MAX_ITEMS
from db.uploads.settling import settle_due
from db.uploads.turns import apply_next
from graphql_schema.budgets import Budget, Limits
from graphql_schema.context import Context
from graphql_schema.schema import execute
from tests import factories
from tests.graphql_schema.client import Client

if TYPE_CHECKING:
    from db.database import Database
    from tests.graphql_schema.client import Statements

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "size": {"type": "integer"},
        "of": {"$ref": "schemas/part"},
        "all": {"type": "array", "items": {"$ref": "schemas/part"}},
    },
}
ERRORS = "errors { code field message }"
COUNTS = "counts { total processed succeeded failed waiting successRate }"
UPLOAD = f"""mutation($records: [JSON!]!, $wait: Int! = 0, $key: String, $scope: ID! = "scope_engineering",
    $type: String! = "part") {{ done: uploadResources(scopeId: $scope, resourceType: $type, records: $records,
    dependencyWaitTimeout: $wait, idempotencyKey: $key) {{ batch {{ id status {COUNTS} }} {ERRORS} }} }}"""
REMOVE = f"""mutation($ids: [String!], $all: Boolean! = false, $cascade: Boolean! = false, $dry: Boolean! = true) {{
    done: removeResources(scopeId: "scope_engineering", resourceType: "part", externalIds: $ids, deleteAll: $all,
    cascade: $cascade, dryRun: $dry) {{ batch {{ id kind options {{ deleteAll cascade }} }} {ERRORS}
    preview {{ skippedReferenced deletions {{ count resourceTypeId resourceTypeKey resourceType {{ key }} }} }} }} }}"""
PART = "resource_type_part"


@pytest.fixture
async def parts(acme: Database) -> Client:
    """Return a client that can upload parts, which may refer to other parts."""
    caller = await factories.caller_in(acme, "scope_acme")
    kind = NewResourceType(
        id=PART, scope_id="scope_acme", key="part", name="Part", schema=SCHEMA, external_id_field="id"
    )
    await factories.create(acme, RESOURCE_TYPES, kind, caller=caller)
    return Client(acme, caller)


async def upload(client: Client, *records: object, **variables: Any) -> str:
    """Upload records that are accepted, and return the batch's id."""
    done = (await client.data(UPLOAD, records=list(records), **variables))["done"]
    assert done["errors"] == []
    batch_id: str = done["batch"]["id"]
    return batch_id


async def applied(client: Client, *records: object, **variables: Any) -> str:
    """Upload records, and apply all that is accepted."""
    batch_id = await upload(client, *records, **variables)
    await apply_all(client.database)
    return batch_id


async def apply_all(database: Database) -> None:
    """Do all that the engine has to do."""
    while await database.write("apply_batch", apply_next):
        pass
    while await database.write("settle_waiting_records", settle_due):
        pass


async def refusals(client: Client, document: str, **variables: Any) -> list[tuple[str, str | None]]:
    """Return the codes and fields for which an upload is refused; nothing is stored then."""
    before = await factories.stored(client.database)
    done = (await client.data(document, **variables))["done"]
    assert done["batch"] is None
    assert await factories.stored(client.database) == before
    return [(each["code"], each["field"]) for each in done["errors"]]


async def test_an_upload_is_accepted_then_applied_record_by_record(parts: Client) -> None:
    records = [
        {"id": "a"},
        {"id": "b", "of": "a"},
        {"id": "c", "size": "x"},
        {"id": "d", "of": "late"},
        {"size": 1},
    ]
    done = (await parts.data(UPLOAD, records=records, wait=60))["done"]
    batch_id = done["batch"]["id"]
    queued = {"total": 5, "processed": 0, "succeeded": 0, "failed": 0, "waiting": 0, "successRate": 0.0}
    assert done == {"batch": {"id": batch_id, "status": "QUEUED", "counts": queued}, "errors": []}
    await apply_all(parts.database)

    shown = f"""query($id: ID!) {{ batch(id: $id) {{ kind status {COUNTS} createdBy updatedBy resourceTypeKey
        options {{ onConflict ignoreUnknownFields dependencyWaitTimeout deleteAll cascade }}
        scope {{ id }} resourceType {{ id }} errors {{ code count }}
        failures {{ totalCount nodes {{ index externalId errors {{ code field }} }} }}
        waiting {{ totalCount nodes {{ index externalId waitsFor {{ externalId resourceTypeId resourceTypeKey
          resourceType {{ id }} }} }} }} }}
        node(id: $id) {{ id ... on Batch {{ status }} }} }}"""
    found = await parts.data(shown, id=batch_id)
    late = {
        "externalId": "late",
        "resourceTypeId": PART,
        "resourceTypeKey": "part",
        "resourceType": {"id": PART},
    }
    assert found == {
        "batch": {
            "kind": "INGEST",
            "status": "PENDING",
            "counts": {
                "total": 5, "processed": 4, "succeeded": 2, "failed": 2, "waiting": 1, "successRate": 40.0
            },
            "createdBy": "alice",
            "updatedBy": "system",
            "resourceTypeKey": "part",
            "options": {
                "onConflict": "UPSERT",
                "ignoreUnknownFields": False,
                "dependencyWaitTimeout": 60,
                "deleteAll": False,
                "cascade": False,
            },
            "scope": {"id": "scope_engineering"},
            "resourceType": {"id": PART},
            "errors": [{"code": "INVALID_VALUE", "count": 1}, {"code": "MISSING_FIELD", "count": 1}],
            "failures": {
                "totalCount": 2,
                "nodes": [
                    {"index": 2, "externalId": "c", "errors": [{"code": "INVALID_VALUE", "field": "data.size"}]},
                    {"index": 4, "externalId": None, "errors": [{"code": "MISSING_FIELD", "field": "data.id"}]},
                ],
            },
            "waiting": {"totalCount": 1, "nodes": [{"index": 3, "externalId": "d", "waitsFor": [late]}]},
        },
        "node": {"id": batch_id, "status": "PENDING"},
    }  # fmt: skip

    await applied(parts, {"id": "late"})
    found = await parts.data(shown, id=batch_id)
    assert found["batch"]["status"] == "PARTIAL_SUCCESS"
    assert found["batch"]["counts"]["succeeded"] == 3
    assert found["batch"]["waiting"] == {"totalCount": 0, "nodes": []}


async def test_the_times_of_a_batch_say_how_far_it_is(parts: Client) -> None:
    document = "query($id: ID!) { batch(id: $id) { etag createdAt startedAt completedAt } }"
    batch_id = await upload(parts, {"id": "a"})
    queued = (await parts.data(document, id=batch_id))["batch"]
    assert (queued["startedAt"], queued["completedAt"]) == (None, None)
    await apply_all(parts.database)
    done = (await parts.data(document, id=batch_id))["batch"]
    assert done["createdAt"] == queued["createdAt"] <= done["startedAt"] == done["completedAt"]
    assert done["etag"] != queued["etag"]


async def test_a_patch_changes_only_what_is_stored(parts: Client) -> None:
    await applied(parts, {"id": "a", "size": 1})
    document = f"""mutation {{ done: patchResources(scopeId: "scope_engineering", resourceType: "{PART}",
        records: [{{id: "a", size: 2, junk: 1}}, {{id: "b"}}], ignoreUnknownFields: true)
        {{ batch {{ id kind }} {ERRORS} }} }}"""
    done = (await parts.data(document))["done"]
    assert (done["batch"]["kind"], done["errors"]) == ("PATCH", [])
    await apply_all(parts.database)
    found = await parts.data(
        """query($id: ID!) { batch(id: $id) { status failures { nodes { index errors { code } } } }
            resources { nodes { data } } }""",
        id=done["batch"]["id"],
    )
    assert found["batch"]["status"] == "PARTIAL_SUCCESS"
    assert found["batch"]["failures"]["nodes"] == [{"index": 1, "errors": [{"code": "NOT_FOUND"}]}]
    assert found["resources"]["nodes"] == [{"data": {"id": "a", "size": 2}}]


async def test_a_stored_record_can_be_refused(parts: Client) -> None:
    await applied(parts, {"id": "a"})
    document = """mutation { done: uploadResources(scopeId: "scope_engineering", resourceType: "part",
        records: [{id: "a"}], onConflict: REJECT) { batch { id } } }"""
    batch_id = (await parts.data(document))["done"]["batch"]["id"]
    await apply_all(parts.database)
    found = await parts.data(
        "query($id: ID!) { batch(id: $id) { status errors { code count } } }", id=batch_id
    )
    assert found["batch"] == {"status": "FAILED", "errors": [{"code": "ALREADY_EXISTS", "count": 1}]}


@pytest.mark.parametrize("number", [1, 2, 64, 1000])
async def test_an_upload_takes_as_many_statements_for_one_record_as_for_1000(
    parts: Client, statements: Statements, number: int
) -> None:
    statements.take()
    done = (await parts.data(UPLOAD, records=[{"id": f"{i}"} for i in range(number)]))["done"]
    assert done["batch"]["counts"]["total"] == number
    assert statements.take() == 5


async def test_all_that_is_wrong_with_an_upload_is_told_at_once(parts: Client) -> None:
    found = await refusals(parts, UPLOAD, records=[{}, "x", [1]], wait=MAX_WAIT_S + 1, type="nothing")
    assert found == [
        ("INVALID_VALUE", "records.1"),
        ("INVALID_VALUE", "records.2"),
        ("INVALID_VALUE", "dependencyWaitTimeout"),
        ("NOT_FOUND", "resourceType"),
    ]
    assert await refusals(parts, UPLOAD, records=[], scope="scope_nothing") == [
        ("INVALID_VALUE", "records"),
        ("UNKNOWN_REFERENCE", "scopeId"),
    ]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"records": []}, ("INVALID_VALUE", "records")),
        ({"records": [{}], "wait": -1}, ("INVALID_VALUE", "dependencyWaitTimeout")),
        ({"records": [{"id": "a", "size": float("inf")}]}, ("INVALID_VALUE", "records.0")),
        ({"records": [{}], "type": "document"}, ("INVALID_VALUE", "resourceType")),
        ({"records": [{}], "type": "\0\ud800"}, ("NOT_FOUND", "resourceType")),
        ({"records": [{}], "scope": "\0\ud800"}, ("UNKNOWN_REFERENCE", "scopeId")),
        # The type of a scope that isn't above.
        ({"records": [{}], "type": "ticket", "scope": "scope_sales"}, ("NOT_FOUND", "resourceType")),
    ],
)
async def test_what_is_wrong_with_an_upload_is_a_value(
    parts: Client, variables: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert await refusals(parts, UPLOAD, **variables) == [expected]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ("MISSING_FIELD", "externalIds")),
        ({"ids": []}, ("INVALID_VALUE", "externalIds")),
        ({"ids": ["a"], "all": True}, ("INVALID_VALUE", "deleteAll")),
        ({"ids": ["a", "b\0", "c"]}, ("INVALID_VALUE", "externalIds.1")),
        ({"ids": ["\ud800"]}, ("INVALID_VALUE", "externalIds.0")),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
async def test_what_is_wrong_with_a_removal_is_a_value(
    parts: Client, variables: dict[str, Any], expected: tuple[str, str], dry: bool
) -> None:
    assert await refusals(parts, REMOVE, dry=dry, **variables) == [expected]


@pytest.mark.parametrize(
    ("field", "items"),
    [("uploadResources", "records"), ("patchResources", "records"), ("removeResources", "externalIds")],
)
async def test_records_cost_and_are_bounded_like_items(parts: Client, field: str, items: str) -> None:
    kind = "String" if items == "externalIds" else "JSON"
    document = f"""mutation($i: [{kind}!]!) {{ {field}(scopeId: "scope_engineering", resourceType: "part", {items}: $i)
        {{ errors {{ code }} }} }}"""
    before = await factories.stored(parts.database)
    assert await parts.refused(document, i=["x"] * (MAX_ITEMS + 1)) == ["TOO_MANY_ITEMS"]
    assert await factories.stored(parts.database) == before
    context = Context(parts.database, parts.caller, budget=Budget(Limits(batch_items=2_000)))
    result = await execute(document, {"i": ["x"] * (MAX_ITEMS + 1)}, None, context)
    assert result.data == {field: {"errors": [{"code": "TOO_MANY_ITEMS"}]}}
    # The payload, its errors, and each record.
    assert context.cost == MAX_ITEMS + 1 + 2


async def test_what_json_allows_and_we_do_not_fails_a_record_alone(parts: Client) -> None:
    records = [
        {"id": "a"},
        {"id": "b\0"},
        {"id": "c", "size": 2**70},
        {"id": "\ud800"},
        {"id": "ü\U0001f600"},
    ]
    batch_id = await applied(parts, *records)
    found = await parts.data(
        """query($id: ID!) { batch(id: $id) { status failures { nodes { index errors { code } } } }
            resources { nodes { externalResourceId } } }""",
        id=batch_id,
    )
    assert found["batch"]["status"] == "PARTIAL_SUCCESS"
    assert [each["index"] for each in found["batch"]["failures"]["nodes"]] == [1, 2, 3]
    assert [each["externalResourceId"] for each in found["resources"]["nodes"]] == ["a", "ü\U0001f600"]


async def test_a_full_queue_refuses_uploads(parts: Client) -> None:
    async def codes(count: int) -> list[Any]:
        context = Context(parts.database, parts.caller, budget=Budget(Limits(queued_records=3)))
        result = await execute(UPLOAD, {"records": [{"id": "a"}] * count}, None, context)
        return [(error.extensions or {}) for error in result.errors or ()]

    assert await codes(2) == []
    before = await factories.stored(parts.database)
    assert await codes(2) == [{"code": "OVERLOADED", "retryAfter": 5}]
    assert await factories.stored(parts.database) == before
    assert await codes(1) == []


async def test_an_upload_with_a_key_is_accepted_once(parts: Client) -> None:
    first = await upload(parts, {"id": "a"}, key="k")
    await apply_all(parts.database)
    before = await factories.stored(parts.database)
    assert await upload(parts, {"id": "a"}, key="k") == first
    assert await factories.stored(parts.database) == before
    assert await parts.refused(UPLOAD, records=[{"id": "b"}], key="k") == ["KEY_REUSED"]
    assert await parts.refused(UPLOAD, records=[{"id": "a"}], wait=1, key="k") == ["KEY_REUSED"]
    assert await factories.stored(parts.database) == before


async def test_a_dry_run_tells_what_a_removal_would_do(parts: Client) -> None:
    await applied(parts, {"id": "a"}, {"id": "b", "of": "a"}, {"id": "c", "all": ["b"]}, {"id": "d"})
    before = await factories.stored(parts.database)

    async def foreseen(**variables: Any) -> tuple[list[tuple[int, str]], int]:
        done = (await parts.data(REMOVE, **variables))["done"]
        assert (done["batch"], done["errors"]) == (None, [])
        deletions = [(each["count"], each["resourceTypeKey"]) for each in done["preview"]["deletions"]]
        for each in done["preview"]["deletions"]:
            assert (each["resourceTypeId"], each["resourceType"]) == (PART, {"key": "part"})
        return deletions, done["preview"]["skippedReferenced"]

    assert await foreseen(ids=["a", "d", "nothing"]) == ([(1, "part")], 1)
    assert await foreseen(ids=["a"], cascade=True) == ([(3, "part")], 0)
    assert await foreseen(ids=["a", "b", "c"]) == ([(3, "part")], 0)
    assert await foreseen(all=True) == ([(4, "part")], 0)
    assert await foreseen(ids=["nothing"]) == ([], 0)
    for named, field in (
        ('"part"', ("NOT_FOUND", "resourceType")),
        ('"scope_engineering"', ("UNKNOWN_REFERENCE", "scopeId")),
    ):
        elsewhere = REMOVE.replace(named, '"nothing"')
        assert await refusals(parts, elsewhere, ids=["a"]) == [field]
    assert await factories.stored(parts.database) == before


async def test_records_are_removed_by_a_batch(parts: Client) -> None:
    await applied(parts, {"id": "a"}, {"id": "b", "of": "a"}, {"id": "c"})
    done = (await parts.data(REMOVE, ids=["a", "c"], dry=False))["done"]
    assert done["preview"] is None
    assert done["batch"]["kind"] == "DELETE"
    await apply_all(parts.database)
    found = await parts.data(
        """query($id: ID!) { batch(id: $id) { status failures { nodes { index externalId errors { code } } } }
            resources { nodes { externalResourceId } } }""",
        id=done["batch"]["id"],
    )
    failure = {"index": 0, "externalId": "a", "errors": [{"code": "IN_USE"}]}
    assert found["batch"] == {"status": "PARTIAL_SUCCESS", "failures": {"nodes": [failure]}}
    assert [each["externalResourceId"] for each in found["resources"]["nodes"]] == ["a", "b"]

    done = (await parts.data(REMOVE, all=True, cascade=True, dry=False))["done"]
    assert done["batch"]["options"] == {"deleteAll": True, "cascade": True}
    await apply_all(parts.database)
    assert (await parts.data("{ resources { totalCount } }"))["resources"]["totalCount"] == 0


async def test_ids_that_no_record_can_have_are_not_found(parts: Client) -> None:
    # No check of a door's stands before the engine here.
    body = '["\\u0000", "\\ud800", "a"]'
    new = NewBatch(scope_id="scope_engineering", type_name="part", kind=Kind.DELETE, body=body, total=3)
    await applied(parts, {"id": "a"})
    (row,) = await factories.create(parts.database, BATCHES, new)
    await apply_all(parts.database)
    found = await parts.data(
        "query($id: ID!) { batch(id: $id) { status failures { nodes { index externalId errors { code } } } } }",
        id=row.id,
    )
    missing = {"externalId": None, "errors": [{"code": "NOT_FOUND"}]}
    assert found["batch"] == {
        "status": "PARTIAL_SUCCESS",
        "failures": {"nodes": [{"index": 0, **missing}, {"index": 1, **missing}]},
    }


async def test_a_batch_is_cancelled_once_and_not_when_it_is_done(parts: Client) -> None:
    document = (
        f"mutation($id: ID!) {{ done: cancelBatch(id: $id) {{ batch {{ id status {COUNTS} }} {ERRORS} }} }}"
    )
    waiting = await applied(parts, {"id": "a"}, {"id": "b", "of": "late"}, wait=60)
    done = (await parts.data(document, id=waiting))["done"]
    counts = {"total": 2, "processed": 2, "succeeded": 1, "failed": 1, "waiting": 0, "successRate": 50.0}
    assert done == {"batch": {"id": waiting, "status": "CANCELLED", "counts": counts}, "errors": []}
    before = await factories.stored(parts.database)
    assert (await parts.data(document, id=waiting))["done"] == done
    assert await factories.stored(parts.database) == before
    success = await applied(parts, {"id": "c"})
    assert await refusals(parts, document, id=success) == [("LOCKED", None)]
    assert await refusals(parts, document, id="batch_nothing") == [("NOT_FOUND", "id")]
    assert await refusals(parts, document, id="\0\ud800") == [("NOT_FOUND", "id")]


async def test_pages_of_failures_and_of_what_waits_go_both_ways(parts: Client) -> None:
    records = [
        {"id": f"w{i}", "of": f"late{i}"} if i % 2 else {"id": f"f{i}", "size": "x"} for i in range(10)
    ]
    batch_id = await applied(parts, *records, wait=60)
    for field, expected in (("failures", [0, 2, 4, 6, 8]), ("waiting", [1, 3, 5, 7, 9])):
        document = f"""query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {{ batch(id: $id) {{
            list: {field}(first: $first, after: $after, last: $last, before: $before) {{ nodes {{ index }} totalCount
            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }} }}"""
        pages = []
        place = None
        for size, cursor, end, more in (
            ("first", "after", "endCursor", "hasNextPage"),
            ("last", "before", "startCursor", "hasPreviousPage"),
        ):
            goes_on, place = True, None
            while goes_on:
                found = (await parts.data(document, id=batch_id, **{size: 2, cursor: place}))["batch"]["list"]
                assert found["totalCount"] == 5
                pages.append([each["index"] for each in found["nodes"]])
                place, goes_on = found["pageInfo"][end], found["pageInfo"][more]
        assert pages == [
            expected[:2], expected[2:4], expected[4:], expected[3:], expected[1:3], expected[:1]
        ]  # fmt: skip
        other = "waiting" if field == "failures" else "failures"
        swapped = document.replace(f"list: {field}", f"list: {other}")
        assert await parts.refused(swapped, id=batch_id, first=1, after=place) == ["BAD_USER_INPUT"]


async def test_two_records_that_wait_as_one_are_told_apart(parts: Client) -> None:
    batch_id = await applied(parts, {"id": "a", "of": "late"}, {"id": "a", "size": 2}, wait=60)
    found = await parts.data(
        """query($id: ID!) { batch(id: $id) { waiting { totalCount
            nodes { index externalId waitsFor { externalId } } } } }""",
        id=batch_id,
    )
    same = {"externalId": "a", "waitsFor": [{"externalId": "late"}]}
    assert found["batch"]["waiting"] == {
        "totalCount": 2,
        "nodes": [{"index": 0, **same}, {"index": 1, **same}],
    }


async def test_batches_are_listed_by_scope_kind_status_and_in_order(parts: Client) -> None:
    first = await applied(parts, {"id": "a"})
    second = await applied(parts, {"id": "b", "of": "late"}, wait=60, scope="scope_platform")
    third = (await parts.data(REMOVE, ids=["a"], dry=False))["done"]["batch"]["id"]

    async def listed(arguments: str) -> list[str]:
        found = await parts.data(f"{{ list: batches{arguments} {{ totalCount nodes {{ id }} }} }}")
        assert found["list"]["totalCount"] == len(found["list"]["nodes"])
        return [each["id"] for each in found["list"]["nodes"]]

    assert await listed("") == [first, second, third]
    assert await listed('(scopeId: "scope_engineering")') == [first, third]
    assert await listed('(scopeId: "scope_engineering", withDescendants: true)') == [first, second, third]
    assert await listed("(kind: DELETE)") == [third]
    assert await listed("(kind: INGEST, status: SUCCESS)") == [first]
    assert await listed("(status: PENDING)") == [second]
    assert await listed(f'(ids: ["{third}", "{first}"])') == [first, third]
    assert await listed("(orderBy: {field: ID, direction: DESC})") == [third, second, first]
    assert (await listed("(orderBy: {field: COMPLETED_AT})"))[-1] == first
    assert (await listed("(orderBy: {field: STARTED_AT, direction: DESC})"))[-1] == third
    assert set(await listed("(orderBy: {field: CREATED_AT})")) == {first, second, third}
    found = await parts.data('{ scope(id: "scope_platform") { batches { totalCount nodes { id } } } }')
    assert found["scope"]["batches"] == {"totalCount": 1, "nodes": [{"id": second}]}


async def test_references_are_read_from_both_ends(parts: Client) -> None:
    await applied(parts, {"id": "a", "of": "a"}, {"id": "b", "of": "a", "all": ["c", "a"]}, {"id": "c"})
    found = await parts.data(
        """{ resources { nodes { externalResourceId
            references { totalCount nodes { path targetExternalId targetTypeId targetType { key }
              source { externalResourceId } target { externalResourceId } } }
            referencedBy { totalCount
              nodes { path source { externalResourceId } target { externalResourceId } } } } } }"""
    )
    ends: dict[str, Any] = {}
    for each in found["resources"]["nodes"]:
        assert {end["targetTypeId"] for end in each["references"]["nodes"]} <= {PART}
        assert {end["targetType"]["key"] for end in each["references"]["nodes"]} <= {"part"}
        ends[each["externalResourceId"]] = [
            [
                (end["path"], end["source"]["externalResourceId"], end["target"]["externalResourceId"])
                for end in each[side]["nodes"]
            ]
            for side in ("references", "referencedBy")
        ]
        assert each["references"]["totalCount"] == len(each["references"]["nodes"])
        assert each["referencedBy"]["totalCount"] == len(each["referencedBy"]["nodes"])
    own, b = ("/of", "a", "a"), [("/all/0", "b", "c"), ("/all/1", "b", "a"), ("/of", "b", "a")]
    assert ends == {"a": [[own], [own, b[1], b[2]]], "b": [b, []], "c": [[], [b[0]]]}


async def test_a_resource_takes_its_external_id_from_its_data(parts: Client) -> None:
    document = f"""mutation($input: [CreateResourceInput!]!) {{
        done: createResources(input: $input, onError: REJECT_FAILED) {{ results {{
        resource {{ externalResourceId }} {ERRORS} }} }} }}"""
    place = {"scopeId": "scope_engineering", "resourceTypeId": PART}
    items = [
        {**place, "data": {"id": "a"}},
        {**place, "data": {"size": 1}},
        {**place, "externalResourceId": None},
    ]
    results = (await parts.data(document, input=items))["done"]["results"]
    assert [each["resource"] for each in results] == [{"externalResourceId": "a"}, None, None]
    assert [[error["code"] for error in each["errors"]] for each in results] == [
        [],
        ["MISSING_FIELD"],
        ["MISSING_FIELD"],
    ]


@pytest.mark.parametrize("elsewhere", ["scope_sales", "scope_globex"])
async def test_a_foreign_tenant_sees_nothing_of_a_batch(parts: Client, elsewhere: str) -> None:
    await factories.create(parts.database, SCOPES, NewScope(id="scope_globex", name="Globex"))
    batch_id = await applied(parts, {"id": "a"}, {"id": "b", "of": "a"}, {"id": "c", "of": "late"}, wait=60)
    root = elsewhere if elsewhere == "scope_globex" else "scope_acme"
    stranger = Client(parts.database, await factories.caller_in(parts.database, elsewhere, root=root))
    document = """query($id: ID!) { batch(id: $id) { id } node(id: $id) { id } batches { totalCount nodes { id } }
        one: batches(ids: [$id]) { totalCount } there: batches(scopeId: "scope_engineering") { totalCount } }"""
    none = {"totalCount": 0}
    assert await stranger.data(document, id=batch_id) == {
        "batch": None, "node": None, "batches": {"totalCount": 0, "nodes": []}, "one": none, "there": none,
    }  # fmt: skip
    before = await factories.stored(parts.database)
    cancel = f"mutation($id: ID!) {{ done: cancelBatch(id: $id) {{ batch {{ id }} {ERRORS} }} }}"
    hidden = await stranger.data(cancel, id=batch_id)
    missing = await stranger.data(cancel, id="batch_nothing")
    assert str(hidden).replace(batch_id, "batch_nothing") == str(missing)
    hidden = await stranger.data(UPLOAD, records=[{"id": "z"}])
    missing = await stranger.data(UPLOAD, records=[{"id": "z"}], scope="scope_nothing")
    assert str(hidden).replace("scope_engineering", "scope_nothing") == str(missing)
    # The type is nothing that it can use either.
    own = (await stranger.data(UPLOAD, records=[{"id": "z"}], scope=elsewhere, type="ticket"))["done"]
    assert [each["code"] for each in own["errors"]] == ["NOT_FOUND"]
    assert await factories.stored(parts.database) == before


async def test_who_reaches_a_scope_below_sees_its_batches_and_references(parts: Client) -> None:
    batch_id = await applied(
        parts, {"id": "a", "of": "a"}, {"id": "b", "size": ""}, {"id": "c", "of": "late"}, wait=60
    )
    client = Client(parts.database, await factories.caller_in(parts.database, "scope_engineering"))
    found = await client.data(
        """query($id: ID!) { batch(id: $id) { scope { id parent { id } } resourceType { id } errors { count }
            failures { totalCount nodes { index } } waiting { totalCount nodes { index waitsFor { externalId } } } }
            resources { nodes { references { totalCount nodes { path } }
              referencedBy { totalCount nodes { path } } } } }""",
        id=batch_id,
    )
    one = {"totalCount": 1, "nodes": [{"path": "/of"}]}
    assert found == {
        "batch": {
            "scope": {"id": "scope_engineering", "parent": None},
            "resourceType": {"id": PART},
            "errors": [{"count": 1}],
            "failures": {"totalCount": 1, "nodes": [{"index": 1}]},
            "waiting": {"totalCount": 1, "nodes": [{"index": 2, "waitsFor": [{"externalId": "late"}]}]},
        },
        "resources": {"nodes": [{"references": one, "referencedBy": one}]},
    }


async def test_a_reader_reads_batches_and_makes_and_cancels_none(parts: Client) -> None:
    batch_id = await upload(parts, {"id": "a"})
    reader = Client(parts.database, await factories.caller_in(parts.database, "scope_acme", role=Role.READER))
    before = await factories.stored(parts.database)
    place = 'scopeId: "scope_engineering", resourceType: "part"'
    result = await reader.execute(
        f"""mutation {{ a: uploadResources({place}, records: [{{id: "a"}}]) {{ batch {{ id }} }}
            b: patchResources({place}, records: [{{id: "a"}}]) {{ batch {{ id }} }}
            c: removeResources({place}, externalIds: ["a"]) {{ batch {{ id }} }}
            d: removeResources({place}, externalIds: ["a"], dryRun: true) {{ batch {{ id }} }}
            e: cancelBatch(id: "{batch_id}") {{ batch {{ id }} }} }}"""
    )
    assert result.data == dict.fromkeys("abcde")
    assert [(error.extensions or {})["code"] for error in result.errors or ()] == ["FORBIDDEN"] * 5
    assert await factories.stored(parts.database) == before
    assert (await reader.data("{ batches { nodes { id } } }"))["batches"]["nodes"] == [{"id": batch_id}]


async def test_a_deep_query_of_batches_takes_one_statement_per_edge(
    parts: Client, statements: Statements
) -> None:
    scopes = [NewScope(id=f"scope_b{i}", parent_scope_id="scope_sales", name="B") for i in range(200)]
    await factories.create(parts.database, SCOPES, *scopes)
    caller = await factories.caller_in(parts.database, "scope_acme")
    body = '[{"id": "bad", "size": ""}, {"id": "early", "of": "late"}]'
    batches = [
        NewBatch(scope_id=each.id or "", type_name="part", kind=Kind.INGEST, body=body, total=2, wait_s=60)
        for each in scopes
    ]
    await factories.create(parts.database, BATCHES, *batches, caller=caller)
    await apply_all(parts.database)
    document = """query($n: Int!) { batches(first: $n) { nodes { errors { code count } scope { id }
        failures(first: 5) { totalCount nodes { errors { code } } }
        waiting(first: 5) { totalCount nodes { waitsFor { externalId resourceType { id scope { id } } } } } } } }"""
    counts = []
    for count in (1, 200):
        statements.take()
        nodes = (await parts.data(document, n=count))["batches"]["nodes"]
        counts.append(statements.take())
        assert len(nodes) == count
        for node in nodes:
            assert (node["failures"]["totalCount"], node["waiting"]["totalCount"]) == (1, 1)
            assert node["waiting"]["nodes"][0]["waitsFor"][0]["externalId"] == "late"
    assert counts == [10, 10]
