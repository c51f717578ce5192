"""`runBatch`: the engine of `POST /batch` behind GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from db import engine
from db.tags import TAGS
from tests import factories
from tests.graphql_schema.client import Client, Statements

if TYPE_CHECKING:
    from db.database import Database

RUN = """
mutation ($operations: [BatchOperation!]!, $stop: Boolean, $atomic: Boolean, $dry: Boolean, $key: String) {
  runBatch(operations: $operations, stopOnError: $stop, atomic: $atomic, dryRun: $dry, idempotencyKey: $key) {
    committed
    results { index outcome errors { code field message } node { __typename id etag } }
  }
}
"""
TAG = {"id": "tag_n", "scopeId": "scope_acme", "tagGroupId": "tag_group_n", "identifier": "n", "label": "N"}


@pytest.fixture
async def client(database: Database) -> Client:
    """Return a client of the small catalogue that acts as the server's root token."""
    await factories.catalogue(database)
    return Client(database)


def new(name: str, **more: Any) -> dict[str, Any]:
    fields = {"scopeId": "scope_engineering", "resourceTypeId": "resource_type_document"}
    resource = {"id": f"resource_{name}", **fields, "externalResourceId": name}
    return {"createResource": resource, **more}


async def run(client: Client, *operations: dict[str, Any], **flags: Any) -> dict[str, Any]:
    data = await client.data(RUN, operations=list(operations), **flags)
    payload: dict[str, Any] = data["runBatch"]
    assert [result["index"] for result in payload["results"]] == list(range(len(payload["results"])))
    return payload


def fates(payload: dict[str, Any]) -> list[str]:
    """Return each operation's outcome, with the code of what failed."""
    return [
        f"{result['outcome']} {' '.join(error['code'] for error in result['errors'])}".strip()
        for result in payload["results"]
    ]


async def test_operations_of_any_kinds_run_in_order(client: Client) -> None:
    pair = {"tagId": "tag_n", "resourceId": "resource_a"}
    payload = await run(
        client,
        {"createScope": {"id": "scope_n", "parentScopeId": "scope_acme", "name": "N"}},
        {"createResourceType": {"id": "resource_type_n", "scopeId": "scope_acme", "key": "n", "name": "N"}},
        new("a"),
        {"createTagGroup": {"id": "tag_group_n", "scopeId": "scope_acme", "key": "n", "name": "N"}},
        {"createTag": dict(TAG)},
        {"tagResource": pair},
        {"updateResource": {"id": "resource_a", "displayName": "A"}},
        {"updateTag": {"id": "tag_n", "label": "N"}},
        {"untagResource": pair},
        {"untagResource": pair},
        {"deleteTagGroup": {"id": "tag_group_n"}},
        {"deleteScope": {"id": "scope_n"}},
    )
    assert fates(payload) == [
        *(["CREATED"] * 6 + ["UPDATED", "UNCHANGED", "DELETED", "FAILED NOT_FOUND", "DELETED", "DELETED"])
    ]
    assert payload["committed"]
    assert [result["node"] and result["node"]["__typename"] for result in payload["results"]] == [
        *("Scope", "ResourceType", "Resource", "TagGroup", "Tag", "TagAssignment", "Resource", "Tag"),
        *("TagAssignment", None, "TagGroup", "Scope"),
    ]


async def test_untagging_many_resources_is_one_run(client: Client, database: Database) -> None:
    names = [str(i) for i in range(30)]
    pairs = [{"tagId": "tag_security", "resourceId": f"resource_{name}"} for name in names]
    await run(client, *(new(name) for name in names), *({"tagResource": pair} for pair in pairs))
    database.observer = statements = Statements()
    payload = await run(client, *({"untagResource": pair} for pair in pairs))
    assert fates(payload) == ["DELETED"] * 30
    assert statements.take() <= 6


async def test_a_hundred_creates_are_one_run(client: Client, database: Database) -> None:
    database.observer = statements = Statements()
    await run(client, new("first"))
    for_one = statements.take()
    assert fates(await run(client, *(new(f"{i:03}") for i in range(100)))) == ["CREATED"] * 100
    assert statements.take() == for_one


async def test_an_atomic_batch_that_fails_says_so_of_each(client: Client) -> None:
    before = await factories.stored(client.database)
    operations = [new("a"), {"deleteTag": {"id": "tag_none"}}, new("b")]
    told = ["ROLLED_BACK ROLLED_BACK", "FAILED NOT_FOUND", "NOT_ATTEMPTED NOT_ATTEMPTED"]
    for dry in (False, True):
        for stop, count in ((False, 3), (True, 2)):
            payload = await run(client, *operations, atomic=True, stop=stop, dry=dry)
            assert (payload["committed"], fates(payload)) == (False, told[:count])
            assert [result["node"] for result in payload["results"]] == [None] * count
    assert await factories.stored(client.database) == before


async def test_a_failure_leaves_the_others_alone_or_stops(client: Client) -> None:
    payload = await run(client, new("a"), {"deleteTag": {"id": "tag_none"}}, new("b"))
    assert (payload["committed"], fates(payload)) == (True, ["CREATED", "FAILED NOT_FOUND", "CREATED"])
    payload = await run(client, new("c"), {"deleteTag": {"id": "tag_none"}}, new("d"), stop=True)
    assert (payload["committed"], fates(payload)) == (True, ["CREATED", "FAILED NOT_FOUND"])


async def test_a_dry_run_sees_its_own_writes_and_stores_nothing(client: Client) -> None:
    before = await factories.stored(client.database)
    for _ in range(2):
        payload = await run(
            client, new("a"), {"updateResource": {"id": "resource_a", "displayName": "A"}}, dry=True, key="K"
        )
        assert (payload["committed"], fates(payload)) == (False, ["CREATED", "UPDATED"])
    assert await factories.stored(client.database) == before


async def test_what_depends_on_a_failure_is_skipped(client: Client) -> None:
    payload = await run(
        client,
        {"deleteTag": {"id": "tag_none"}, "id": "x"},
        new("a", id="y", dependsOn=["x"]),
        new("b", dependsOn=["y"]),
        new("c", dependsOn=[]),
        new("d", dependsOn=["later"]),
        new("e", id="later", dependsOn=None),
        new("f", id="own", dependsOn=["own"]),
    )
    assert fates(payload) == [
        *("FAILED NOT_FOUND", "SKIPPED FAILED_DEPENDENCY", "SKIPPED FAILED_DEPENDENCY", "CREATED"),
        *("FAILED INVALID_VALUE", "CREATED", "FAILED INVALID_VALUE"),
    ]
    assert payload["results"][4]["errors"][0]["field"] == "dependsOn"


async def test_an_operation_is_exactly_one_change(client: Client) -> None:
    before = await factories.stored(client.database)
    payload = await run(client, {}, {"createTag": None}, {"deleteTag": {"id": "tag_high"}, **new("a")})
    assert fates(payload) == ["FAILED INVALID_VALUE"] * 3
    assert [result["errors"][0]["message"] for result in payload["results"]] == [
        "an operation must name exactly one change, not none",
        "an operation must name exactly one change, not none",
        "an operation must name exactly one change, not createResource, deleteTag",
    ]
    assert await factories.stored(client.database) == before


async def test_what_is_wrong_with_the_batch_as_a_whole_is_an_error(client: Client) -> None:
    before = await factories.stored(client.database)
    refused = [
        ([new(str(i)) for i in range(101)], None, "TOO_MANY_ITEMS"),
        ([new("a", id="x"), new("b", id="x")], None, "BAD_USER_INPUT"),
        ([new("a")], "", "BAD_USER_INPUT"),
        ([new("a")], "k" * 256, "BAD_USER_INPUT"),
    ]
    for operations, key, code in refused:
        assert await client.refused(RUN, operations=operations, key=key) == [code]
    assert await factories.stored(client.database) == before
    assert (await run(client))["results"] == []


@pytest.mark.parametrize("atomic", [False, True])
async def test_a_key_gives_the_same_results_again(client: Client, atomic: bool) -> None:
    operations = [
        new("a"),
        {"updateResource": {"id": "resource_a", "displayName": "A"}},
        {"tagResource": {"tagId": "tag_security", "resourceId": "resource_a"}},
        {"deleteTag": {"id": "tag_low"}},
    ]
    first = await run(client, *operations, atomic=atomic, key="K")
    before = await factories.stored(client.database)
    assert fates(first) == ["CREATED", "UPDATED", "CREATED", "DELETED"]
    assert await run(client, *operations, atomic=atomic, key="K") == first
    assert await factories.stored(client.database) == before
    assert await client.refused(RUN, operations=operations[:1], atomic=atomic, key="K") == ["KEY_REUSED"]


async def test_what_had_failed_runs_again_under_its_key(client: Client) -> None:
    operations = [new("a"), {"updateTag": {"id": "tag_later", "label": "L"}}, new("b")]
    first = await run(client, *operations, key="K")
    assert fates(first) == ["CREATED", "FAILED NOT_FOUND", "CREATED"]
    await factories.create(client.database, TAGS, factories.new_tag("later", "tag_group_topic"))
    again = await run(client, *operations, key="K")
    assert fates(again) == ["CREATED", "UPDATED", "CREATED"]
    assert [again["results"][i] for i in (0, 2)] == [first["results"][i] for i in (0, 2)]


async def test_a_bug_is_told_at_its_index(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    real = engine.execute

    async def execute(tx: Any, caller: Any, command: Any, now: str) -> Any:
        if any(getattr(item, "external_resource_id", None) == "b" for item in command.items):
            raise ZeroDivisionError("a bug")
        return await real(tx, caller, command, now)

    monkeypatch.setattr(engine, "execute", execute)
    with capture_logs() as logged:
        payload = await run(client, new("a"), new("b"), new("c"))
    assert fates(payload) == ["CREATED", "FAILED INTERNAL", "CREATED"]
    assert [line["request_id"] for line in logged if line["log_level"] == "error"] == ["request-1"]
    assert payload["results"][1]["errors"][0]["message"] == "internal error, request id request-1"
    with capture_logs():
        payload = await run(client, new("d"), new("b"), new("e"), atomic=True)
    assert fates(payload) == ["ROLLED_BACK ROLLED_BACK", "FAILED INTERNAL", "NOT_ATTEMPTED NOT_ATTEMPTED"]
