"""Clients that write batches and read all the while, and what became of each batch."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from sqlalchemy import select

from db.tables import resources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.database import Database
    from tests.server import Client, Reply

BATCH = 40
WRITERS = 4
READERS = 2
RECOVERY_LIMIT_S = 30
PAUSE_S = 0.01


def batch(name: str, *, size: int = BATCH, padding: int = 0) -> list[dict[str, object]]:
    """Return resources to create, each of which tells its batch."""
    return [
        {
            "scopeId": "scope_engineering",
            "resourceTypeId": "resource_type_document",
            "externalResourceId": f"{name}/{i}",
            "data": {"padding": "x" * padding},
        }
        for i in range(size)
    ]


@dataclass
class Load:
    """A running load, and all it was answered."""

    client: Client
    padding: int = 0
    size: int = BATCH
    writes: dict[str, Reply] = field(default_factory=dict)
    reads: list[Reply] = field(default_factory=list)
    _names: count[int] = field(default_factory=count)
    _stopped: bool = False

    async def write(self) -> Reply:
        """Create one batch."""
        name = f"batch-{next(self._names)}"
        body = batch(name, size=self.size, padding=self.padding)
        reply = self.writes[name] = await self.client.post("/resources/batch", body)
        return reply

    async def read(self) -> Reply:
        """Read a page."""
        reply = await self.client.get("/tag-groups")
        self.reads.append(reply)
        return reply

    async def recovered(self) -> float:
        """Return how long it took until writes and reads succeed again."""
        began = time.monotonic()
        while time.monotonic() - began < RECOVERY_LIMIT_S:
            if (await self.write()).status == 201 and (await self.read()).status == 200:
                return time.monotonic() - began
            await asyncio.sleep(0.05)
        raise AssertionError(f"no recovery: {self.told()}")

    def told(self) -> dict[str, Counter[int]]:
        """Count the statuses."""
        return {
            "writes": Counter(reply.status for reply in self.writes.values()),
            "reads": Counter(reply.status for reply in self.reads),
        }

    def check_answers(self) -> None:
        """Check that every request succeeded, or was told when to come again."""
        for reply in (*self.writes.values(), *self.reads):
            assert reply.status in {200, 201, 503}, reply
            if reply.status == 503:
                assert reply.code == "overloaded"
                assert int(reply.headers["Retry-After"]) >= 1

    async def check_rows(self, database: Database) -> None:
        """Check that a confirmed batch is stored whole, and a refused one not at all unless it was said to be."""
        async with database.read("test") as reader:
            rows = await reader.fetch(select(resources.c.external_resource_id), {})
        stored = Counter(name.partition("/")[0] for (name,) in rows)
        assert set(stored) <= set(self.writes)
        for name, reply in self.writes.items():
            if reply.status == 201:
                assert stored[name] == self.size, name
            elif "may have been stored" in reply.json["detail"]:
                assert stored[name] in {0, self.size}, name
            else:
                assert stored[name] == 0, (name, reply)

    async def _keep_writing(self) -> None:
        while not self._stopped:
            await self.write()
            await asyncio.sleep(PAUSE_S)

    async def _keep_reading(self) -> None:
        while not self._stopped:
            await self.read()
            await asyncio.sleep(PAUSE_S)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write and read with several clients until the block ends."""
        tasks = [
            *(asyncio.ensure_future(self._keep_writing()) for _ in range(WRITERS)),
            *(asyncio.ensure_future(self._keep_reading()) for _ in range(READERS)),
        ]
        try:
            yield
        finally:
            self._stopped = True
            await asyncio.gather(*tasks)
            self._stopped = False
