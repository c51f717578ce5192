"""Requests per second of a small GET with everything on, beside a bare aiohttp server in the same run."""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.create import prepare
from benchmarks.servers import TOKEN, bare, databases, sheaf
from db import engine
from db.access import SYSTEM
from db.commands import Create
from db.database import open_database
from db.resources import RESOURCES, NewResource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECTIONS = 16
ROUNDS = 9
ROUND_S = 1.0
TARGET = 0.6
RESOURCE = "resource_0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
PATHS = ("/healthz", f"/resources/{RESOURCE}")


class Caller(asyncio.Protocol):
    """Sends one request after another on one connection and counts the answers."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._expected = 0
        self._received = 0
        self._transport: asyncio.Transport | None = None
        self.answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        # uvloop's isn't a subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Send the next one when the answer is complete; all answers have the length of the first."""
        if not self._expected:
            head, _, _ = data.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            self._expected = len(head) + 4 + int(length.partition(b":")[2])
        self._received += len(data)
        if self._received >= self._expected and self._transport is not None:
            assert self._received == self._expected, data
            self._received = 0
            self.answers += 1
            self._transport.write(self._request)


def requests_per_s(url: str, path: str, token: str) -> float:
    """Ask a server for a second on several connections; runs in a process of its own."""
    place = urlsplit(url)
    assert place.hostname
    assert place.port
    head = f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"

    async def ask(host: str, port: int) -> float:
        loop = asyncio.get_running_loop()
        pairs = [
            await loop.create_connection(lambda: Caller(head.encode()), host, port)
            for _ in range(CONNECTIONS)
        ]
        callers = [caller for _, caller in pairs]
        before, began = sum(caller.answers for caller in callers), time.perf_counter()
        await asyncio.sleep(ROUND_S)
        rate = (sum(caller.answers for caller in callers) - before) / (time.perf_counter() - began)
        for transport, _ in pairs:
            transport.abort()
        return rate

    return uvloop.run(ask(place.hostname, place.port))


@dataclass(frozen=True)
class Race:
    """A path asked of two servers in turns."""

    path: str
    bare: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The median of what each round says, so that what disturbs one round disturbs no other."""
        return statistics.median(ours / bare for ours, bare in zip(self.ours, self.bare, strict=True))

    def __str__(self) -> str:
        """Return a line of the table."""
        name = self.path.replace(RESOURCE, "{id}")
        bare, ours = statistics.median(self.bare), statistics.median(self.ours)
        return f"{name:<20}{bare:>12,.0f}{ours:>12,.0f}{self.ratio:>8.2f}"


async def store(url: str) -> None:
    """Store the resource that is asked for."""
    await prepare(url)
    database = open_database(url)
    resource = NewResource(
        id=RESOURCE,
        scope_id="scope_engineering",
        resource_type_id="resource_type_document",
        external_resource_id="doc-123",
        display_name="Project Roadmap",
    )
    try:
        await engine.run(database, SYSTEM, Create(RESOURCES, [resource]))
    finally:
        await database.close()


def answer_of(url: str) -> bytes:
    """Return what our server answers, for the bare one to say the same."""
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{url}/resources/{RESOURCE}", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - the same
        body: bytes = response.read()
        return body


def race(make_database: Callable[[], str]) -> Iterator[Race]:
    """Ask both servers in turns, path by path."""
    url = make_database()
    asyncio.run(store(url))
    with ExitStack() as stack:
        ours = stack.enter_context(sheaf(url))
        other = stack.enter_context(bare(url, answer_of(ours.url)))
        client = stack.enter_context(ProcessPoolExecutor(1, multiprocessing.get_context("spawn")))
        for path in PATHS:
            result = Race(path)
            for _ in range(ROUNDS):
                result.bare.append(client.submit(requests_per_s, other.url, path, TOKEN).result())
                result.ours.append(client.submit(requests_per_s, ours.url, path, TOKEN).result())
            yield result


def main() -> None:
    """Measure on both databases and print."""
    for kind in ("sqlite", "postgresql"):
        with databases(kind) as make_database:
            print(
                f"\n{kind}: a small GET, {CONNECTIONS} connections, {ROUNDS} rounds in turns; target {TARGET}\n"
            )
            print(f"{'':<20}{'bare req/s':>12}{'ours req/s':>12}{'ratio':>8}")
            for result in race(make_database):
                print(result)
