"""Schema definitions: types, as the upload dialect names them, with the types that their schemas refer to."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import Select, bindparam, select

from db.commands import Create, Delete, Target, Update, Updating
from db.data_rules.compiled import definitions
from db.data_rules.types import targets_of
from db.outcomes import Outcome, Result, failed
from db.resource_types import RESOURCE_TYPES, ResourceTypeRow
from db.tables import resources
from db.uploads.lookups import keys_of, type_at, types_at, unknown_type
from db.uploads.singles import no_scope
from db.writes.creates import create as create_rows
from db.writes.deletes import remove as remove_rows
from db.writes.updates import update as update_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.access import Principal, Reach
    from db.commands import ChangeDefinition, CreateDefinition, RemoveDefinition
    from db.database import Reader
    from db.writes import Writing

SAMPLE = 100


class Sample(NamedTuple):
    """How stored records, the newest ones, fare under a schema that was just changed."""

    checked: int
    failing: int


class DefinitionRow(NamedTuple):
    """A stored type, and the (id, key) of each type that its schema refers to."""

    type: ResourceTypeRow
    references: list[tuple[str, str]]
    sample: Sample | None = None
    """Only of a change of what its records must be."""


async def one(reader: Reader, caller: Principal, name: str) -> DefinitionRow:
    """Return the nearest definition of a name or id that can be used where the caller acts; raises `NotFound`."""
    found = await type_at(reader, reach_of(caller), name)
    return (await _with_references(reader, [found.row]))[0]


async def usable(reader: Reader, caller: Principal) -> list[DefinitionRow]:
    """Return all definitions that can be used where the caller acts, by id."""
    return await _with_references(reader, await types_at(reader, reach_of(caller)))


async def create(w: Writing, command: CreateDefinition) -> Result[DefinitionRow]:
    """Create a definition."""
    return await _shown(w, (await create_rows(w, Create(RESOURCE_TYPES, [command.new])))[0])


async def change(w: Writing, command: ChangeDefinition) -> Result[DefinitionRow]:
    """Change a definition of a scope within reach; its stored records stay as they are."""
    before = await _own(w, command.type_name)
    updating = Updating(Target(before.id), command.change)
    result = (await update_rows(w, Update(RESOURCE_TYPES, [updating])))[0]
    after = result.row
    if after is None or (before.schema, before.external_id_field) == (after.schema, after.external_id_field):
        return await _shown(w, result)
    return await _shown(w, result, await _sampled(w.tx, after))


async def remove(w: Writing, command: RemoveDefinition) -> Result[DefinitionRow]:
    """Delete a definition of a scope within reach that nothing depends on."""
    found = await _own(w, command.type_name)
    result = (await remove_rows(w, Delete(RESOURCE_TYPES, [Target(found.id)])))[0]
    return failed(*result.faults) if result.row is None else Result(Outcome.DELETED, DefinitionRow(found, []))


def reach_of(caller: Principal) -> Reach:
    """Return the one scope that a caller acts in; raises `Refused` where there are many."""
    if caller.reach is None:
        raise no_scope()
    return caller.reach


async def _own(w: Writing, name: str) -> ResourceTypeRow:
    """Find a type that the caller may change: those of the scopes above may only be used."""
    reach = reach_of(w.caller)
    found = await type_at(w.tx, reach, name)
    if not reach.covers(found.path):
        raise unknown_type(name)
    return found.row


async def _shown(
    w: Writing, result: Result[ResourceTypeRow], sample: Sample | None = None
) -> Result[DefinitionRow]:
    if result.row is None:
        return failed(*result.faults)
    row = (await _with_references(w.tx, [result.row]))[0]
    return Result(result.outcome, row._replace(sample=sample))


async def _with_references(reader: Reader, rows: Sequence[ResourceTypeRow]) -> list[DefinitionRow]:
    """Look up what all the types that some types refer to are called."""
    keys = await keys_of(
        reader, {(target, row.root_id) for row in rows for target in targets_of(row).values()}
    )
    return [
        DefinitionRow(
            row, [(target, keys[target, row.root_id]) for target in sorted(set(targets_of(row).values()))]
        )
        for row in rows
    ]


async def _sampled(reader: Reader, row: ResourceTypeRow) -> Sample:
    """Check the newest records of a type against its schema."""
    known = await definitions(reader, [(row.id, row.root_id, row.revision)])
    definition = known[row.id, row.root_id]
    records = await reader.fetch(_newest(), {"root": row.root_id, "type": row.id, "most": SAMPLE})
    failing = sum(bool(definition.faults(msgspec.json.decode(data))) for (data,) in records)
    return Sample(len(records), failing)


@lru_cache(maxsize=1)
def _newest() -> Select[Any]:
    c = resources.c
    statement = select(c.data).where(
        c.root_id == bindparam("root"), c.resource_type_id == bindparam("type"), c.data.is_not(None)
    )
    return statement.order_by(c.id.desc()).limit(bindparam("most"))
