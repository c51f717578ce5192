"""Records that wait: parked with the moment at which they expire, settled with the batches that they are from."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Delete, Select, delete, false, select, true, tuple_, update

from db.announcements import QueueMoved
from db.batches import WaitingRow
from db.clock import instant, seconds
from db.data_rules.waiters import waits_for_keys
from db.database import Retry, key_rows
from db.ids import Namespace, new_ids
from db.tables import waiting_records, waiting_stakes, waiting_targets
from db.uploads.chains import Chain, Stake, missing
from db.writes import in_keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Update

    from db.data_rules.known import ResourceKey
    from db.writes import Writing


async def park(w: Writing, chains: Sequence[Chain], stored: Collection[ResourceKey], wait_s: int) -> None:
    """Let what couldn't be stored wait, merged into what waits already; it has taken that over then.

    The exclusive fences of all that is missing are held.
    """
    there = {chain.key for chain in chains if chain.reached or chain.row is not None}
    parking = [chain for chain in chains if _left(chain)]
    if not parking:
        return
    expires_at = instant(seconds(w.now) + wait_s)
    ids = new_ids(Namespace.RESOURCE, len(parking))
    records: list[WaitingRow] = []
    stakes: list[tuple[str, str, str, int]] = []
    targets: list[tuple[str, str, str, str, str]] = []
    for chain in parking:
        row = _record(w, chain, next(ids), expires_at)
        records.append(row)
        for step in _left(chain):
            step.parked = True
            stakes += [(row.id, row.root_id, *stake) for stake in step.stakes]
        lacking = {chain.needs(each) for each in missing(chain, stored, there)}
        targets += [
            (row.id, row.root_id, key.scope_id, key.type_id, key.external_id) for key in sorted(lacking)
        ]
    taken_over = [
        chain.waiting for chain in parking if chain.waiting is not None and chain.waiter in _left(chain)
    ]
    if taken_over:
        keys = [(row.id, row.root_id) for row in taken_over]
        await w.tx.execute(_delete(waiting_targets, "waiting_id"), {"keys": keys})
        await w.tx.execute(_delete(waiting_records, "id"), {"keys": keys})
        # The stakes of what is taken over follow it.
        new_id = {(row.root_id, *_key(row)): row.id for row in records}
        moved = [(old.id, old.root_id, new_id[(old.root_id, *_key(old))]) for old in taken_over]
        await move_stakes(w, moved)
    # In one order, so that two batches over the same records wait for each other and don't deadlock.
    records.sort(key=lambda row: row.external_id)
    if await w.tx.insert(waiting_records, [msgspec.structs.astuple(row) for row in records]) is not None:
        raise Retry("another writer parked one of the records first")
    await w.tx.insert(waiting_targets, targets)
    if stakes:
        await w.tx.insert(waiting_stakes, stakes)
    await _look_for_cycles(w, parking, records, targets)


def _left(chain: Chain) -> list[Any]:
    """Return the steps that couldn't be stored, if any of them is new."""
    left = [state.step for state in chain.states[chain.reached :]]
    return left if any(step is not chain.waiter for step in left) else []


def _key(row: WaitingRow) -> tuple[str, str, str]:
    return row.scope_id, row.resource_type_id, row.external_id


def _record(w: Writing, chain: Chain, record_id: str, expires_at: str) -> WaitingRow:
    left = _left(chain)
    patch: dict[str, Any] = {}
    for step in left:
        patch |= step.patch
    key = chain.key
    return WaitingRow(
        record_id, key.root_id, key.scope_id, key.type_id, key.external_id,
        msgspec.json.encode(patch).decode(),
        left[0].must_be_new and not chain.reached, all(step.must_exist for step in left),
        expires_at, w.now, chain.by, False,
    )  # fmt: skip


async def move_stakes(w: Writing, moved: Sequence[tuple[str, str, str]]) -> None:
    """Give the stakes of some records, each (id, root_id, id of another), to others."""
    renamed = {(old, root): new for old, root, new in moved}
    records = await w.tx.fetch(stakes_of(), {"keys": sorted(renamed)})
    await w.tx.execute(_delete(waiting_stakes, "waiting_id"), {"keys": sorted(renamed)})
    if records:
        await w.tx.insert(
            waiting_stakes, [(renamed[old, root], root, batch, index) for old, root, batch, index in records]
        )


async def _look_for_cycles(
    w: Writing,
    chains: Sequence[Chain],
    records: Sequence[WaitingRow],
    targets: Sequence[tuple[str, str, str, str, str]],
) -> None:
    """Mark what is parked as due if it may close a ring: it is waited for, and all that it waits for waits too."""
    keys = sorted(chain.key for chain in chains)
    awaited = {tuple(each) for each in await w.tx.fetch(_awaited(), {"keys": keys})}
    if not awaited:
        return
    wanted = sorted({(root, external, scope, type_) for _, root, scope, type_, external in targets})
    waiting = {tuple(each) for each in await w.tx.fetch(_waiting_keys(), {"keys": wanted})}
    open_ones = {
        (record, root)
        for record, root, scope, type_, ext in targets
        if (root, ext, scope, type_) not in waiting
    }
    due = [
        (row.id, row.root_id)
        for row in records
        if (row.root_id, row.external_id, row.scope_id, row.resource_type_id) in awaited
        and (row.id, row.root_id) not in open_ones
    ]
    if due:
        await mark(w, due, due=True)
        w.tx.announced.append(QueueMoved(due=True))


async def mark(w: Writing, keys: Sequence[tuple[str, str]], *, due: bool) -> None:
    """Say of waiting records, by (id, root_id), whether the engine must look at them."""
    await w.tx.execute(_marking(due), {"keys": list(keys)})


async def forget(w: Writing, rows: Sequence[WaitingRow]) -> None:
    """Delete records that wait no more, with what they waited for; their stakes are settled by the caller."""
    if not rows:
        return
    keys = sorted((row.id, row.root_id) for row in rows)
    await w.tx.execute(_delete(waiting_targets, "waiting_id"), {"keys": keys})
    await w.tx.execute(_delete(waiting_records, "id"), {"keys": keys})


async def take_stakes(w: Writing, rows: Iterable[WaitingRow]) -> dict[tuple[str, str], list[Stake]]:
    """Remove and return the stakes of records, by (id, root_id)."""
    keys = sorted((row.id, row.root_id) for row in rows)
    if not keys:
        return {}
    found: dict[tuple[str, str], list[Stake]] = {}
    for record, root, batch, index in await w.tx.fetch(stakes_of(), {"keys": keys}):
        found.setdefault((record, root), []).append(Stake(batch, index))
    await w.tx.execute(_delete(waiting_stakes, "waiting_id"), {"keys": keys})
    return found


@lru_cache(maxsize=1)
def stakes_of() -> Select[Any]:
    """Select the stakes of some records."""
    table = waiting_stakes
    return select(table.c.waiting_id, table.c.root_id, table.c.batch_id, table.c.record_index).where(
        in_keys(table, "keys", "waiting_id", "root_id")
    )


@lru_cache(maxsize=1)
def targets_of() -> Select[Any]:
    """Select what some records wait for."""
    c = waiting_targets.c
    return select(
        c.waiting_id,
        c.root_id,
        c.root_id.label("target_root"),
        c.target_external_id,
        c.scope_id,
        c.target_type_id,
    ).where(in_keys(waiting_targets, "keys", "waiting_id", "root_id"))


@lru_cache(maxsize=8)
def _delete(table: Any, column: str) -> Delete:
    return delete(table).where(in_keys(table, "keys", column, "root_id"))


@lru_cache(maxsize=2)
def _marking(due: bool) -> Update:
    table = waiting_records
    return update(table).where(in_keys(table, "keys", "id", "root_id")).values(due=true() if due else false())


@lru_cache(maxsize=1)
def _awaited() -> Select[Any]:
    c = waiting_targets.c
    return (
        select(c.root_id, c.target_external_id, c.scope_id, c.target_type_id)
        .where(waits_for_keys())
        .distinct()
    )


@lru_cache(maxsize=1)
def _waiting_keys() -> Select[Any]:
    keys = key_rows("keys", "root", "external_id", "scope", "type")
    c = waiting_records.c
    return select(c.root_id, c.external_id, c.scope_id, c.resource_type_id).where(
        tuple_(c.root_id, c.external_id, c.scope_id, c.resource_type_id).in_(
            select(keys.c.root, keys.c.external_id, keys.c.scope, keys.c.type)
        )
    )
