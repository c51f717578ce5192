"""Cancels a batch: what is stored stays, all else of it fails."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Delete, Select, bindparam, delete, select

from db.announcements import BatchMoved
from db.batches import BATCHES, BatchRow, Status, WaitingRow
from db.commands import Target
from db.database import Retry
from db.errors import Code, Fault
from db.outcomes import Outcome, Result, failed
from db.reads import reach_parameters
from db.tables import batch_payloads, waiting_records, waiting_stakes
from db.uploads.chains import Stake
from db.uploads.settlements import Settlement, settle
from db.uploads.waiting import forget
from db.writes import in_keys, lock
from db.writes.updates import find

if TYPE_CHECKING:
    from db.writes import Writing

_CANCELLED = Fault(Code.CANCELLED, "", "the batch was cancelled")


async def cancel(w: Writing, batch_id: str) -> Result[BatchRow]:
    """Cancel a batch that isn't done; one that is cancelled already stays as it is, one that is done is `locked`."""
    tx = w.tx
    # What waits is locked before its batch, as everywhere.
    parameters = {**reach_parameters(w.caller), "batch": batch_id}
    waiting = await tx.fetch(_waiting_of(narrowed=w.caller.reach is not None), parameters)
    rows = (await lock(w, BATCHES, [batch_id])).get(batch_id, [])
    batch = find(BATCHES, Target(batch_id), {batch_id: rows})
    if isinstance(batch, Fault):
        return failed(batch)
    if batch.status == Status.CANCELLED:
        return Result(Outcome.UNCHANGED, batch)
    if Status(batch.status).is_terminal:
        return failed(Fault(Code.LOCKED, "", f"batch {batch_id} is done: {batch.status}"))
    # Named even if it has no record yet: it has an end.
    settlement = Settlement(root_of={batch.id: batch.root_id})
    if batch.status == Status.QUEUED:
        keys = {"keys": [(batch.id, batch.root_id)]}
        await tx.execute(_drop_payload(), keys)
        stakes = [Stake(batch.id, index) for index in range(batch.total)]
        settlement.fail(batch.root_id, stakes, None, (_CANCELLED,), waited=False)
    else:
        await _unpark(w, batch, [WaitingRow(*record) for record in waiting], settlement)
    batch = msgspec.structs.replace(batch, status=Status.CANCELLED)
    await tx.update(BATCHES.table, ("status",), [(batch.id, batch.root_id, batch.status)])
    after = await settle(w, settlement)
    tx.announced.append(BatchMoved(batch.root_id, batch.scope_id, batch.id))
    return Result(Outcome.UPDATED, after.get((batch.id, batch.root_id), batch))


async def _unpark(w: Writing, batch: BatchRow, rows: list[WaitingRow], settlement: Settlement) -> None:
    """Fail the batch's records that wait; one that other batches have a stake in goes on waiting for those."""
    by_key = {(row.id, row.root_id): row for row in rows if row.root_id == batch.root_id}
    own = await w.tx.fetch(_own(), {"keys": [(batch.id, batch.root_id)]})
    if any(tuple(each) not in by_key for each in own):
        raise Retry("records of the batch were parked after the look at what waits")
    shared: set[tuple[str, str]] = set()
    for waiting_id, root_id, batch_id, index in await w.tx.fetch(_stakes(), {"keys": sorted(by_key)}):
        if batch_id != batch.id:
            shared.add((waiting_id, root_id))
            continue
        external_id = by_key[waiting_id, root_id].external_id
        settlement.fail(root_id, [Stake(batch_id, index)], external_id, (_CANCELLED,), waited=True)
    await w.tx.execute(_drop_stakes(), {"keys": [(batch.id, batch.root_id)]})
    await forget(w, [row for key, row in by_key.items() if key not in shared])


@lru_cache(maxsize=2)
def _waiting_of(*, narrowed: bool) -> Select[Any]:
    """Lock what waits of a batch; the same id may be another root's, which is none of a narrowed caller's."""
    table = waiting_records
    mine = select(waiting_stakes.c.waiting_id).where(waiting_stakes.c.batch_id == bindparam("batch"))
    if narrowed:
        mine = mine.where(waiting_stakes.c.root_id == bindparam("reach_root"))
    return select(table).where(table.c.id.in_(mine)).order_by(table.c.id).with_for_update(of=table)


@lru_cache(maxsize=1)
def _own() -> Select[Any]:
    c = waiting_stakes.c
    return select(c.waiting_id, c.root_id).where(in_keys(waiting_stakes, "keys", "batch_id", "root_id"))


@lru_cache(maxsize=1)
def _stakes() -> Select[Any]:
    c = waiting_stakes.c
    return select(c.waiting_id, c.root_id, c.batch_id, c.record_index).where(
        in_keys(waiting_stakes, "keys", "waiting_id", "root_id")
    )


@lru_cache(maxsize=1)
def _drop_stakes() -> Delete:
    return delete(waiting_stakes).where(in_keys(waiting_stakes, "keys", "batch_id", "root_id"))


@lru_cache(maxsize=1)
def _drop_payload() -> Delete:
    return delete(batch_payloads).where(in_keys(batch_payloads, "keys", "batch_id", "root_id"))
