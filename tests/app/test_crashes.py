"""kill -9 amid writes: what was acknowledged is stored, and nothing is stored by half."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from aiohttp import ClientError, ClientSession

from tests.server import Client

if TYPE_CHECKING:
    from tests.app.processes import Running, Sheaf

ITEMS_OF_A_BATCH = 25
ACKNOWLEDGED_BEFORE_THE_KILL = 30
WRITERS = 4


def batch(number: int) -> list[dict[str, str]]:
    """Return resources that tell which batch they belong to."""
    place = {"scopeId": "scope_acme", "resourceTypeId": "resource_type_document"}
    return [{**place, "externalResourceId": f"{number}/{i}"} for i in range(ITEMS_OF_A_BATCH)]


def client_of(running: Running, session: ClientSession) -> Client:
    """Return the holder of the root token."""
    return Client(session, running.url, {"Authorization": "Bearer root"})


async def write_until_it_breaks(
    client: Client, numbers: count[int], acknowledged: dict[int, bytes], enough: asyncio.Event
) -> int:
    """Send batches, each under a key, and return the number of the one that was never answered."""
    while True:
        number = next(numbers)
        try:
            reply = await client.post("/resources/batch", batch(number), Idempotency_Key=f"batch-{number}")
        except (ClientError, OSError):
            return number
        assert reply.status == 201, reply
        acknowledged[number] = reply.body
        if len(acknowledged) == ACKNOWLEDGED_BEFORE_THE_KILL:
            enough.set()


async def stored_batches(client: Client) -> Counter[int]:
    """Return how many resources of each batch are stored."""
    found: Counter[int] = Counter()
    path = "/resources?limit=1000"
    while path:
        reply = await client.get(path)
        found.update(int(item["externalResourceId"].partition("/")[0]) for item in reply.json)
        path = reply.headers["Link"].partition(">")[0][1:] if "Link" in reply.headers else ""
    return found


async def test_what_was_acknowledged_survives_a_kill_and_nothing_is_half_written(
    sheaf: Sheaf, database_url: str
) -> None:
    first = sheaf.serve(database_url=database_url, root_token="root")
    acknowledged: dict[int, bytes] = {}
    numbers, enough = count(), asyncio.Event()
    async with ClientSession() as session:
        client = client_of(first, session)
        await client.created("/scopes", {"id": "scope_acme", "name": "Acme"})
        kind = {
            "id": "resource_type_document",
            "scopeId": "scope_acme",
            "key": "document",
            "name": "Document",
        }
        await client.created("/resource-types", kind)
        writers = [
            asyncio.create_task(write_until_it_breaks(client, numbers, acknowledged, enough))
            for _ in range(WRITERS)
        ]
        await enough.wait()
        first.send(signal.SIGKILL)
        unanswered = await asyncio.gather(*writers)
    first.end()
    assert sorted([*acknowledged, *unanswered]) == list(range(len(acknowledged) + WRITERS))

    second = sheaf.serve(database_url=database_url, root_token="root")
    async with ClientSession() as session:
        client = client_of(second, session)
        stored = await stored_batches(client)
        assert set(acknowledged) <= set(stored) <= {*acknowledged, *unanswered}
        assert set(stored.values()) == {ITEMS_OF_A_BATCH}
        for number in (*unanswered, *list(acknowledged)[:5]):
            again = await client.post("/resources/batch", batch(number), Idempotency_Key=f"batch-{number}")
            assert again.status == 201
            assert ("Idempotency-Replayed" in again.headers) == (number in stored)
            assert again.body == acknowledged.get(number, again.body)
        assert await stored_batches(client) == dict.fromkeys([*acknowledged, *unanswered], ITEMS_OF_A_BATCH)
