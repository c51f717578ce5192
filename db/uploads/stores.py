"""Writes what becomes of chains: resources, references, records that wait; a constant number of statements."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Select, select

from db.announcements import changes
from db.batches import WaitingRow
from db.data_rules.resources import fence_of, store_references, stored_targets
from db.data_rules.waiters import release
from db.database import Retry
from db.ids import Namespace, new_ids
from db.outcomes import Outcome, Result
from db.resources import RESOURCES, ResourceRow
from db.tables import waiting_records
from db.uploads.chains import Step, fail_unresolved, resolve
from db.uploads.waiting import forget, park
from db.writes import in_keys
from db.writes.conflicts import insert
from db.writes.updates import store_changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from db.data_rules.known import ResourceKey
    from db.uploads.chains import Chain
    from db.writes import Writing

_decode = msgspec.json.decode


async def apply(w: Writing, chains: Sequence[Chain], *, wait_s: int) -> None:
    """Store what can be stored, park what may wait, and leave each step with its fate.

    The types of the chains are locked, and known to `w.rules`.
    """
    wanted = _targets(chains)
    known = await stored_targets(w, wanted) if wanted else {}
    own = {
        fence_of(chain.key) for chain in chains if (chain.key.type_id, chain.key.root_id) in w.rules.targets
    }
    waited = {fence_of(key) for key in wanted - known.keys()} if wait_s else set()
    await w.tx.fence(own, waited)
    if waited:
        # What was stored before the fence was ours is seen now; what comes later sees what waits here.
        known |= await stored_targets(w, wanted - known.keys())
    await look_up(w, chains, parked_too=True)
    for chain in chains:
        chain.evaluate()
    # What the data refers to that is stored or waits already, and not the records themselves.
    rest = {chain.needs(each) for chain in chains for state in chain.states for each in state.references}
    rest -= wanted | {chain.key for chain in chains}
    if rest:
        known |= await stored_targets(w, rest)
    resolve(chains, known)
    if wait_s:
        await _fence_rest(w, chains, known, waited)
    else:
        while fail_unresolved(chains, known):
            for chain in chains:
                chain.reached = len(chain.states)
            resolve(chains, known)
    await store(w, chains, known)
    if wait_s:
        await park(w, chains, known, wait_s)


async def _fence_rest(
    w: Writing, chains: Sequence[Chain], known: dict[ResourceKey, str], held: set[str]
) -> None:
    """Fence what else turned out to be missing: targets of what waited before, and records of the batch that failed."""
    while True:
        there = {chain.key for chain in chains if chain.reached or chain.row is not None}
        lost = {
            key
            for chain in chains
            for state in chain.states[chain.reached :]
            for each in state.references
            if (key := chain.needs(each)) not in known and key not in there
        }
        rest = {fence_of(key) for key in lost} - held
        if not rest:
            return
        await w.tx.fence((), rest)
        held |= rest
        found = await stored_targets(w, lost)
        if found.keys() & {chain.key for chain in chains}:
            raise Retry("a record of the batch was stored by somebody else")
        if found:
            known |= found
            for chain in chains:
                chain.reached = len(chain.states)
            resolve(chains, known)


def _targets(chains: Iterable[Chain]) -> set[ResourceKey]:
    """Return what the steps refer to outside of their chains."""
    wanted: set[ResourceKey] = set()
    for chain in chains:
        references = chain.definition.references
        for step in chain.steps:
            step.references = references(step.patch)
            wanted.update(chain.needs(each) for each in step.references)
    return wanted - {chain.key for chain in chains}


async def look_up(w: Writing, chains: Sequence[Chain], *, parked_too: bool) -> None:
    """Find, and lock, what is stored under the chains' keys, and what waits there."""
    by_key = {chain.key: chain for chain in chains}
    for record in await w.tx.fetch(_stored(), {"keys": sorted(by_key)}):
        row = ResourceRow(*record)
        by_key[row.root_id, row.external_resource_id, row.scope_id, row.resource_type_id].row = row  # type: ignore[index]  # equal to the named tuple
    if not parked_too:
        return
    for record in await w.tx.fetch(_waiting(), {"keys": sorted(by_key)}):
        parked = WaitingRow(*record)
        chain = by_key[parked.root_id, parked.external_id, parked.scope_id, parked.resource_type_id]  # type: ignore[index]  # equal to the named tuple
        chain.waiting = parked
        chain.steps.insert(
            0, Step(_decode(parked.patch), must_be_new=parked.must_be_new, must_exist=parked.must_exist)
        )


async def store(w: Writing, chains: Sequence[Chain], known: dict[ResourceKey, str]) -> None:
    """Store the chains as far as they are reached, with what their data refers to, and release who waits for them."""
    storing = [chain for chain in chains if chain.reached]
    ids = new_ids(Namespace.RESOURCE, sum(chain.row is None for chain in storing))
    written: list[tuple[ResourceRow | None, ResourceRow]] = []
    results: list[Result[ResourceRow]] = []
    stored_ids = dict(known)
    for chain in storing:
        state = chain.states[chain.reached - 1]
        for each in chain.states[: chain.reached]:
            each.step.stored = True
        name = chain.definition.display_name(state.data)
        row = (
            _made(w, chain, next(ids), state.text, name)
            if chain.row is None
            else _changed(w, chain, state.text, name)
        )
        chain.result = row
        stored_ids[chain.key] = row.id
        if row is chain.row:
            continue
        written.append((chain.row, row))
        results.append(Result(Outcome.UPDATED if chain.row else Outcome.CREATED, row))
        w.rules.references[row.id, row.root_id] = state.references
    stored_ids |= {chain.key: chain.row.id for chain in chains if chain.row is not None}
    await store_changes(w, RESOURCES, [row for before, row in written if before is not None])
    created = [row for before, row in written if before is None]
    if await insert(w, RESOURCES, created) is not None:
        raise Retry("another writer stored one of the records first")
    await store_references(w, written, stored_ids)
    await release(
        w.tx,
        [
            chain.key
            for chain in storing
            if chain.row is None and (chain.key.type_id, chain.key.root_id) in w.rules.targets
        ],
    )
    await forget(w, [chain.waiting for chain in chains if chain.waiting is not None and chain.waits_no_more])
    w.tx.announced += changes(results)
    w.tx.executed.append((None, RESOURCES.table.name, [result.outcome for result in results]))


def _made(w: Writing, chain: Chain, resource_id: str, text: str, name: str | None) -> ResourceRow:
    key = chain.key
    return ResourceRow(
        resource_id, key.type_id, key.scope_id, key.external_id, name, text,
        w.now, chain.by, None, None, w.revision, key.root_id,
    )  # fmt: skip


def _changed(w: Writing, chain: Chain, text: str, name: str | None) -> ResourceRow:
    before = chain.row
    assert before is not None, "only what is stored changes"
    name = before.display_name if name is None else name
    if before.data == text and before.display_name == name:
        return before
    return msgspec.structs.replace(
        before, data=text, display_name=name, updated_at=w.now, updated_by=chain.by, revision=w.revision
    )


@lru_cache(maxsize=1)
def _stored() -> Select[Any]:
    table = RESOURCES.table
    statement = select(table).where(
        in_keys(table, "keys", "root_id", "external_resource_id", "scope_id", "resource_type_id")
    )
    return statement.order_by(table.c.id, table.c.root_id).with_for_update(of=table, key_share=True)


@lru_cache(maxsize=1)
def _waiting() -> Select[Any]:
    table = waiting_records
    statement = select(table).where(
        in_keys(table, "keys", "root_id", "external_id", "scope_id", "resource_type_id")
    )
    return statement.order_by(table.c.id, table.c.root_id).with_for_update(of=table)
