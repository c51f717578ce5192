"""`Idempotency-Key` on an envelope or on one operation: resent, a batch goes on where it broke off."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from db import idempotency
from tests.operations.batches import new, op, read, run, send, stored, tag

if TYPE_CHECKING:
    from db.database import Transaction
    from db.idempotency import Answer, Key
    from tests.server import Client, Server


async def test_a_resent_batch_gives_the_recorded_results_again(root: Client) -> None:
    requests = [
        new("a"),
        new("b"),
        read("a"),
        op("PUT", "/resources/resource_a", {"displayName": "A"}, headers={"If-Match": "*"}),
        op("DELETE", "/resources/resource_b"),
    ]
    first = await run(root, *requests, key="K")
    before = await root.everything()
    again = await run(root, *requests, key="K")
    assert first.statuses == again.statuses == [201, 201, 200, 200, 200]
    assert first.replayed == [False] * 5
    # A read is done anew.
    assert again.replayed == [True, True, False, True, True]
    assert again.bodies[:2] + again.bodies[3:] == first.bodies[:2] + first.bodies[3:]
    assert again.bodies[2] == first.bodies[3]
    assert await root.everything() == before


async def test_what_failed_is_not_recorded_and_runs_again(root: Client) -> None:
    requests = [new("a"), read("x"), op("POST", "/tags", tag("low", tagGroupId="tag_group_later")), new("b")]
    first = await run(root, *requests, key="K")
    assert first.codes == ["201", "not_found", "unknown_reference", "201"]
    group = {"id": "tag_group_later", "scopeId": "scope_acme", "key": "later", "name": "Later"}
    await root.created("/tag-groups", group)
    again = await run(root, *requests, key="K")
    assert again.codes == ["201", "not_found", "201", "201"]
    assert again.replayed == [True, False, False, True]
    assert await stored(root) == ["a", "b"]


async def test_a_batch_that_stopped_goes_on_when_it_is_resent(root: Client) -> None:
    requests = [new("a"), read("b"), new("c")]
    assert (await run(root, *requests, stop_on_error=True, key="K")).codes == ["201", "not_found"]
    await root.created("/resources", new("b")["body"])
    again = await run(root, *requests, stop_on_error=True, key="K")
    assert (again.statuses, again.replayed) == ([201, 200, 201], [True, False, False])


async def test_values_are_taken_from_recorded_results_too(root: Client) -> None:
    later = {"id": "tag_group_later", "scopeId": "scope_acme", "key": "later", "name": "Later"}
    group = {"scopeId": "scope_acme", "key": "group", "name": "Group"}
    requests = [
        op("POST", "/tag-groups", group, id="g"),
        op("POST", "/tags", tag("low", tagGroupId="tag_group_later")),
        op("POST", "/tags", tag("mid", tagGroupId="$ref:g#/body/id"), id="t"),
        op("GET", "/tags/$ref:t#/body/id"),
    ]
    first = await run(root, *requests, key="K")
    await root.created("/tag-groups", later)
    again = await run(root, *requests, key="K")
    assert (first.statuses, again.statuses) == ([201, 422, 201, 200], [201, 201, 201, 200])
    assert again.replayed == [True, False, True, False]
    assert again.bodies[3] == first.bodies[3]


async def test_another_batch_can_not_use_the_key(root: Client) -> None:
    await run(root, new("a"), key="K")
    before = await root.everything()
    for atomic in (False, True):
        reply = await send(root, new("b"), key="K", atomic=atomic)
        assert (reply.status, reply.code) == (422, "key_reused")
    assert await root.everything() == before


async def test_a_key_belongs_to_its_caller(server: Server, root: Client) -> None:
    alice, bob = (
        await server.holder("scope_engineering", subject="alice"),
        await server.holder("scope_engineering", subject="bob"),
    )
    await run(alice, new("a"), key="K")
    batch = await run(bob, new("a"), key="K")
    assert (batch.codes, batch.replayed) == (["id_taken"], [False])


async def test_an_atomic_batch_is_replayed_as_a_whole_reads_included(root: Client) -> None:
    requests = [new("a"), read("a"), op("GET", "/resources"), read("roadmap")]
    first = await run(root, *requests, atomic=True, key="K")
    assert (await root.delete("/resources/resource_a")).status == 200
    before = await root.everything()
    again = await run(root, *requests, atomic=True, key="K")
    assert again.statuses == first.statuses == [201, 200, 200, 200]
    assert again.bodies == first.bodies
    assert again.replayed == [True] * 4
    assert await root.everything() == before


async def test_an_atomic_batch_that_failed_leaves_its_key_free(root: Client) -> None:
    requests = [new("a"), read("b")]
    first = await run(root, *requests, atomic=True, key="K")
    assert first.codes == ["rolled_back", "not_found"]
    await root.created("/resources", new("b")["body"])
    again = await run(root, *requests, atomic=True, key="K")
    assert (again.statuses, again.replayed) == ([201, 200], [False, False])
    assert await stored(root) == ["a", "b"]


@pytest.mark.parametrize("atomic", [False, True])
async def test_an_operation_may_have_a_key_of_its_own(root: Client, atomic: bool) -> None:
    keyed = new("a", headers={"Idempotency-Key": "own"})
    first = await run(root, keyed, keyed, read("a"), atomic=atomic)
    assert (first.statuses, first.replayed) == ([201, 201, 200], [False, True, False])
    again = await run(root, keyed, atomic=atomic)
    assert (again.statuses, again.replayed) == ([201], [True])
    other = new("b", headers={"Idempotency-Key": "own"})
    assert (await run(root, other, atomic=atomic)).codes == ["key_reused"]
    assert await stored(root) == ["a"]


async def test_the_key_of_an_operation_is_that_of_the_direct_request(root: Client) -> None:
    body = new("a")["body"]
    direct = await root.post("/resources", body, Idempotency_Key="own")
    batch = await run(root, op("POST", "/resources", body, headers={"Idempotency-Key": "own"}))
    assert (batch.statuses, batch.replayed, batch.bodies) == ([201], [True], [direct.json])


@pytest.mark.parametrize("atomic", [False, True])
async def test_the_same_batch_sent_many_times_at_once_happens_once(root: Client, atomic: bool) -> None:
    requests = [each for i in range(5) for each in (new(str(i)), op("POST", "/tags", tag(f"t{i}")))]
    replies = await asyncio.gather(*(send(root, *requests, key="K", atomic=atomic) for _ in range(5)))
    told = {reply.status for reply in replies}
    assert told <= {200, 409}
    for reply in replies:
        if reply.status == 409:
            assert reply.code == "in_progress"
        else:
            codes = {result.get("error", {}).get("code") for result in reply.json["results"]}
            assert codes <= {None, "in_progress"}
    last = await run(root, *requests, key="K", atomic=atomic)
    assert last.statuses == [201] * 10
    assert await stored(root) == [str(i) for i in range(5)]
    assert len(await root.read("/tags")) == 2 + 5


@pytest.mark.parametrize("atomic", [False, True])
async def test_the_same_operation_key_in_batches_at_once_happens_once(
    root: Client, monkeypatch: pytest.MonkeyPatch, atomic: bool
) -> None:
    real = idempotency.recall

    async def slow_recall(tx: Transaction, key: Key) -> Answer | None:
        answer = await real(tx, key)
        await asyncio.sleep(0.05)
        return answer

    monkeypatch.setattr(idempotency, "recall", slow_recall)
    # The server makes its id, and nothing else is in the way of a second scope.
    keyed = op(
        "POST", "/scopes", {"parentScopeId": "scope_acme", "name": "One"}, headers={"Idempotency-Key": "K"}
    )
    batches = await asyncio.gather(*(run(root, keyed, atomic=atomic) for _ in range(5)))
    assert {code for batch in batches for code in batch.codes} <= {"201", "in_progress"}
    assert len([each for each in await root.read("/scopes") if each["name"] == "One"]) == 1
