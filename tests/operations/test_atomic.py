"""`atomic`: all operations are stored, or none, and no result says otherwise."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from tests.operations.batches import new, op, read, resource, run, stored, tag

if TYPE_CHECKING:
    from tests.server import Client, Server


async def test_an_atomic_batch_stores_all(root: Client) -> None:
    batch = await run(root, new("a"), read("a"), op("POST", "/tags", tag("low")), new("b"), atomic=True)
    assert (batch.success, batch.statuses) == (True, [201, 200, 201, 201])
    assert await stored(root) == ["a", "b"]


async def test_an_atomic_batch_that_fails_stores_nothing_and_says_so_of_each(root: Client) -> None:
    before = await root.everything()
    for failed in (0, 2, 4):
        for stop in (False, True):
            await _check_that_it_fails(root, failed, stop=stop)
    assert await root.everything() == before


async def _check_that_it_fails(root: Client, failed: int, *, stop: bool) -> None:
    requests = [new("a"), read("roadmap"), new("b"), op("POST", "/tags", tag("low")), new("c")]
    requests[failed] = new("x", taken=True)
    batch = await run(root, *requests, atomic=True, stop_on_error=stop)
    expected = ["rolled_back"] * failed + ["already_exists"] + ["not_attempted"] * (4 - failed)
    assert batch.codes == (expected[: failed + 1] if stop else expected)
    assert not batch.success
    assert batch.statuses[failed] == 409
    for index, result in enumerate(batch.results):
        if index != failed:
            assert set(result) == {"response_code", "headers", "error"}
            assert (result["response_code"], result["headers"]) == (424, {})


async def test_a_failure_within_a_joined_run_has_its_own_index_and_error(root: Client) -> None:
    before = await root.everything()
    requests = [new("a"), new("b"), op("POST", "/resources", resource("c", externalResourceId="a")), new("d")]
    batch = await run(root, *requests, atomic=True)
    assert batch.codes == ["rolled_back", "rolled_back", "already_exists", "not_attempted"]
    assert await root.everything() == before


async def test_neighbours_that_are_read_together_fail_at_the_first_that_is_missing(root: Client) -> None:
    batch = await run(root, read("roadmap"), read("a"), read("b"), read("roadmap"), atomic=True)
    assert batch.codes == ["rolled_back", "not_found", "not_attempted", "not_attempted"]


async def test_reads_see_the_writes_before_them_and_nobody_else_does_until_the_end(root: Client) -> None:
    batch = await run(
        root,
        new("a"),
        read("a"),
        op("DELETE", "/resources/resource_a"),
        new("a", taken=False),
        op("GET", "/resources", params={"ids": "resource_a,resource_roadmap"}),
        atomic=True,
    )
    assert batch.statuses == [201, 200, 200, 201, 200]
    assert [each["id"] for each in batch.bodies[4]] == ["resource_a", "resource_roadmap"]


async def test_a_batch_of_its_own_inside_is_undone_with_the_others(root: Client) -> None:
    before = await root.everything()
    many = op("POST", "/tags/batch?onError=continue", [tag("low"), {}])
    batch = await run(root, many, new("x", taken=True), atomic=True)
    assert batch.codes == ["rolled_back", "already_exists"]
    assert await root.everything() == before
    batch = await run(root, many, new("x"), atomic=True)
    assert batch.statuses == [207, 201]


async def test_a_reader_can_read_atomically(server: Server, root: Client) -> None:
    reader = await server.holder("scope_engineering", role="reader")
    assert (await run(reader, read("roadmap"), read("roadmap"), atomic=True)).statuses == [200, 200]
    batch = await run(reader, read("roadmap"), new("a"), atomic=True)
    assert batch.codes == ["rolled_back", "forbidden"]


async def test_concurrent_atomic_batches_are_stored_whole_or_not_at_all(root: Client) -> None:
    def batch(name: str) -> list[dict[str, object]]:
        return [
            *(op("POST", "/tags", tag(f"{name}-{i}", identifier=f"i{i}")) for i in range(3)),
            new(name),
            *(op("POST", "/tags", tag(f"{name}-{i}", identifier=f"i{i}")) for i in range(3, 6)),
        ]

    names = ("a", "b", "c", "d")
    batches = await asyncio.gather(*(run(root, *batch(name), atomic=True) for name in names))
    won = [name for name, each in zip(names, batches, strict=True) if each.success]
    assert len(won) == 1
    assert await stored(root) == won
    for each in batches:
        if not each.success:
            assert set(each.codes) <= {"rolled_back", "already_exists", "not_attempted"}
    tags = [each["id"] for each in await root.read("/tags")]
    assert tags == sorted(["tag_high", "tag_medium", *(f"tag_{won[0]}-{i}" for i in range(6))])


async def test_a_client_that_goes_away_leaves_an_atomic_batch_whole(server: Server, root: Client) -> None:
    tags = [op("POST", "/tags/batch", [tag(f"{j}-{i}") for i in range(40)]) for j in range(20)]
    requests = [each for pair in zip(tags, (new(str(i)) for i in range(20)), strict=True) for each in pair]
    body = json.dumps({"requests": requests, "atomic": True}).encode()
    head = (
        f"POST /batch HTTP/1.1\r\nHost: x\r\nAuthorization: {root.headers['Authorization']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head.encode() + body)
    await writer.drain()
    writer.transport.abort()
    seen: list[int] = []
    async with asyncio.timeout(30):
        while not seen or seen[-1] == 0:
            seen.append(len(await stored(root)))
            await asyncio.sleep(0.01)
    assert set(seen) <= {0, 20}
    assert len(await root.read("/tags?limit=1000")) == 2 + 20 * 40
