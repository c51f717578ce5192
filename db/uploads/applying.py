"""Applies one accepted batch of records in the transaction that holds its row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db import references
from db.batches import BatchRow, Kind, OnStored
from db.data_rules import resources as data_rules
from db.errors import Code, Fault
from db.uploads.chains import Chain, Stake
from db.uploads.records import Place, chains_of
from db.uploads.settlements import Settlement, settle
from db.uploads.stores import apply
from db.uploads.waiting import take_stakes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.writes import Writing


async def apply_records(w: Writing, batch: BatchRow, body: str) -> None:
    """Store, park or fail every record of a batch, and say so in its row."""
    settlement = Settlement()
    place = await place_of(w, batch)
    if isinstance(place, Fault):
        stakes = [Stake(batch.id, index) for index in range(batch.total)]
        settlement.fail(batch.root_id, stakes, None, (place,), waited=False)
    else:
        chains = chains_of(place, batch.id, body, settlement)
        await apply(w, chains, wait_s=batch.wait_s)
        await tell(w, chains, settlement)
    await settle(w, settlement, started=batch)


async def place_of(w: Writing, batch: BatchRow) -> Place | Fault:
    """Lock a batch's scope and type, and learn what the type demands."""
    scopes = await references.scopes_by_id(w, [batch.scope_id])
    if not any(found.root_id == batch.root_id for found in scopes.get(batch.scope_id, ())):
        return Fault(Code.NOT_FOUND, "", "the scope was deleted")
    types = await references.resource_types_by_id(w, [batch.resource_type_id])
    found = [each for each in types.get(batch.resource_type_id, ()) if each.root_id == batch.root_id]
    if not found:
        return Fault(Code.NOT_FOUND, "", f"the schema definition {batch.type_key} was deleted")
    await data_rules.know_types(w, types)
    definition = data_rules.definition_of(w, found[0])
    if definition is None:
        return Fault(Code.MISSING_FIELD, "", "the schema definition names no externalIdField")
    return Place(
        root_id=batch.root_id,
        scope_id=batch.scope_id,
        type_id=batch.resource_type_id,
        definition=definition,
        by=batch.created_by,
        ignore_unknown=batch.ignore_unknown_fields,
        must_be_new=batch.on_conflict == OnStored.REJECT,
        must_exist=batch.kind == Kind.PATCH,
    )


async def tell(w: Writing, chains: Sequence[Chain], settlement: Settlement) -> None:
    """Gather what became of the steps, and of what waited before and is settled with them."""
    done = [chain.waiting for chain in chains if chain.waiting is not None and chain.waits_no_more]
    waited = await take_stakes(w, done)
    for chain in chains:
        root_id = chain.key.root_id
        for step in chain.steps:
            was_waiting = step is chain.waiter
            stakes = step.stakes
            if was_waiting and chain.waiting is not None:
                stakes = waited.get((chain.waiting.id, chain.waiting.root_id), [])
            if step.stored:
                settlement.succeed(root_id, stakes, waited=was_waiting)
            elif step.faults:
                settlement.fail(root_id, stakes, chain.key.external_id, step.faults, waited=was_waiting)
            elif step.parked and not was_waiting:
                settlement.park(root_id, stakes)
