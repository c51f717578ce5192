"""A server that is killed: what a keyed batch had done stays done, and is not done twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.contract.examples import furnish
from tests.operations.batches import new, op, run, tag
from tests.processes import ROOT_TOKEN, serving
from tests.server import Client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.processes import Process

TAGS_AN_OPERATION = 40


def requests(count: int) -> list[dict[str, Any]]:
    """Return operations that can't run together, two by two."""
    pairs = (
        (new(f"{i:02}"), op("POST", "/tags/batch", [tag(f"{i:02}-{j:02}") for j in range(TAGS_AN_OPERATION)]))
        for i in range(count)
    )
    return [each for pair in pairs for each in pair]


def holder(session: aiohttp.ClientSession, process: Process) -> Client:
    headers = {"Authorization": f"Bearer {ROOT_TOKEN}"}
    return Client(session, f"http://127.0.0.1:{process.port}", headers)


async def count_of(client: Client, path: str) -> int:
    """Count what there is, page by page."""
    count, page = 0, f"{path}?limit=1000"
    while True:
        reply = await client.get(page)
        count += len(reply.json)
        if "Link" not in reply.headers:
            return count
        page = reply.headers["Link"][1:].partition(">")[0]


async def killed(client: Client, process: Process, sent: asyncio.Task[Any]) -> None:
    """Kill the server, and see the request end without an answer."""
    os.kill(process.pid, signal.SIGKILL)
    try:
        await sent
    except aiohttp.ClientError:
        return
    raise AssertionError("the batch was answered before the server was killed")


async def test_a_keyed_batch_goes_on_where_the_server_was_killed(database_url: str, tmp_path: Path) -> None:
    sent = requests(50)
    async with aiohttp.ClientSession() as session:
        with serving(tmp_path, database_url) as process:
            client = holder(session, process)
            await furnish(client)
            running = asyncio.create_task(run(client, *sent, key="K"))
            while await count_of(client, "/resources") < 3:
                pass
            await killed(client, process, running)
        with serving(tmp_path, database_url) as process:
            client = holder(session, process)
            resources, tags = await count_of(client, "/resources") - 1, await count_of(client, "/tags") - 2
            assert 2 <= resources < 50
            assert tags // TAGS_AN_OPERATION in {resources - 1, resources}
            assert tags % TAGS_AN_OPERATION == 0
            batch = await run(client, *sent, key="K")
            assert batch.statuses == [201] * 100
            done = resources + tags // TAGS_AN_OPERATION
            assert batch.replayed == [True] * done + [False] * (100 - done)
            assert await count_of(client, "/resources") == 1 + 50
            assert await count_of(client, "/tags") == 2 + 50 * TAGS_AN_OPERATION
            again = await run(client, *sent, key="K")
            assert (again.bodies, again.replayed) == (batch.bodies, [True] * 100)


async def test_a_keyed_atomic_batch_is_whole_or_absent_after_the_server_was_killed(
    database_url: str, tmp_path: Path
) -> None:
    sent = requests(50)
    async with aiohttp.ClientSession() as session:
        with serving(tmp_path, database_url) as process:
            client = holder(session, process)
            await furnish(client)
            running = asyncio.create_task(run(client, *sent, key="K", atomic=True))
            await asyncio.sleep(random.uniform(0.02, 0.08))
            os.kill(process.pid, signal.SIGKILL)
            await asyncio.gather(running, return_exceptions=True)
        with serving(tmp_path, database_url) as process:
            client = holder(session, process)
            before = await count_of(client, "/resources") - 1, await count_of(client, "/tags") - 2
            assert before in {(0, 0), (50, 50 * TAGS_AN_OPERATION)}
            batch = await run(client, *sent, key="K", atomic=True)
            assert batch.statuses == [201] * 100
            assert batch.replayed == [before != (0, 0)] * 100
            assert await count_of(client, "/resources") == 1 + 50
            assert await count_of(client, "/tags") == 2 + 50 * TAGS_AN_OPERATION
