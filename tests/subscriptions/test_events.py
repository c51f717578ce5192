"""What is told, and when: one event for each commit, scope and kind, and none for what wasn't stored."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from db import engine
from db.access import SYSTEM
from db.commands import Create, Delete, OnConflict, OnError, Target, Update, Updating
from db.database import Retry
from db.resources import RESOURCES, ResourceChange
from tests import factories
from tests.factories import new_resource
from tests.operations.batches import op, run

if TYPE_CHECKING:
    from db.database import Transaction
    from tests.server import Server
    from tests.subscriptions.clients import Socket

MARK = ("scope_sales", "CREATED", ["resource_mark"], False)


def in_json(name: str, **members: Any) -> dict[str, Any]:
    """Return a resource to be created, as REST takes it."""
    return {
        "id": f"resource_{name}",
        "scopeId": "scope_engineering",
        "resourceTypeId": "resource_type_document",
        "externalResourceId": name,
        **members,
    }


async def says_nothing(server: Server, watcher: Socket) -> None:
    """Show that the watcher hears nothing before the next event."""
    await factories.resources(server.database, "mark", scope_id="scope_sales")
    assert await watcher.event() == MARK


async def test_a_commit_is_told_with_its_kind_and_ids(server: Server, watcher: Socket) -> None:
    await factories.resources(server.database, "b", "a")
    assert await watcher.event() == ("scope_engineering", "CREATED", ["resource_b", "resource_a"], False)

    assert (await server.root.patch("/resources/resource_a", {"displayName": "A"})).status == 200
    assert await watcher.event() == ("scope_engineering", "UPDATED", ["resource_a"], False)

    assert (await server.root.delete("/resources/resource_b")).status == 200
    assert await watcher.event() == ("scope_engineering", "DELETED", ["resource_b"], False)


async def test_a_mutation_is_told_like_a_call_of_rest(server: Server, watcher: Socket) -> None:
    reply = await server.root.post(
        "/graphql",
        {
            "query": "mutation ($input: [CreateResourceInput!]!) { createResources(input: $input) { count } }",
            "variables": {"input": [in_json("a")]},
        },
    )

    assert reply.json["data"] == {"createResources": {"count": 1}}
    assert await watcher.event() == ("scope_engineering", "CREATED", ["resource_a"], False)


async def test_a_commit_is_told_once_for_each_scope_and_kind(server: Server, watcher: Socket) -> None:
    await factories.resources(server.database, "old")
    await watcher.event()

    report = await engine.run(
        server.database,
        SYSTEM,
        Create(
            RESOURCES,
            [
                new_resource("a", id="resource_a"),
                new_resource("s", id="resource_s", scope_id="scope_sales"),
                new_resource("old", display_name="renamed"),
                new_resource("b", id="resource_b"),
            ],
            on_conflict=OnConflict.MERGE,
        ),
    )

    assert factories.fates(report) == ["created", "created", "updated", "created"]
    assert [await watcher.event() for _ in range(3)] == [
        ("scope_engineering", "CREATED", ["resource_a", "resource_b"], False),
        ("scope_sales", "CREATED", ["resource_s"], False),
        ("scope_engineering", "UPDATED", ["resource_old"], False),
    ]


async def test_a_resource_that_several_items_change_is_told_once(server: Server, watcher: Socket) -> None:
    await factories.resources(server.database, "a")
    await watcher.event()

    changes = [Updating(Target("resource_a"), ResourceChange(display_name=name)) for name in ("x", "y")]
    report = await engine.run(server.database, SYSTEM, Update(RESOURCES, changes))

    assert factories.fates(report) == ["updated", "updated"]
    assert await watcher.event() == ("scope_engineering", "UPDATED", ["resource_a"], False)


async def test_the_same_change_of_two_commits_is_told_twice(server: Server, watcher: Socket) -> None:
    await factories.resources(server.database, "a")
    for name in ("x", "y", "z"):
        assert (await server.root.patch("/resources/resource_a", {"displayName": name})).status == 200

    assert [(await watcher.event())[1] for _ in range(4)] == ["CREATED", "UPDATED", "UPDATED", "UPDATED"]


@pytest.mark.parametrize(
    ("count", "told", "more"), [(1, 1, False), (100, 100, False), (101, 100, True), (1_000, 100, True)]
)
async def test_at_most_100_ids_are_told(
    server: Server, watcher: Socket, count: int, told: int, more: bool
) -> None:
    names = [f"r{i:04}" for i in range(count)]

    await factories.resources(server.database, *names)

    ids = [f"resource_{name}" for name in names[:told]]
    assert await watcher.event() == ("scope_engineering", "CREATED", ids, more)


async def test_fewer_ids_are_told_when_they_are_long(server: Server, watcher: Socket) -> None:
    names = [f"{i:0128}" for i in range(100)]

    await factories.resources(server.database, *names)

    scope, kind, ids, more = await watcher.event()
    assert (scope, kind, more) == ("scope_engineering", "CREATED", True)
    assert 50 <= len(ids) < 60
    assert ids == [f"resource_{name}" for name in names[: len(ids)]]


async def test_what_changes_nothing_is_not_told(server: Server, watcher: Socket) -> None:
    await factories.resources(server.database, "a")
    await watcher.event()

    unchanged = await server.root.patch("/resources/resource_a", {"externalResourceId": "a"})
    missing = await server.root.delete("/resources/resource_nothing")

    assert (unchanged.status, missing.status) == (200, 404)
    await says_nothing(server, watcher)


async def test_a_batch_that_rejects_all_is_not_told(server: Server, watcher: Socket) -> None:
    good, bad = new_resource("a"), new_resource("b", scope_id="scope_nowhere")

    report = await engine.run(server.database, SYSTEM, Create(RESOURCES, [good, bad]))

    assert not report.committed
    await says_nothing(server, watcher)


async def test_of_a_batch_that_rejects_what_failed_the_rest_is_told(server: Server, watcher: Socket) -> None:
    good, bad = new_resource("a", id="resource_a"), new_resource("b", scope_id="scope_nowhere")

    report = await engine.run(
        server.database, SYSTEM, Create(RESOURCES, [bad, good], on_error=OnError.REJECT_FAILED)
    )

    assert report.committed
    assert await watcher.event() == ("scope_engineering", "CREATED", ["resource_a"], False)
    await says_nothing(server, watcher)


async def test_an_answer_that_is_given_again_is_not_told_again(server: Server, watcher: Socket) -> None:
    client = server.root.saying(Idempotency_Key="once")

    replies = [await client.post("/resources", in_json("a")) for _ in range(2)]

    assert [reply.status for reply in replies] == [201, 201]
    assert await watcher.event() == ("scope_engineering", "CREATED", ["resource_a"], False)
    await says_nothing(server, watcher)


async def test_a_dry_run_is_not_told(server: Server, watcher: Socket) -> None:
    report = await engine.run(server.database, SYSTEM, Create(RESOURCES, [new_resource("a")]), dry_run=True)

    assert factories.fates(report) == ["created"]
    await says_nothing(server, watcher)


async def test_an_atomic_batch_of_operations_that_fails_is_not_told(server: Server, watcher: Socket) -> None:
    batch = await run(
        server.root,
        op("POST", "/resources", in_json("a")),
        op("DELETE", "/resources/resource_none"),
        atomic=True,
    )

    assert batch.statuses == [424, 404]
    await says_nothing(server, watcher)


@pytest.mark.parametrize("atomic", [True, False])
async def test_a_batch_of_operations_is_told_by_its_commits(
    server: Server, watcher: Socket, atomic: bool
) -> None:
    operations = [
        op("POST", "/resources", in_json("a")),
        op("PUT", "/resources/resource_a", {"displayName": "A"}, headers={"If-Match": "*"}),
        op("POST", "/resources", in_json("b")),
    ]

    batch = await run(server.root, *operations, atomic=atomic)

    assert batch.statuses == [201, 200, 201]
    place = "scope_engineering"
    a, b, changed = ["resource_a"], ["resource_b"], (place, "UPDATED", ["resource_a"], False)
    together = [(place, "CREATED", a + b, False), changed]
    one_by_one = [(place, "CREATED", a, False), changed, (place, "CREATED", b, False)]
    assert [await watcher.event() for _ in range(2 if atomic else 3)] == (together if atomic else one_by_one)
    await says_nothing(server, watcher)


async def test_what_a_savepoint_undid_is_not_told(server: Server, watcher: Socket) -> None:
    async def work(tx: Transaction) -> None:
        await engine.execute(tx, SYSTEM, Create(RESOURCES, [new_resource("a", id="resource_a")]), "")
        with suppress(ZeroDivisionError):
            async with tx.savepoint():
                await engine.execute(tx, SYSTEM, Create(RESOURCES, [new_resource("b")]), "")
                raise ZeroDivisionError
        await engine.execute(tx, SYSTEM, Create(RESOURCES, [new_resource("c", id="resource_c")]), "")

    await server.database.write("test", work)

    assert await watcher.event() == ("scope_engineering", "CREATED", ["resource_a", "resource_c"], False)
    await says_nothing(server, watcher)


async def test_a_transaction_that_is_repeated_is_told_once(server: Server, watcher: Socket) -> None:
    attempts = []

    async def work(tx: Transaction) -> None:
        await engine.execute(tx, SYSTEM, Create(RESOURCES, [new_resource("a", id="resource_a")]), "")
        attempts.append(tx)
        if len(attempts) < 3:
            raise Retry("once more")

    await server.database.write("test", work)

    assert len(attempts) == 3
    assert await watcher.event() == ("scope_engineering", "CREATED", ["resource_a"], False)
    await says_nothing(server, watcher)


async def test_an_event_comes_after_the_commit(server: Server, watcher: Socket) -> None:
    for i in range(20):
        await factories.resources(server.database, f"r{i}")
        _, _, (told,), _ = await watcher.event()
        assert (await server.root.get(f"/resources/{told}")).status == 200


async def test_many_deletes_of_one_commit_are_told_together(server: Server, watcher: Socket) -> None:
    names = [f"r{i:03}" for i in range(150)]
    await factories.resources(server.database, *names)
    await watcher.event()

    targets = [Target(f"resource_{name}") for name in names]
    await engine.run(server.database, SYSTEM, Delete(RESOURCES, targets))

    _, kind, ids, more = await watcher.event()
    assert (kind, len(ids), more) == ("DELETED", 100, True)
    await says_nothing(server, watcher)


async def test_what_happens_to_other_nouns_is_not_told(server: Server, watcher: Socket) -> None:
    await factories.resources(server.database, "a")
    await watcher.event()

    tagged = await server.root.post("/tag-assignments", {"tagId": "tag_high", "resourceId": "resource_a"})
    renamed = await server.root.patch("/scopes/scope_engineering", {"name": "Engineers"})

    assert (tagged.status, renamed.status) == (201, 200)
    await says_nothing(server, watcher)


async def test_a_subscription_that_its_client_completed_hears_nothing(
    server: Server, watcher: Socket
) -> None:
    await watcher.watch("scope_sales", name="2")
    await watcher.send("complete", id="1")

    await factories.resources(server.database, "a")
    await factories.resources(server.database, "mark", scope_id="scope_sales")

    assert await watcher.event("2") == MARK
