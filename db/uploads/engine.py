"""The engine's loop: takes its turns while there is work, and sleeps until it is told of more."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import structlog

from db.announcements import CHANNEL, QueueMoved, decode
from db.clock import instant
from db.errors import Unavailable
from db.uploads import settling, sweeping, turns

if TYPE_CHECKING:
    from db.database import Database, Transaction

log = structlog.get_logger(__name__)

# What is announced may be missed: then the engine finds it this much later.
LOOK_EVERY_S = 1.0
DROP_EVERY_S = 60.0
PAUSE_S = 1.0
MAX_ATTEMPTS = 3


class UploadEngine:
    """Applies the batches of a database, together with the engines of all other processes."""

    def __init__(self, database: Database, *, lanes: int = 1, keep_s: float | None = None) -> None:
        self._database = database
        self._lanes = lanes
        self._keep_s = keep_s
        self._moved = asyncio.Event()
        self._stopping = False
        self._due = True
        self._careful = False
        self._attempts: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._dropped_at = 0.0
        self._look_at = 0.0
        database.listen(CHANNEL, self._hear)

    def start(self) -> None:
        """Begin to work."""
        self._tasks = [asyncio.create_task(self._lane(sweeps=lane == 0)) for lane in range(self._lanes)]

    async def stop(self) -> None:
        """Finish the turns that are running, and begin no other."""
        self._stopping = True
        self._moved.set()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _hear(self, payload: str | None) -> None:
        if payload is not None and "queue_moved" not in payload:
            return
        said = decode(payload) if payload is not None else None
        if not isinstance(said, QueueMoved) or said.due:
            self._due = True
        self._moved.set()

    async def _lane(self, *, sweeps: bool) -> None:
        while not self._stopping:
            try:
                if not await self._turn(sweeps=sweeps):
                    await self._rest()
            except Unavailable as error:
                log.warning("upload_engine_waits", reason=str(error))
                await asyncio.sleep(PAUSE_S)
            except turns.Broken as broken:
                await self._survive(broken)
            except Exception:
                log.exception("upload_engine_failed")
                await asyncio.sleep(PAUSE_S)

    async def _turn(self, *, sweeps: bool) -> bool:
        """Do a little of everything there is to do; whether there was anything."""
        self._moved.clear()
        worked = False
        if self._due:
            self._due = False
            worked = await self._settle()
            self._due |= worked
        if await self._database.write("apply_batch", turns.apply_next) is not None:
            worked = True
        if sweeps and time.monotonic() >= self._look_at:
            # Also while there is always something else to do.
            work = await self._look()
            worked |= work.expired or work.due
        if sweeps and time.monotonic() >= self._dropped_at + DROP_EVERY_S:
            self._dropped_at = time.monotonic()
            await self._drop()
        return worked

    async def _settle(self) -> bool:
        """Look at what is due; a record that shows a bug is found by looking at one after the other, and given up."""
        try:
            most = 1 if self._careful else settling.MAX_DUE
            settled = await self._database.write(
                "settle_waiting_records", partial(settling.settle_due, most=most)
            )
            self._careful = self._careful and settled > 0
            return settled > 0
        except Unavailable:
            self._due = True
            raise
        except settling.Stuck as stuck:
            log.exception("settling_failed", records=len(stuck.keys))
            if len(stuck.keys) == 1:
                await self._database.write(
                    "give_waiting_record_up", partial(settling.give_up_waiting, keys=stuck.keys)
                )
            self._careful = True
            return True

    async def _rest(self) -> None:
        """Sleep until there is work, which is told, or found by looking."""
        while not self._stopping:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._moved.wait()
                return
            work = await self._look()
            if work.queued or work.due:
                return

    async def _look(self) -> turns.Work:
        """Find what nobody told of, and give up what has waited long enough."""
        self._look_at = time.monotonic() + LOOK_EVERY_S
        async with self._database.read("look_for_work", brief=True) as reader:
            work = await turns.has_work(reader)
        if work.expired:
            expired = await self._database.write("expire_waiting_records", sweeping.expire)
            if expired == sweeping.MAX_EXPIRED:
                self._look_at = 0.0
        self._due |= work.due
        return work

    async def _drop(self) -> None:
        if self._keep_s is None:
            return
        before = instant(time.time() - self._keep_s)

        async def work(tx: Transaction) -> int:
            return await sweeping.drop_old(tx, before)

        while await self._database.write("drop_old_batches", work) and not self._stopping:
            pass

    async def _survive(self, broken: turns.Broken) -> None:
        """Try a batch that shows a bug again, and give it up at last, so that others get their turn."""
        batch = broken.batch
        attempts = self._attempts[batch.id] = self._attempts.get(batch.id, 0) + 1
        log.error("batch_failed", batch=batch.id, attempt=attempts, exc_info=broken.__cause__)
        if attempts < MAX_ATTEMPTS:
            await asyncio.sleep(PAUSE_S * attempts)
            return
        del self._attempts[batch.id]
        with suppress(Unavailable):
            await self._database.write(
                "give_batch_up", partial(turns.give_up, batch_id=batch.id, root_id=batch.root_id)
            )
