"""Uploads, from the first 202 to the last success, beside the limit: what must be done by hand, and nothing else."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import msgspec

from app.telemetry import configure_logging
from benchmarks.servers import PROJECT, Server, databases, sheaf, worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")

BATCHES = 100
RECORDS = 1_000
WORKERS = 2
ROUNDS = 3
PACED_PER_S = 10
PACED_S = 10
GROWTH_RECORDS = 100
QUEUED = (10, 100, 1_000)
WAITING = (0, 10_000, 100_000)
TYPES = {
    "maker": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    "product": {
        "type": "object",
        "properties": {
            "sku": {"type": "string"},
            "title": {"type": "string"},
            "price": {"type": "number"},
            "stock": {"type": "integer"},
            "active": {"type": "boolean"},
            "maker": {"$ref": "schemas/maker"},
            "color": {"type": "string"},
            "added": {"type": "string", "format": "date"},
        },
        "required": ["sku"],
    },
}
FIELDS = {"maker": "name", "product": "sku"}


def records(tag: str, count: int, maker: str = "m") -> list[dict[str, Any]]:
    """Return records of 8 fields, one of which refers to another record."""
    return [
        {
            "sku": f"{tag}-{i}",
            "title": f"Product {i}",
            "price": i * 1.25,
            "stock": i,
            "active": True,
            "maker": f"{maker}{i % 100}",
            "color": "blue",
            "added": "2026-01-01",
        }
        for i in range(count)
    ]


class Uploader:
    """A partner that uploads to one server."""

    def __init__(self, session: aiohttp.ClientSession, server: Server) -> None:
        self._session = session
        self._url = server.url
        self._headers = {"Authorization": f"Bearer {server.token}", "reach-tenant-id": "scope_a"}

    async def prepare(self) -> None:
        """Make the scope, the types and what the records refer to."""
        await self.send("POST", "/scopes/batch", [{"id": "scope_a", "name": "A"}], tenant=False)
        for name, schema in TYPES.items():
            definition = {"name": name, "externalIdField": FIELDS[name], "schema": schema}
            await self.send("POST", "/partner/schema-definitions", definition)
        batch = await self.upload("maker", [{"name": f"m{i}"} for i in range(100)])
        await self.done([batch])

    async def send(self, method: str, path: str, value: object, *, tenant: bool = True) -> Any:
        """Send a request, and return the answer's JSON; raises for a refusal."""
        headers = dict(self._headers)
        if not tenant:
            del headers["reach-tenant-id"]
        async with self._session.request(method, self._url + path, json=value, headers=headers) as response:
            answer = await response.json()
            if not response.ok:
                raise RuntimeError(f"{method} {path}: {answer}")
            return answer

    async def upload(self, name: str, records: Sequence[object], *, wait_s: int = 0) -> str:
        """Upload a batch, and return its id."""
        return await self.upload_body(name, msgspec.json.encode({"resources": records}), wait_s=wait_s)

    async def upload_body(self, name: str, body: bytes, *, wait_s: int = 0) -> str:
        """Upload an encoded batch, and return its id."""
        path = f"{self._url}/api/resources/{name}/batch?dependencyWaitTimeout={wait_s}"
        headers = {**self._headers, "Content-Type": "application/json"}
        async with self._session.post(path, data=body, headers=headers) as response:
            answer = await response.read()
            if response.status != 202:
                raise RuntimeError(answer.decode())
            found: str = msgspec.json.decode(answer)["data"]["batchId"]
            return found

    async def done(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Wait until all records of batches were seen, and return what became of them."""
        found = []
        for each in reversed(ids):
            while True:
                answer = await self.send("GET", f"/api/batches/{each}?wait=30", None)
                if answer["data"]["status"] not in {"queued", "processing"}:
                    found.append(answer["data"])
                    break
        return found


def race(kind: str) -> None:
    """Upload 100 batches to our server and to the limit, in turns, and print the ratio."""
    ours: list[float] = []
    theirs: list[float] = []
    with databases(kind) as new_database:
        for number in range(ROUNDS):
            ours.append(asyncio.run(_ours(kind, new_database(), number)))
            theirs.append(_limit(new_database(), number))
    total = BATCHES * RECORDS
    print(f"\n{kind}: {BATCHES} batches of {RECORDS:,} records of 8 fields, one of them a reference")
    for name, times in (("limit", theirs), ("sheaf", ours)):
        median = statistics.median(times)
        print(
            f"{name:<8}{median:>8.2f} s{total / median:>12,.0f} records/s{median / statistics.median(theirs):>8.2f}"
        )


async def _ours(kind: str, database_url: str, number: int) -> float:
    with ExitStack() as stack:
        if kind == "postgresql":
            server = stack.enter_context(sheaf(database_url, SHEAF_UPLOAD_ENGINE="false"))
            for _ in range(WORKERS):
                stack.enter_context(worker(database_url))
        else:
            server = stack.enter_context(sheaf(database_url))
        async with aiohttp.ClientSession() as session:
            uploader = Uploader(session, server)
            await uploader.prepare()
            bodies = [
                msgspec.json.encode({"resources": records(f"{number}-{k}", RECORDS)}) for k in range(BATCHES)
            ]
            began = time.perf_counter()
            ids = [await uploader.upload_body("product", body) for body in bodies]
            done = await uploader.done(ids)
            took = time.perf_counter() - began
            assert all(each["status"] == "success" for each in done), done[0]
            return took


def _limit(database_url: str, number: int) -> float:
    """Run the limit: as many processes as we have workers, each with its share of the batches."""
    processes = WORKERS if database_url.startswith("postgres") else 1
    share = BATCHES // processes
    command = [sys.executable, "-m", "benchmarks.upload_limit", database_url]
    subprocess.run([*command, "prepare"], cwd=PROJECT, check=True)
    running = [
        subprocess.Popen(
            [*command, str(number), str(i * share), str(share)], cwd=PROJECT, stdout=subprocess.PIPE
        )
        for i in range(processes)
    ]
    spans = [tuple(map(float, process.communicate()[0].split())) for process in running]
    return max(end for _, end in spans) - min(begin for begin, _ in spans)


def pace(kind: str) -> None:
    """Upload at a steady pace, and print how long the 202 takes."""
    with databases(kind) as new_database, sheaf(new_database()) as server:
        times = sorted(asyncio.run(_paced(server)))
    print(
        f"{kind}: 202 at {PACED_PER_S} batches/s: median {statistics.median(times):.1f} ms,"
        f" p99 {times[int(len(times) * 0.99)]:.1f} ms"
    )


async def _paced(server: Server) -> list[float]:
    times: list[float] = []
    async with aiohttp.ClientSession() as session:
        uploader = Uploader(session, server)
        await uploader.prepare()

        async def one(number: int) -> str:
            body = msgspec.json.encode({"resources": records(f"p{number}", RECORDS)})
            began = time.perf_counter()
            batch = await uploader.upload_body("product", body)
            times.append((time.perf_counter() - began) * 1_000)
            return batch

        running = []
        for number in range(PACED_PER_S * PACED_S):
            running.append(asyncio.create_task(one(number)))
            await asyncio.sleep(1 / PACED_PER_S)
        await uploader.done(await asyncio.gather(*running))
    return times


def grow(kind: str) -> None:
    """Print what a record costs with more and more queued, and with more and more waiting."""
    print(f"\n{kind}: cost of a record, in batches of {GROWTH_RECORDS}")
    with databases(kind) as new_database:
        for queued in QUEUED:
            url = new_database()
            with sheaf(url, SHEAF_UPLOAD_ENGINE="false", SHEAF_MAX_QUEUED_RECORDS="10000000") as server:
                ids = asyncio.run(_with(server, partial(_queue, count=queued)))
            with sheaf(url) as server:
                took = asyncio.run(_with(server, partial(_timed, ids=ids[-1:])))
            print(f"{queued:>8,} batches queued  {took / (queued * GROWTH_RECORDS) * 1e6:>8.0f} µs")
        with sheaf(new_database()) as server:
            asyncio.run(_with(server, _wait_more))


async def _with(server: Server, use: Callable[[Uploader], Awaitable[T]]) -> T:
    async with aiohttp.ClientSession() as session:
        return await use(Uploader(session, server))


async def _timed(uploader: Uploader, ids: Sequence[str]) -> float:
    began = time.perf_counter()
    await uploader.done(ids)
    return time.perf_counter() - began


async def _wait_more(uploader: Uploader) -> None:
    """Print what a record costs while more and more others wait."""
    await uploader.prepare()
    there = 0
    for waiting in WAITING:
        while there < waiting:
            batch = await uploader.upload("product", records(f"w{there}", RECORDS, "none"), wait_s=3_600)
            await uploader.done([batch])
            there += RECORDS
        began = time.perf_counter()
        ids = [await uploader.upload("product", records(f"n{there}-{k}", GROWTH_RECORDS)) for k in range(100)]
        await uploader.done(ids)
        took = time.perf_counter() - began
        print(f"{waiting:>8,} records waiting {took / (100 * GROWTH_RECORDS) * 1e6:>8.0f} µs")


async def _queue(uploader: Uploader, count: int) -> list[str]:
    """Make the types, which needs no engine, and fill the queue."""
    await uploader.send("POST", "/scopes/batch", [{"id": "scope_a", "name": "A"}], tenant=False)
    for name, schema in TYPES.items():
        definition = {"name": name, "externalIdField": FIELDS[name], "schema": schema}
        await uploader.send("POST", "/partner/schema-definitions", definition)
    first = await uploader.upload("maker", [{"name": f"m{i}"} for i in range(100)])
    return [
        first,
        *[await uploader.upload("product", records(f"q{k}", GROWTH_RECORDS)) for k in range(count)],
    ]


def main() -> None:
    """Measure on both databases."""
    configure_logging("error", "console")
    for kind in ("postgresql", "sqlite"):
        race(kind)
        pace(kind)
        grow(kind)
