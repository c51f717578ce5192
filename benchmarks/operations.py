"""100 creates by `POST /batch` beside one `POST /resources/batch` of 100 and beside 100 requests, on both databases."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import orjson

from app.telemetry import configure_logging
from benchmarks import measure
from benchmarks.create import REST, items, prepare
from benchmarks.servers import Server, databases, sheaf

if TYPE_CHECKING:
    from collections.abc import Callable

OPERATIONS = 100
RUNS = 20
BUDGET_S = 25.0
BATCH = "/batch"
# Contenders share databases: each has rounds of its own.
CONTENDERS = 4
OF_MIXED = 50_000
MOST_OF_ONE_REQUEST = 2.0
LEAST_OF_MANY = 20.0

Request = dict[str, Any]


def creates(round_number: int) -> list[Request]:
    """Return the operations that create the resources of a round."""
    return [{"method": "POST", "url": "/resources", "body": item} for item in items(round_number, OPERATIONS)]


def mixed(round_number: int) -> list[Request]:
    """Return creates, reads, changes and deletes of a round's resources, in runs of neighbours."""
    ids = [f"resource_{round_number:05}-{i:02}" for i in range(RUNS)]
    new = [{**item, "id": own_id} for item, own_id in zip(items(round_number, RUNS), ids, strict=True)]
    paths = [f"/resources/{own_id}" for own_id in ids]
    change = {"headers": {"If-Match": "*"}, "body": {"displayName": "changed"}}
    return [
        *({"method": "POST", "url": "/resources", "body": item} for item in new),
        *({"method": "GET", "url": path} for path in paths),
        *({"method": "PUT", "url": path, **change} for path in paths),
        *({"method": "GET", "url": path} for path in paths),
        *({"method": "DELETE", "url": path} for path in paths),
    ]


class Caller:
    """Sends what contenders ask for to one server, and raises for a refusal."""

    def __init__(self, session: aiohttp.ClientSession, server: Server) -> None:
        self._session = session
        self._url = server.url
        self._headers = {
            "Authorization": f"Bearer {server.token}",
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
        }

    async def post(self, path: str, body: bytes) -> bytes:
        """Post a body and read the whole answer."""
        return await self._send("POST", path, body, {})

    async def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        headers = {**self._headers, **headers}
        async with self._session.request(method, self._url + path, data=body, headers=headers) as response:
            answer = await response.read()
        if response.status >= 300:
            raise RuntimeError(f"{path} answered {response.status}: {answer[:500].decode(errors='replace')}")
        return answer

    async def batch(self, body: bytes) -> bytes:
        """Post operations to `/batch`."""
        answer = await self.post(BATCH, body)
        if not answer.startswith(b'{"success":true'):
            raise RuntimeError(f"an operation failed: {answer[:500].decode(errors='replace')}")
        return answer

    async def one_by_one(self, body: bytes) -> bytes:
        """Send each operation as a request of its own, the next when the one before is answered."""
        answer = b""
        for request in msgspec.json.decode(body)["requests"]:
            sent = orjson.dumps(request["body"]) if "body" in request else None
            answer = await self._send(request["method"], request["url"], sent, request.get("headers", {}))
        return answer


def envelope(operations: Callable[[int], list[Request]], first: int) -> Callable[[int], bytes]:
    """Return what makes the envelopes of a contender, whose rounds begin at a number."""
    return lambda number: orjson.dumps({"requests": operations(first + CONTENDERS * number)})


async def race(servers: list[Server]) -> list[list[measure.Contender]]:
    """Measure creates and mixed operations."""
    async with aiohttp.ClientSession() as session:
        callers = [Caller(session, server) for server in servers]

        async def post_items(body: bytes) -> bytes:
            return await callers[0].post(REST, body)

        many = [
            measure.Contender(f"one {REST}", lambda i: orjson.dumps(items(i, OPERATIONS)), post_items),
            measure.Contender("POST /batch", envelope(creates, 0), callers[1].batch),
            measure.Contender("100 requests", envelope(creates, 1), callers[2].one_by_one),
        ]
        await measure.in_turns(many, budget_s=BUDGET_S)
        kinds = [
            measure.Contender("POST /batch, five runs", envelope(mixed, OF_MIXED), callers[1].batch),
            measure.Contender("100 requests", envelope(mixed, OF_MIXED + 1), callers[2].one_by_one),
        ]
        await measure.in_turns(kinds, budget_s=BUDGET_S)
    return [many, kinds]


def on_database(kind: str) -> None:
    """Measure on one kind of database and print."""
    with databases(kind) as make_database:
        urls = [make_database() for _ in range(3)]
        for url in urls:
            asyncio.run(prepare(url))
        with ExitStack() as stack:
            servers = [stack.enter_context(sheaf(url)) for url in urls]
            many, kinds = asyncio.run(race(servers))
    for title, contenders in (("creates", many), ("mixed operations", kinds)):
        rounds = len(contenders[0].times_ms)
        print(f"\n{kind}: {OPERATIONS} {title}, {rounds} rounds in turns\n")
        print(measure.table(contenders, items=OPERATIONS), end="\n\n")
    one, batch, requests = many
    print(
        f"/batch takes {batch.paired_ratio(one):.2f} x one batch create (target: at most {MOST_OF_ONE_REQUEST:g})"
    )
    print(
        f"100 requests take {requests.paired_ratio(batch):.1f} x /batch (target: at least {LEAST_OF_MANY:g})"
    )


def main() -> None:
    """Measure on both databases."""
    configure_logging("warning", "console")
    for kind in ("sqlite", "postgresql"):
        on_database(kind)
