"""The turns in which batches are applied: one transaction each, of which nothing is left if the process dies in it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Delete, Select, bindparam, delete, exists, select

from db.access import SYSTEM
from db.batches import BATCHES, BatchRow, Kind, Status
from db.clock import instant
from db.errors import Code, Fault, Unavailable
from db.tables import batch_payloads, batches, waiting_records
from db.uploads.applying import apply_records
from db.uploads.chains import Stake
from db.uploads.deletions import apply_deletion
from db.uploads.settlements import Settlement, settle
from db.writes import Writing, in_keys

if TYPE_CHECKING:
    from db.database import Reader, Transaction

INTERNAL = "an internal error: the server's log has it"


class Work(NamedTuple):
    """What there is to do."""

    queued: bool
    due: bool
    expired: bool


class Broken(Exception):
    """A bug came up while a batch was applied; nothing of it is stored."""

    def __init__(self, batch: BatchRow) -> None:
        super().__init__(f"batch {batch.id} can't be applied")
        self.batch = batch


async def apply_next(tx: Transaction) -> str | None:
    """Apply the batch whose turn it is, and return its id; `None` if none is queued that nobody else applies."""
    found = BATCHES.rows(await tx.fetch(_next(), {}))
    if not found:
        return None
    batch = found[0]
    try:
        await _apply(tx, batch)
    except Exception as error:
        if tx.is_lost(error) or isinstance(error, Unavailable):
            raise
        raise Broken(batch) from error
    return batch.id


async def _apply(tx: Transaction, batch: BatchRow) -> None:
    w = Writing.begin(tx, SYSTEM, instant())
    keys = {"keys": [(batch.id, batch.root_id)]}
    payload = await tx.fetch(_payload(), keys)
    body = payload[0][0] if payload else "[]"
    await tx.execute(_drop_payloads(), keys)
    if batch.kind == Kind.DELETE:
        await apply_deletion(w, batch, body)
    else:
        await apply_records(w, batch, body)


async def give_up(tx: Transaction, batch_id: str, root_id: str) -> None:
    """Fail all records of a batch that can't be applied because of a bug, so that others get their turn."""
    found = BATCHES.rows(await tx.fetch(_one(), {"keys": [(batch_id, root_id)]}))
    if not found or found[0].status != Status.QUEUED:
        return
    batch = found[0]
    w = Writing.begin(tx, SYSTEM, instant())
    await tx.execute(_drop_payloads(), {"keys": [(batch.id, batch.root_id)]})
    settlement = Settlement()
    stakes = [Stake(batch.id, index) for index in range(batch.total)]
    settlement.fail(batch.root_id, stakes, None, (Fault(Code.INTERNAL, "", INTERNAL),), waited=False)
    await settle(w, settlement, started=batch)


async def has_work(reader: Reader) -> Work:
    """Look whether there is something to do, without a lock."""
    return Work(*(await reader.fetch(_work(), {"now": instant()}))[0])


@lru_cache(maxsize=1)
def _work() -> Select[Any]:
    r = waiting_records.c
    return select(  # type: ignore[return-value]  # three truth values
        exists().where(batches.c.status == "queued"),
        exists().where(r.due),
        exists().where(r.expires_at <= bindparam("now")),
    )


@lru_cache(maxsize=1)
def _next() -> Select[Any]:
    queued = select(batches).where(batches.c.status == "queued").order_by(batches.c.turn, batches.c.id)
    return queued.limit(1).with_for_update(skip_locked=True, key_share=True)


@lru_cache(maxsize=1)
def _one() -> Select[Any]:
    return select(batches).where(in_keys(batches, "keys", "id", "root_id")).with_for_update(key_share=True)


@lru_cache(maxsize=1)
def _payload() -> Select[Any]:
    return select(batch_payloads.c.body).where(in_keys(batch_payloads, "keys", "batch_id", "root_id"))


@lru_cache(maxsize=1)
def _drop_payloads() -> Delete:
    return delete(batch_payloads).where(in_keys(batch_payloads, "keys", "batch_id", "root_id"))
