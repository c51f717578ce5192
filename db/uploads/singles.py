"""One record at a time, as the upload dialect writes it: merged like a batch's, and never waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from db import references
from db.access import Role
from db.batches import OnStored
from db.clock import instant
from db.data_rules import resources as data_rules
from db.data_rules import types as type_rules
from db.errors import Code, Fault, NotFound, Refused
from db.outcomes import Outcome, Result, failed
from db.uploads.applying import tell
from db.uploads.records import Place, chain_of, step_of
from db.uploads.settlements import Settlement, settle
from db.uploads.stores import apply
from db.writes import Writing

if TYPE_CHECKING:
    from db.access import Principal
    from db.data_rules.known import UsableType
    from db.database import Transaction
    from db.resources import ResourceRow


async def put(
    tx: Transaction,
    caller: Principal,
    type_name: str,
    record: dict[str, Any],
    *,
    on_stored: OnStored = OnStored.UPSERT,
    must_exist: str | None = None,
    ignore_unknown: bool = False,
) -> Result[ResourceRow]:
    """Store one record, or merge it into the stored one of its external id, in the scope that the caller acts in.

    With `must_exist`, that external id is meant, which the record needn't have, and nothing new is made.
    Raises `NotFound` for a type that isn't there, `Refused` for a reader.
    """
    caller.require(Role.WRITER)
    w = Writing.begin(tx, caller, instant())
    place = await _place(
        w, type_name, on_stored, patching=must_exist is not None, ignore_unknown=ignore_unknown
    )
    if must_exist is not None and place.field is not None:
        record = {place.field: must_exist, **record}
    external_id, step = step_of(place, record, [], suspicious=True)
    if isinstance(step, tuple):
        return failed(*step)
    assert external_id is not None, "a step has an external id"
    if must_exist is not None and external_id != must_exist:
        detail = f"{place.field} can't change: it is {must_exist!r}"
        return failed(Fault(Code.IMMUTABLE_FIELD, f"/data/{place.field}", detail))
    chain = chain_of(place, external_id)
    chain.steps.append(step)
    await apply(w, [chain], wait_s=0)
    settlement = Settlement()
    await tell(w, [chain], settlement)
    await settle(w, settlement)
    if step.faults:
        return failed(*step.faults)
    row = chain.result
    assert row is not None, "a step that has no faults is stored"
    if chain.row is None:
        return Result(Outcome.CREATED, row)
    return Result(Outcome.UNCHANGED if row is chain.row else Outcome.UPDATED, row)


async def type_in_scope(w: Writing, type_name: str) -> tuple[UsableType, str]:
    """Return a type by its name or id, and the path of the scope that the caller acts in.

    Raises `Refused` for a caller who acts in no one scope, `NotFound` for a type that the scope can't use.
    """
    if w.caller.reach is None:
        raise Refused(Code.INVALID_VALUE, "name the scope to act in with the header reach-tenant-id")
    usable = await type_rules.usable_types(w, [type_name])
    found = type_rules.nearest(usable, type_name, w.caller.reach.root_id, w.caller.reach.path)
    if found is None:
        raise NotFound(f"there is no schema definition {type_name[:256]!r}")
    return found, w.caller.reach.path


async def _place(
    w: Writing, type_name: str, on_stored: OnStored, *, patching: bool, ignore_unknown: bool
) -> Place:
    found, _ = await type_in_scope(w, type_name)
    reach = w.caller.reach
    assert reach is not None, "a type was found in a scope"
    await references.scopes_by_id(w, [reach.scope_id])
    types = await references.resource_types_by_id(w, [found.id])
    await data_rules.know_types(w, types)
    definition = w.rules.definitions.get((found.id, reach.root_id))
    if definition is None:
        raise Refused(Code.INVALID_VALUE, f"the schema definition {found.key} names no externalIdField")
    return Place(
        root_id=reach.root_id,
        scope_id=reach.scope_id,
        type_id=found.id,
        definition=definition,
        by=w.caller.subject,
        ignore_unknown=ignore_unknown,
        must_be_new=on_stored is OnStored.REJECT,
        must_exist=patching,
    )
