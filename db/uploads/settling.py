"""Settles the records whose last target has come: with all that can be stored with them, in one transaction."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Delete, Select, and_, bindparam, delete, select, tuple_

from db import references
from db.access import SYSTEM
from db.batches import WaitingRow
from db.clock import instant
from db.data_rules import resources as data_rules
from db.data_rules.compiled import NO_DEMANDS
from db.data_rules.known import ResourceKey
from db.database import key_rows
from db.errors import Code, Fault, Unavailable
from db.tables import waiting_records, waiting_targets
from db.uploads import waiting
from db.uploads.applying import tell
from db.uploads.chains import Chain, Step, missing, resolve
from db.uploads.settlements import Settlement, settle
from db.uploads.stores import look_up, store
from db.uploads.turns import INTERNAL
from db.writes import Writing, in_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.database import Transaction

MAX_DUE = 1_000
MAX_SET = 20_000


class Stuck(Exception):
    """A bug came up while some due records, by (id, root_id), were settled; nothing of it is stored."""

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__(f"{len(keys)} waiting records can't be settled")
        self.keys = keys


async def settle_due(tx: Transaction, most: int = MAX_DUE) -> int:
    """Store waiting records whose last target has come, with all that can be stored with them.

    Returns how many were looked at for good: 0 if none is due, or somebody else holds those that are.
    """
    now = instant()
    due = await tx.fetch(_due(), {"now": now, "most": most})
    # Two who settle one scope would each lock a part of the same records, and then wait for the other's part.
    scopes = {(root_id, scope_id): f"settling {root_id} {scope_id}" for _, root_id, scope_id in due}
    ours = await tx.claim_free(scopes.values()) if due else set()
    picked = [(record_id, root_id) for record_id, root_id, scope in due if scopes[root_id, scope] in ours]
    if not picked:
        return 0
    related = {tuple(each) for each in await tx.fetch(_related(), {"keys": picked, "most": MAX_SET})}
    keys = sorted(related.union(picked))
    w = Writing.begin(tx, SYSTEM, now)
    await _fence(w, keys)
    locked = [WaitingRow(*record) for record in await tx.fetch(_locked(), {"keys": keys})]
    rows = [row for row in locked if row.expires_at > now]
    try:
        done = await _settle(w, rows)
    except Exception as error:
        if tx.is_lost(error) or isinstance(error, Unavailable):
            raise
        raise Stuck(picked) from error
    if len(locked) < len(keys):
        # Somebody holds the other half of a ring, and may not see this one: both would give up.
        return len(done)
    if left := sorted(set(picked) - done):
        await waiting.mark(w, left, due=False)
    return len(picked)


async def _fence(w: Writing, keys: Sequence[tuple[str, str]]) -> None:
    """Lock the scopes and types of waiting records, and hold the fences of storing them, before the records themselves.

    Whoever stores takes them in this order: the other way round each would wait for what the other has.
    """
    places = [tuple(each) for each in await w.tx.fetch(_places(), {"keys": list(keys)})]
    # A scope's delete would else see neither what waited nor what is stored.
    await references.scopes_by_id(w, {scope_id for _, scope_id, _ in places})
    types = await references.resource_types_by_id(w, {type_id for _, _, type_id in places})
    await data_rules.know_types(w, types)
    await w.tx.fence(
        {
            data_rules.fence_of(ResourceKey(root_id, "", scope_id, type_id))
            for root_id, scope_id, type_id in places
            if (type_id, root_id) in w.rules.targets
        }
    )


async def _settle(w: Writing, rows: Sequence[WaitingRow]) -> set[tuple[str, str]]:
    """Store what can be stored of some waiting records, and return those, by (id, root_id), that need no mark."""
    chains = [_chain(w, row) for row in rows]
    await look_up(w, chains, parked_too=False)
    for chain in chains:
        chain.evaluate()
    own = {chain.key for chain in chains}
    wanted = {chain.needs(each) for chain in chains for state in chain.states for each in state.references}
    known = await data_rules.stored_targets(w, wanted - own) if wanted - own else {}
    resolve(chains, known)
    again = await _wait_on(w, chains, known)
    await store(w, chains, known)
    settlement = Settlement()
    await tell(w, chains, settlement)
    await settle(w, settlement)
    return again | {
        (chain.waiting.id, chain.waiting.root_id)
        for chain in chains
        if chain.waiting is not None and chain.waits_no_more
    }


def _chain(w: Writing, row: WaitingRow) -> Chain:
    key = ResourceKey(row.root_id, row.external_id, row.scope_id, row.resource_type_id)
    step = Step(msgspec.json.decode(row.patch), must_be_new=row.must_be_new, must_exist=row.must_exist)
    definition = w.rules.definitions.get((row.resource_type_id, row.root_id), NO_DEMANDS)
    return Chain(key, definition, row.created_by, [step], waiting=row)


async def _wait_on(
    w: Writing, chains: Sequence[Chain], known: dict[ResourceKey, str]
) -> set[tuple[str, str]]:
    """Note what records miss again, since it came and was deleted; return those to be looked at once more."""
    there = {chain.key for chain in chains if chain.reached or chain.row is not None}
    left = {
        (chain.waiting.id, chain.waiting.root_id): {
            chain.needs(each) for each in missing(chain, known, there)
        }
        for chain in chains
        if chain.waiting is not None and chain.states and not chain.reached
    }
    if not left:
        return set()
    await _strike_what_waits_already(w, chains, left)
    lost = {key for keys in left.values() for key in keys}
    if not lost:
        return set()
    await w.tx.fence((), {data_rules.fence_of(key) for key in lost})
    found = await data_rules.stored_targets(w, lost)
    await w.tx.insert(
        waiting_targets,
        [
            (waiting_id, root_id, key.scope_id, key.type_id, key.external_id)
            for (waiting_id, root_id), keys in left.items()
            for key in sorted(keys)
            if key not in found
        ],
    )
    # Once more: what they miss may have been parked meanwhile, and not have seen that it closes a ring.
    return {record for record, keys in left.items() if keys}


async def _strike_what_waits_already(
    w: Writing, chains: Sequence[Chain], left: dict[tuple[str, str], set[ResourceKey]]
) -> None:
    """Take from what records miss what they wait for already; they wait no more for what they don't refer to now."""
    asked = {
        (chain.waiting.id, chain.needs(each))
        for chain in chains
        if chain.waiting is not None
        for state in chain.states
        for each in state.references
    }
    idle: list[tuple[str, ...]] = []
    for waiting_id, root_id, *key in await w.tx.fetch(waiting.targets_of(), {"keys": sorted(left)}):
        target = ResourceKey(*key)
        left[waiting_id, root_id].discard(target)
        if (waiting_id, target) not in asked:
            idle.append((waiting_id, *target))
    if idle:
        # The schema was changed meanwhile.
        await w.tx.execute(_drop_targets(), {"idle": sorted(idle)})


async def give_up_waiting(tx: Transaction, keys: Sequence[tuple[str, str]]) -> int:
    """Fail waiting records for a bug that comes up when they are settled, so that others get on."""
    now = instant()
    locked = [WaitingRow(*record) for record in await tx.fetch(_locked(), {"keys": keys})]
    rows = [row for row in locked if row.expires_at > now]
    w = Writing.begin(tx, SYSTEM, now)
    fault = Fault(Code.INTERNAL, "", INTERNAL)
    settlement = Settlement()
    stakes = await waiting.take_stakes(w, rows)
    for row in rows:
        settlement.fail(
            row.root_id, stakes.get((row.id, row.root_id), []), row.external_id, (fault,), waited=True
        )
    await waiting.forget(w, rows)
    await settle(w, settlement)
    return len(rows)


@lru_cache(maxsize=1)
def _due() -> Select[Any]:
    c = waiting_records.c
    statement = select(c.id, c.root_id, c.scope_id).where(c.due, c.expires_at > bindparam("now"))
    return statement.order_by(c.id).limit(bindparam("most"))


@lru_cache(maxsize=1)
def _related() -> Select[Any]:
    """Select records with all that they wait for and that waits, and then all that wait for one of those."""
    r, t = waiting_records, waiting_targets
    awaited = and_(
        r.c.root_id == t.c.root_id,
        r.c.external_id == t.c.target_external_id,
        r.c.scope_id == t.c.scope_id,
        r.c.resource_type_id == t.c.target_type_id,
    )
    down = select(r.c.id, r.c.root_id).where(in_keys(r, "keys", "id", "root_id")).cte("down", recursive=True)
    down = down.union(
        select(r.c.id, r.c.root_id)
        .join_from(down, t, and_(t.c.waiting_id == down.c.id, t.c.root_id == down.c.root_id))
        .join(r, awaited)
    )
    up = select(down.c.id, down.c.root_id).cte("up", recursive=True)
    up = up.union(
        select(t.c.waiting_id, t.c.root_id)
        .join_from(up, r, and_(r.c.id == up.c.id, r.c.root_id == up.c.root_id))
        .join(t, awaited)
    )
    return select(up.c.id, up.c.root_id).limit(bindparam("most"))


@lru_cache(maxsize=1)
def _drop_targets() -> Delete:
    idle = key_rows("idle", "waiting", "root", "external_id", "scope", "type")
    c = waiting_targets.c
    return delete(waiting_targets).where(
        tuple_(c.waiting_id, c.root_id, c.target_external_id, c.scope_id, c.target_type_id).in_(
            select(idle.c.waiting, idle.c.root, idle.c.external_id, idle.c.scope, idle.c.type)
        )
    )


@lru_cache(maxsize=1)
def _places() -> Select[Any]:
    c = waiting_records.c
    statement = select(c.root_id, c.scope_id, c.resource_type_id)
    return statement.where(in_keys(waiting_records, "keys", "id", "root_id")).distinct()


@lru_cache(maxsize=1)
def _locked() -> Select[Any]:
    table = waiting_records
    statement = select(table).where(in_keys(table, "keys", "id", "root_id"))
    return statement.order_by(table.c.id, table.c.root_id).with_for_update(of=table, skip_locked=True)
