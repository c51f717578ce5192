"""The rules for data at the doors that can't wait: a missing target is a fault."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Delete, Select, delete, select

from db.data_rules.compiled import definitions
from db.data_rules.known import ResourceKey
from db.data_rules.waiters import release
from db.database import Retry, key_rows
from db.definitions import external_id_of
from db.errors import Code, Fault
from db.tables import resource_references, resources
from db.writes import in_keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from db.definitions import Definition, ReferenceFound
    from db.references import Found, Known
    from db.resources import ResourceRow
    from db.writes import Writing

LONGEST_PATH_IN_ID = 256

_decode = msgspec.json.decode


async def know_types(w: Writing, types: Known) -> None:
    """Find the definitions of types that were looked up, of those that have something to demand."""
    ruled: list[tuple[str, str, str]] = []
    for found in types.values():
        for each in found:
            revision, schema_version, external_id_field, display_name_path, is_target = each.facts
            if is_target:
                w.rules.targets.add((each.id, each.root_id))
            if schema_version is not None or external_id_field or display_name_path:
                ruled.append((each.id, each.root_id, revision))
    if ruled:
        w.rules.definitions |= await definitions(w.tx, ruled)


def definition_of(w: Writing, type_: Found) -> Definition | None:
    """Return what a type demands, `None` if nothing."""
    return w.rules.definitions.get((type_.id, type_.root_id))


async def foresee(w: Writing, rows: Iterable[tuple[ResourceRow, Any]], *, creating: bool) -> None:
    """Look up all that the new data of rows refers to, and what is stored with rows that change.

    What is created is fenced from who waits for it.
    """
    rules = w.rules
    if not rules.definitions and not rules.targets:
        return
    wanted: set[ResourceKey] = set()
    fences: set[str] = set()
    for row, data in rows:
        type_key = (row.resource_type_id, row.root_id)
        if creating:
            key = key_of(row)
            rules.planned.setdefault(key, row.id)
            if type_key in rules.targets:
                fences.add(fence_of(key))
        definition = rules.definitions.get(type_key)
        if definition is None:
            continue
        if data is not None:
            wanted.update(_target(row, each) for each in definition.references(data))
        if not creating:
            wanted.update(_stored_references(row, definition))
    await w.tx.fence(fences)
    if wanted:
        rules.stored |= await stored_targets(w, wanted)


def _stored_references(row: ResourceRow, definition: Definition) -> Iterable[ResourceKey]:
    if row.data is None:
        return ()
    return (_target(row, each) for each in definition.references(_decode(row.data)))


async def before_merge(w: Writing, rows: Iterable[ResourceRow]) -> None:
    """Look up what the data refers to that items of a create may be merged into."""
    if not w.rules.definitions:
        return
    wanted = {
        key
        for row in rows
        if (definition := w.rules.definitions.get((row.resource_type_id, row.root_id))) is not None
        for key in _stored_references(row, definition)
    } - w.rules.stored.keys()
    if wanted:
        w.rules.stored |= await stored_targets(w, wanted)


def finish(
    w: Writing, before: ResourceRow | None, after: ResourceRow, values: Mapping[str, Any]
) -> ResourceRow | tuple[Fault, ...]:
    """Check a row's data against its type, and name it after its data unless a name is given."""
    definition = w.rules.definitions.get((after.resource_type_id, after.root_id))
    if definition is None or (before is not None and "data" not in values):
        return after
    key = (after.id, after.root_id)
    if after.data is None:
        w.rules.references[key] = []
        return after
    data = _decode(after.data)
    faults = [*definition.faults(data), *other_id(definition, after.external_resource_id, data)]
    found = definition.references(data)
    for each in found:
        target = _target(after, each)
        if target in w.rules.stored:
            continue
        if target in w.rules.planned:
            w.rules.relied.add(target)
        else:
            faults.append(missing_target(each))
    if faults:
        return tuple(faults)
    w.rules.references[key] = found
    given = values.get("display_name") if before is not None else after.display_name
    if given is None and (name := definition.display_name(data)) is not None:
        return msgspec.structs.replace(after, display_name=name)
    return after


def relies_in_vain(w: Writing, made: Iterable[ResourceRow]) -> bool:
    """Tell whether data refers to a resource that this write was to make and doesn't; that one is forgotten then."""
    rules = w.rules
    if not rules.relied:
        return False
    vain = rules.relied - {key_of(row) for row in made}
    for key in vain:
        del rules.planned[key]
    if vain:
        rules.relied.clear()
    return bool(vain)


async def after_store(w: Writing, stored: Sequence[tuple[ResourceRow | None, ResourceRow]]) -> None:
    """Write what the stored data refers to, and release the records that waited for what is new."""
    rules = w.rules
    created = [after for before, after in stored if before is None]
    if rules.targets:
        await release(
            w.tx, [key_of(row) for row in created if (row.resource_type_id, row.root_id) in rules.targets]
        )
    if not rules.references:
        return
    made = {key_of(row): row.id for row in created}
    if rules.relied - made.keys() - rules.stored.keys():
        raise Retry("a resource of the batch was created by somebody else")
    await store_references(w, stored, {**made, **rules.stored})


async def store_references(
    w: Writing,
    stored: Sequence[tuple[ResourceRow | None, ResourceRow]],
    ids: Mapping[ResourceKey, str],
) -> None:
    """Replace the references of rows whose data was checked, the ids of whose targets are given."""
    found = w.rules.references
    again = [
        (row.id, row.root_id)
        for before, row in stored
        if before is not None and (row.id, row.root_id) in found
    ]
    if again:
        await w.tx.execute(_forget(), {"keys": again})
    rows = [
        (
            _reference_id(row.id, each.pointer),
            row.root_id,
            row.id,
            each.pointer,
            each.target_type_id,
            each.external_id,
            ids[_target(row, each)],
            row.scope_id,
        )
        for _, row in stored
        for each in found.get((row.id, row.root_id), ())
    ]
    if rows:
        await w.tx.insert(resource_references, rows)


def key_of(row: ResourceRow) -> ResourceKey:
    """Return what names a resource beside its id."""
    return ResourceKey(row.root_id, row.external_resource_id, row.scope_id, row.resource_type_id)


def fence_of(key: ResourceKey) -> str:
    """Return the name of the lock between who stores resources of a type in a scope and who waits for one."""
    return f"targets {key.root_id} {key.scope_id} {key.type_id}"


def missing_target(found: ReferenceFound) -> Fault:
    """Tell that nothing is stored that a value refers to."""
    name = found.pointer.removeprefix("/") or "data"
    detail = f"{name}: there is no resource {found.external_id!r} of type {found.target_type_id} here"
    return Fault(Code.UNKNOWN_REFERENCE, f"/data{found.pointer}", detail)


async def stored_targets(w: Writing, wanted: Collection[ResourceKey]) -> dict[ResourceKey, str]:
    """Return the ids of the stored ones of some resources, which can't be deleted before this write has ended."""
    records = await w.tx.fetch(_targets(), {"keys": sorted(wanted)})
    return {ResourceKey(*key): found_id for found_id, *key in records}


@lru_cache(maxsize=1)
def _targets() -> Select[Any]:
    keys = key_rows("keys", "root", "external_id", "scope", "type")
    table = resources
    return (
        select(
            table.c.id,
            table.c.root_id,
            table.c.external_resource_id,
            table.c.scope_id,
            table.c.resource_type_id,
        )
        .join_from(
            keys,
            table,
            (table.c.root_id == keys.c.root)
            & (table.c.external_resource_id == keys.c.external_id)
            & (table.c.scope_id == keys.c.scope)
            & (table.c.resource_type_id == keys.c.type),
        )
        .order_by(table.c.id, table.c.root_id)
        .with_for_update(of=table, read=True, key_share=True)
    )


@lru_cache(maxsize=1)
def _forget() -> Delete:
    return delete(resource_references).where(in_keys(resource_references, "keys", "source_id", "root_id"))


def _target(row: ResourceRow, found: ReferenceFound) -> ResourceKey:
    return ResourceKey(row.root_id, found.external_id, row.scope_id, found.target_type_id)


def other_id(definition: Definition, external_id: str, data: object) -> Iterable[Fault]:
    """Tell that data has another external id than its resource."""
    field = definition.external_id_field
    if field is None or not isinstance(data, dict) or data.get(field) is None:
        return
    found = external_id_of(data, field)
    if isinstance(found, Fault):
        yield found
    elif found != external_id:
        detail = f"{field} must be the externalResourceId, which is {external_id!r}"
        yield Fault(Code.INVALID_VALUE, f"/data/{field}", detail)


def _reference_id(source_id: str, pointer: str) -> str:
    """Return a reference's id: its source's and where it stands there, in what an index takes."""
    return source_id + (pointer if len(pointer) <= LONGEST_PATH_IN_ID else _digest(pointer))


def _digest(pointer: str) -> str:
    return "#" + hashlib.blake2b(pointer.encode(), digest_size=16).hexdigest()
