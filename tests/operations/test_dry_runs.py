"""`dry_run`: the answers are what they would be, and nothing is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.factories import stored as tables_of
from tests.operations.batches import new, op, read, run, stored, tag

if TYPE_CHECKING:
    from tests.server import Client, Server


async def test_later_operations_see_earlier_ones_and_nothing_is_stored(server: Server, root: Client) -> None:
    before = await tables_of(server.database)
    batch = await run(
        root,
        new("a", id="a"),
        read("a"),
        new("b", taken=True),
        op("PUT", "/resources/resource_a", {}, headers={"If-Match": "$ref:a#/headers/ETag"}),
        op("DELETE", "/resources/resource_a"),
        read("a"),
        dry_run=True,
    )
    assert batch.statuses == [201, 200, 409, 200, 200, 404]
    assert batch.reply.json["dry_run"] is True
    assert not batch.success
    assert await tables_of(server.database) == before


async def test_a_dry_run_leaves_no_record_of_any_key(server: Server, root: Client) -> None:
    before = await tables_of(server.database)
    requests = [new("a", headers={"Idempotency-Key": "inner"}), new("b")]
    for _ in range(2):
        batch = await run(root, *requests, dry_run=True, key="outer")
        assert (batch.statuses, batch.replayed) == ([201, 201], [False, False])
    assert await tables_of(server.database) == before
    batch = await run(root, *requests, key="outer")
    assert (batch.statuses, batch.replayed) == ([201, 201], [False, False])
    assert await stored(root) == ["a", "b"]


async def test_a_dry_run_does_not_read_a_record_either(root: Client) -> None:
    await run(root, new("a"), key="outer")
    batch = await run(root, new("a"), dry_run=True, key="outer")
    assert (batch.codes, batch.replayed) == (["id_taken"], [False])


async def test_a_dry_run_of_an_atomic_batch_tells_what_would_become_of_it(root: Client) -> None:
    requests = [new("a"), new("b", taken=True), new("c")]
    for stop, count in ((False, 3), (True, 2)):
        batch = await run(root, *requests, dry_run=True, atomic=True, stop_on_error=stop)
        real = await run(root, *requests, atomic=True, stop_on_error=stop)
        assert batch.reply.json == {**real.reply.json, "dry_run": True}
        assert batch.codes == ["rolled_back", "already_exists", "not_attempted"][:count]
    assert await stored(root) == []


async def test_a_dry_run_can_stop_at_the_first_failure(root: Client) -> None:
    batch = await run(root, new("a"), read("b"), new("c"), dry_run=True, stop_on_error=True)
    assert batch.codes == ["201", "not_found"]


async def test_only_a_dry_run_says_that_it_is_one(root: Client) -> None:
    assert "dry_run" not in (await run(root, read("roadmap"), dry_run=False)).reply.json
    assert (await run(root, dry_run=True)).reply.json == {"success": True, "results": [], "dry_run": True}


async def test_a_dry_run_of_many_kinds_answers_as_the_real_one_does(root: Client) -> None:
    requests = [
        op("POST", "/tags/batch?onError=continue", [tag("low"), {}, tag("low")]),
        op("POST", "/tag-groups", {"scopeId": "scope_acme", "key": "g", "name": "G", "isLocked": True}),
        op("DELETE", "/resource-types/resource_type_document"),
        op("DELETE", "/tags/tag_low"),
        op("GET", "/tags"),
    ]
    dry = await run(root, *requests, dry_run=True)
    real = await run(root, *requests)
    assert dry.codes == real.codes == ["207", "201", "in_use", "200", "200"]
    assert dry.bodies[2:] == real.bodies[2:]
