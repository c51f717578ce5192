"""One record at a time, as the upload dialect writes it: merged like a batch's, and never waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from db import references
from db.data_rules import resources as data_rules
from db.data_rules import types as type_rules
from db.errors import Code, Fault, NotFound, Refused
from db.outcomes import Outcome, Result, failed
from db.uploads.applying import tell
from db.uploads.deletions import Asked, erase, in_use, plan
from db.uploads.records import Place, chain_of, step_of
from db.uploads.settlements import Settlement, settle
from db.uploads.stores import apply

if TYPE_CHECKING:
    from db.commands import PutRecord, RemoveRecord
    from db.data_rules.known import UsableType
    from db.resources import ResourceRow
    from db.writes import Writing


class Record(NamedTuple):
    """A stored record, and the key of its type."""

    row: ResourceRow
    type_key: str


async def put(w: Writing, command: PutRecord) -> Result[Record]:
    """Store one record, or merge it into the stored one of its external id, in the scope that the caller acts in.

    With an external id that one is meant, which the record needn't have, and nothing new is made.
    Raises `NotFound` for a type that isn't there.
    """
    place, type_key = await _place(w, command)
    meant, record = command.external_id, dict(command.record)
    if meant is not None and place.field is not None:
        record = {place.field: meant, **record}
    external_id, step = step_of(place, record, [], suspicious=True)
    if isinstance(step, tuple):
        return failed(*step)
    assert external_id is not None, "a step has an external id"
    if meant is not None and external_id != meant:
        detail = f"{place.field} can't change: it is {meant!r}"
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
        return Result(Outcome.CREATED, Record(row, type_key))
    return Result(Outcome.UNCHANGED if row is chain.row else Outcome.UPDATED, Record(row, type_key))


async def remove(w: Writing, command: RemoveRecord) -> Result[Record]:
    """Delete one record by its external id, unless something refers to it.

    Raises `NotFound` for a type that isn't there.
    """
    found = await type_in_scope(w, command.type_name)
    reach = w.caller.reach
    assert reach is not None, "a type was found in a scope"
    asked = Asked(reach.root_id, reach.scope_id, found.id)
    planned = await plan(w.tx, asked, [command.external_id], locking=True)
    row = planned.rows.get(command.external_id)
    if row is None:
        return failed(Fault(Code.NOT_FOUND, "", f"there is no record {command.external_id!r}"))
    if row.id in planned.kept:
        return failed(in_use(command.external_id, planned.kept[row.id][1]))
    await erase(w, [row])
    return Result(Outcome.DELETED, Record(row, found.key))


async def type_in_scope(w: Writing, type_name: str) -> UsableType:
    """Return a type by its name or id that the scope can use which the caller acts in.

    Raises `Refused` for a caller who acts in no one scope, `NotFound` for a type that the scope can't use.
    """
    reach = w.caller.reach
    if reach is None:
        raise no_scope()
    usable = await type_rules.usable_types(w, [type_name])
    found = type_rules.nearest(usable, type_name, reach.root_id, reach.path)
    if found is None:
        raise NotFound(f"there is no schema definition {type_name[:256]!r}")
    return found


def no_scope() -> Refused:
    """Tell a caller who reaches every root that this dialect acts in one scope."""
    return Refused(Code.INVALID_VALUE, "name the scope to act in with the header reach-tenant-id")


async def _place(w: Writing, command: PutRecord) -> tuple[Place, str]:
    found = await type_in_scope(w, command.type_name)
    reach = w.caller.reach
    assert reach is not None, "a type was found in a scope"
    await references.scopes_by_id(w, [reach.scope_id])
    types = await references.resource_types_by_id(w, [found.id])
    await data_rules.know_types(w, types)
    definition = w.rules.definitions.get((found.id, reach.root_id))
    if definition is None or definition.external_id_field is None:
        raise Refused(Code.INVALID_VALUE, f"the schema definition {found.key} names no externalIdField")
    place = Place(
        root_id=reach.root_id,
        scope_id=reach.scope_id,
        type_id=found.id,
        definition=definition,
        by=w.caller.subject,
        ignore_unknown=command.ignore_unknown,
        must_be_new=command.must_be_new,
        must_exist=command.external_id is not None,
    )
    return place, found.key
