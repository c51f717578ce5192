"""What `sheaf doctor --bench` measures: what this machine and this database let one expect; nothing of it stays."""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from db import reads
from db.access import SYSTEM
from db.clock import instant
from db.commands import Create
from db.engine import execute
from db.idempotency import Answer, Key, forget_old, record
from db.ids import Namespace, new_id
from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.resources import RESOURCES, NewResource
from db.scopes import SCOPES, NewScope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from db.database import Database, Transaction

ROUNDS = 15
ITEMS = 1_000
LOOK_UPS = 2_000
AT_A_TIME = 32
LONG_AGO = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Expectation:
    """One measurement."""

    about: str
    says: str

    def __str__(self) -> str:
        """Return a line."""
        return f"      {self.about}: {self.says}"


class _Undone(Exception):
    """Undo a transaction whose statements were timed."""


async def expectations(database: Database) -> AsyncIterator[Expectation]:
    """Measure, one thing after the other, a few seconds in all."""
    trip = await _median_ms(database.ping)
    yield Expectation("a statement there and back", f"{trip:.2f} ms")
    commit = await _median_ms(lambda: _commit(database)) / 2
    yield Expectation("a small write, until it is on the disk", f"{commit:.1f} ms")
    create = statistics.median([await _create(database) for _ in range(ROUNDS)])
    yield Expectation(
        f"creating {ITEMS:,} resources in one batch, before its commit",
        f"{create:.0f} ms, {ITEMS / create * 1_000:,.0f} a second",
    )
    yield Expectation(
        f"single objects by id, {AT_A_TIME} at a time, without HTTP",
        f"{await _look_ups(database):,.0f} a second",
    )


async def _median_ms(work: Callable[[], Awaitable[object]]) -> float:
    times: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await work()
        times.append((time.perf_counter() - began) * 1_000)
    return statistics.median(times)


async def _commit(database: Database) -> None:
    """Commit twice: keep an answer as if it were old, and forget it again."""

    async def keep(tx: Transaction) -> None:
        key = Key.of(SYSTEM, new_id(Namespace.TOKEN), b"doctor")
        await record(tx, [(key, Answer(200, {}, b""))], LONG_AGO)

    async def forget(tx: Transaction) -> None:
        await forget_old(tx, LONG_AGO[:-1] + "a")

    await database.write("expect_commit", keep)
    await database.write("expect_commit", forget)


async def _create(database: Database) -> float:
    """Return how long a batch of creates takes, in milliseconds, and undo it."""
    times: list[float] = []

    async def work(tx: Transaction) -> None:
        now = instant()
        scope, type_ = new_id(Namespace.SCOPE), new_id(Namespace.RESOURCE_TYPE)
        needed: list[Create[Any]] = [
            Create(SCOPES, [NewScope(id=scope, name="Doctor")]),
            Create(RESOURCE_TYPES, [NewResourceType(id=type_, scope_id=scope, key="doctor", name="Doctor")]),
        ]
        for command in needed:
            await execute(tx, SYSTEM, command, now)
        items = [
            NewResource(scope_id=scope, resource_type_id=type_, external_resource_id=f"{i}", data={"n": i})
            for i in range(ITEMS)
        ]
        began = time.perf_counter()
        results = await execute(tx, SYSTEM, Create(RESOURCES, items), now)
        times.append((time.perf_counter() - began) * 1_000)
        assert not any(result.faults for result in results), results[0]
        raise _Undone

    with suppress(_Undone):
        await database.write("expect_create", work)
    return times[-1]


async def _look_ups(database: Database) -> float:
    """Return how many single objects can be read in a second, though this one isn't there."""
    left = iter(range(LOOK_UPS))

    async def reader() -> None:
        for _ in left:
            await reads.one(database, SYSTEM, RESOURCES, "resource_of_the_doctor")

    began = time.perf_counter()
    await asyncio.gather(*(reader() for _ in range(AT_A_TIME)))
    return LOOK_UPS / (time.perf_counter() - began)
