"""Gives up what has waited long enough, and drops what nobody asks about any more."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Delete, Select, bindparam, delete, select

from db.access import SYSTEM
from db.batches import WaitingRow
from db.clock import instant
from db.errors import Code, Fault
from db.tables import batch_failures, batches, waiting_records
from db.uploads import waiting
from db.uploads.settlements import Settlement, settle
from db.writes import Writing, in_keys

if TYPE_CHECKING:
    from db.database import Transaction

MAX_EXPIRED = 1_000
MAX_DROPPED = 1_000


async def expire(tx: Transaction) -> int:
    """Give up the records that have waited long enough, and return how many."""
    now = instant()
    rows = [WaitingRow(*record) for record in await tx.fetch(_expired(), {"now": now, "most": MAX_EXPIRED})]
    if not rows:
        return 0
    w = Writing.begin(tx, SYSTEM, now)
    lacking: dict[tuple[str, str], list[str]] = {}
    keys = {"keys": sorted((row.id, row.root_id) for row in rows)}
    for waiting_id, root_id, _, external_id, *_ in await tx.fetch(waiting.targets_of(), keys):
        lacking.setdefault((waiting_id, root_id), []).append(external_id)
    stakes = await waiting.take_stakes(w, rows)
    settlement = Settlement()
    for row in rows:
        missed = ", ".join(map(repr, sorted(lacking.get((row.id, row.root_id), ()))[:20]))
        fault = Fault(
            Code.DEPENDENCY_TIMEOUT, "", f"what it refers to didn't come before {row.expires_at}: {missed}"
        )
        settlement.fail(
            row.root_id, stakes.get((row.id, row.root_id), []), row.external_id, (fault,), waited=True
        )
    await waiting.forget(w, rows)
    await settle(w, settlement)
    return len(rows)


async def drop_old(tx: Transaction, before: str) -> int:
    """Delete batches that were completed before a moment, with their failures, and return how many."""
    keys = [tuple(each) for each in await tx.fetch(_old(), {"before": before, "most": MAX_DROPPED})]
    if keys:
        await tx.execute(_drop(batch_failures, "batch_id"), {"keys": keys})
        await tx.execute(_drop(batches, "id"), {"keys": keys})
    return len(keys)


@lru_cache(maxsize=2)
def _drop(table: Any, column: str) -> Delete:
    return delete(table).where(in_keys(table, "keys", column, "root_id"))


@lru_cache(maxsize=1)
def _expired() -> Select[Any]:
    table = waiting_records
    statement = select(table).where(table.c.expires_at <= bindparam("now"))
    statement = statement.order_by(table.c.expires_at, table.c.id).limit(bindparam("most"))
    return statement.with_for_update(skip_locked=True)


@lru_cache(maxsize=1)
def _old() -> Select[Any]:
    c = batches.c
    statement = select(c.id, c.root_id).where(
        c.completed_at.is_not(None), c.completed_at < bindparam("before")
    )
    return statement.order_by(c.completed_at).limit(bindparam("most")).with_for_update(skip_locked=True)
