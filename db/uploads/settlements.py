"""Tells batches what became of their records: counts, failures, status."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Select, select

from db.announcements import BatchMoved
from db.batches import BATCHES, BatchRow, Status
from db.tables import batch_failures
from db.writes import in_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.errors import Fault
    from db.uploads.chains import Stake
    from db.writes import Writing

_COLUMNS = (
    "status", "total", "succeeded", "failed", "waiting", "started_at", "completed_at",
    "updated_at", "updated_by", "revision",
)  # fmt: skip


@dataclass
class Settlement:
    """What became of records, gathered over one transaction."""

    root_of: dict[str, str] = field(default_factory=dict)
    succeeded: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    """By batch id; less than nothing for records that wait no more."""
    failures: list[tuple[Stake, str | None, tuple[Fault, ...]]] = field(default_factory=list)

    def succeed(self, root_id: str, stakes: Sequence[Stake], *, waited: bool) -> None:
        """Count records that were stored."""
        for stake in stakes:
            self._note(root_id, stake, waited)
            self.succeeded[stake.batch_id] += 1

    def fail(
        self,
        root_id: str,
        stakes: Sequence[Stake],
        external_id: str | None,
        faults: tuple[Fault, ...],
        *,
        waited: bool,
    ) -> None:
        """Count records that came to nothing, and keep why."""
        for stake in stakes:
            self._note(root_id, stake, waited)
            self.failed[stake.batch_id] += 1
            self.failures.append((stake, external_id, faults))

    def park(self, root_id: str, stakes: Sequence[Stake]) -> None:
        """Count records that wait from now on."""
        for stake in stakes:
            self.root_of[stake.batch_id] = root_id
            self.waiting[stake.batch_id] += 1

    def _note(self, root_id: str, stake: Stake, waited: bool) -> None:
        self.root_of[stake.batch_id] = root_id
        if waited:
            self.waiting[stake.batch_id] -= 1


async def settle(
    w: Writing, settlement: Settlement, *, started: BatchRow | None = None
) -> dict[tuple[str, str], BatchRow]:
    """Write what was gathered, and return the batches concerned, by (id, root_id).

    `started` is a batch that this transaction applies.
    """
    keys = sorted(settlement.root_of.items())
    if not keys and started is None:
        return {}
    rows = BATCHES.rows(await w.tx.fetch(_locked(), {"keys": keys})) if keys else []
    if started is not None:
        # It is locked already, and its total may have come to be known only now.
        rows = [row for row in rows if (row.id, row.root_id) != (started.id, started.root_id)]
        rows.append(started)
    scopes = {row.id: row.scope_id for row in rows}
    if settlement.failures:
        await w.tx.insert(
            batch_failures,
            [
                _failure(
                    stake, settlement.root_of[stake.batch_id], scopes[stake.batch_id], external_id, faults
                )
                for stake, external_id, faults in settlement.failures
                if stake.batch_id in scopes
            ],
        )
    after = [
        _counted(w, row, settlement, is_started=started is not None and row.id == started.id) for row in rows
    ]
    await w.tx.update(
        BATCHES.table,
        _COLUMNS,
        [(row.id, row.root_id, *(getattr(row, name) for name in _COLUMNS)) for row in after],
    )
    w.tx.announced += [BatchMoved(row.root_id, row.scope_id, row.id) for row in after]
    return {(row.id, row.root_id): row for row in after}


def _counted(w: Writing, row: BatchRow, settlement: Settlement, *, is_started: bool) -> BatchRow:
    succeeded = row.succeeded + settlement.succeeded[row.id]
    failed = row.failed + settlement.failed[row.id]
    waiting = row.waiting + settlement.waiting[row.id]
    status = outcome_of(row, succeeded=succeeded, failed=failed, waiting=waiting)
    return msgspec.structs.replace(
        row,
        status=status,
        succeeded=succeeded,
        failed=failed,
        waiting=waiting,
        started_at=w.now if is_started else row.started_at,
        completed_at=w.now if status.is_terminal else None,
        updated_at=w.now,
        updated_by="system",
        revision=w.revision,
    )


def outcome_of(row: BatchRow, *, succeeded: int, failed: int, waiting: int) -> Status:
    """Return the status of a batch all of whose records were seen."""
    if row.status == Status.CANCELLED:
        return Status.CANCELLED
    if waiting:
        return Status.PENDING
    if not failed:
        return Status.SUCCESS
    return Status.PARTIAL_SUCCESS if succeeded else Status.FAILED


def _failure(
    stake: Stake, root_id: str, scope_id: str, external_id: str | None, faults: tuple[Fault, ...]
) -> tuple[Any, ...]:
    told = msgspec.json.encode([(fault.code, fault.pointer, fault.detail) for fault in faults]).decode()
    return (
        f"{stake.batch_id}:{stake.record_index:09d}", root_id, stake.batch_id, scope_id,
        stake.record_index, external_id, str(faults[0].code), told,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _locked() -> Select[Any]:
    table = BATCHES.table
    statement = select(table).where(in_keys(table, "keys", "id", "root_id"))
    return statement.order_by(table.c.id, table.c.root_id).with_for_update(of=table, key_share=True)
