"""How batches get on: their failures, and what their records wait for."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import Select, and_, func, select

from db.batches import BatchRow, FailureRow
from db.clock import seconds
from db.errors import Code, Fault
from db.tables import (
    batch_failures,
    batches,
    resource_types,
    waiting_records,
    waiting_stakes,
    waiting_targets,
)
from db.writes import in_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.database import Reader


class MissingTarget(NamedTuple):
    """A resource that isn't there yet."""

    type_id: str
    type_key: str
    external_id: str


class WaitingRecord(NamedTuple):
    """A record of a batch that waits, and what for."""

    id: str
    external_id: str
    type_id: str
    type_key: str
    expires_at: str
    created_at: str
    record_indexes: list[int]
    missing: list[MissingTarget]


def faults_of(failure: FailureRow) -> list[Fault]:
    """Return what was wrong with a failed record."""
    told = msgspec.json.decode(failure.faults, type=list[tuple[str, str, str]])
    return [Fault(Code(code), pointer, detail) for code, pointer, detail in told]


async def failures(reader: Reader, batch: BatchRow) -> list[FailureRow]:
    """Return the failed records of a batch whose faults are kept, in their order."""
    records = await reader.fetch(_failures(), {"keys": [(batch.id, batch.root_id)]})
    return [FailureRow(*record) for record in records]


async def failure_counts(
    reader: Reader, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, int]]:
    """Return how many records of each batch, by (id, root_id), failed for which (first) reason."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for batch_id, root_id, code, count in await reader.fetch(_counts(), {"keys": list(keys)}):
        counts.setdefault((batch_id, root_id), {})[code] = count
    return counts


async def waiting(
    reader: Reader, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[WaitingRecord]]:
    """Return the records that wait of each batch, by (id, root_id), oldest first: two statements for all."""
    found: dict[tuple[str, str], dict[str, WaitingRecord]] = {}
    of_record: dict[tuple[str, str], list[WaitingRecord]] = {}
    for batch_id, root_id, index, *parts in await reader.fetch(_waiting(), {"keys": list(keys)}):
        records = found.setdefault((batch_id, root_id), {})
        record = records.get(parts[0])
        if record is None:
            record = records[parts[0]] = _record(parts)
            of_record.setdefault((record.id, root_id), []).append(record)
        record.record_indexes.append(index)
    if of_record:
        for waiting_id, root_id, *target in await reader.fetch(_missing(), {"keys": sorted(of_record)}):
            for record in of_record[waiting_id, root_id]:
                record.missing.append(MissingTarget(*target))
    return {key: list(records.values()) for key, records in found.items()}


def _record(parts: Sequence[str]) -> WaitingRecord:
    record_id, external_id, type_id, type_key, expires_at, created_at = parts
    return WaitingRecord(record_id, external_id, type_id, type_key, expires_at, created_at, [], [])


class Queue(NamedTuple):
    """What the engine has before it."""

    records: int
    oldest_s: float
    waiting: int


async def queue(reader: Reader) -> Queue:
    """Count what is queued and what waits, whoever's it is."""
    records, oldest, waiting_count = (await reader.fetch(_queue(), {}))[0]
    return Queue(records, 0.0 if oldest is None else max(time.time() - seconds(oldest), 0.0), waiting_count)


@lru_cache(maxsize=1)
def _queue() -> Select[Any]:
    queued = batches.c.status == "queued"
    return select(
        select(func.coalesce(func.sum(batches.c.total), 0)).where(queued).scalar_subquery(),
        select(func.min(batches.c.created_at)).where(queued).scalar_subquery(),
        select(func.count()).select_from(waiting_records).scalar_subquery(),
    )


@lru_cache(maxsize=1)
def _failures() -> Select[Any]:
    table = batch_failures
    return select(table).where(in_keys(table, "keys", "batch_id", "root_id")).order_by(table.c.id)


@lru_cache(maxsize=1)
def _counts() -> Select[Any]:
    c = batch_failures.c
    statement = select(c.batch_id, c.root_id, c.code, func.count())
    return statement.where(in_keys(batch_failures, "keys", "batch_id", "root_id")).group_by(
        c.batch_id, c.root_id, c.code
    )


@lru_cache(maxsize=1)
def _waiting() -> Select[Any]:
    stakes, records, types = waiting_stakes, waiting_records, resource_types
    return (
        select(
            stakes.c.batch_id,
            stakes.c.root_id,
            stakes.c.record_index,
            records.c.id,
            records.c.external_id,
            records.c.resource_type_id,
            types.c.key,
            records.c.expires_at,
            records.c.created_at,
        )
        .join_from(
            stakes, records, and_(records.c.id == stakes.c.waiting_id, records.c.root_id == stakes.c.root_id)
        )
        .join(types, and_(types.c.id == records.c.resource_type_id, types.c.root_id == records.c.root_id))
        .where(in_keys(stakes, "keys", "batch_id", "root_id"))
        .order_by(records.c.id, stakes.c.record_index)
    )


@lru_cache(maxsize=1)
def _missing() -> Select[Any]:
    targets, types = waiting_targets, resource_types
    return (
        select(
            targets.c.waiting_id,
            targets.c.root_id,
            targets.c.target_type_id,
            types.c.key,
            targets.c.target_external_id,
        )
        .join_from(
            targets, types, and_(types.c.id == targets.c.target_type_id, types.c.root_id == targets.c.root_id)
        )
        .where(in_keys(targets, "keys", "waiting_id", "root_id"))
        .order_by(targets.c.waiting_id, targets.c.target_external_id)
    )
