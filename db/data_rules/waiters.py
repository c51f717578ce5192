"""Releases the records that wait for what is stored: the engine looks at them again."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Delete, Select, Update, delete, select, true, tuple_, update

from db.announcements import QueueMoved
from db.database import key_rows
from db.tables import waiting_records, waiting_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

    from db.data_rules.known import ResourceKey
    from db.database import Transaction


async def release(tx: Transaction, stored: Sequence[ResourceKey]) -> None:
    """Strike stored resources from what records wait for, and mark those records as due.

    Whoever stores holds the shared fence of its type, and whoever parks the exclusive one: so either this look sees
    the parked record, or that one's look saw what is stored here.
    """
    if not stored:
        return
    keys = sorted(stored)
    found = await tx.fetch(_waiting_for(), {"keys": keys})
    if not found:
        return
    await tx.execute(_strike(), {"keys": keys})
    await tx.execute(_due(), {"waiting": sorted({(waiting_id, root) for waiting_id, root in found})})
    tx.announced.append(QueueMoved(due=True))


async def reconsider(tx: Transaction, types: Sequence[tuple[str, str]]) -> None:
    """Mark the waiting records of types, by (id, root_id), as due: another schema may want something else of them."""
    if await tx.execute(_due_of_types(), {"types": sorted(types)}):
        tx.announced.append(QueueMoved(due=True))


def waits_for_keys() -> Any:
    """Hold for what is waited for and stands in the parameter `keys`."""
    keys = key_rows("keys", "root", "external_id", "scope", "type")
    c = waiting_targets.c
    return tuple_(c.root_id, c.target_external_id, c.scope_id, c.target_type_id).in_(
        select(keys.c.root, keys.c.external_id, keys.c.scope, keys.c.type)
    )


@lru_cache(maxsize=1)
def _waiting_for() -> Select[Any]:
    return select(waiting_targets.c.waiting_id, waiting_targets.c.root_id).where(waits_for_keys())


@lru_cache(maxsize=1)
def _strike() -> Delete:
    return delete(waiting_targets).where(waits_for_keys())


@lru_cache(maxsize=1)
def _due() -> Update:
    waiting = key_rows("waiting", "id", "root")
    c = waiting_records.c
    return _marking(tuple_(c.id, c.root_id).in_(select(waiting.c.id, waiting.c.root)))


@lru_cache(maxsize=1)
def _due_of_types() -> Update:
    types = key_rows("types", "id", "root")
    c = waiting_records.c
    return _marking(tuple_(c.resource_type_id, c.root_id).in_(select(types.c.id, types.c.root)))


def _marking(which: ColumnElement[bool]) -> Update:
    table = waiting_records
    # Locked in one order, so that two who mark the same records don't wait for each other.
    locked = (
        select(table.c.id, table.c.root_id)
        .where(which)
        .order_by(table.c.id, table.c.root_id)
        .with_for_update()
    )
    return update(table).where(tuple_(table.c.id, table.c.root_id).in_(locked)).values(due=true())
