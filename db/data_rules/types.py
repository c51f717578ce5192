"""The rules for the schemas of types: read, what they refer to found and marked."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Delete, Select, Update, delete, or_, select, true, update

from db import references
from db.data_rules.compiled import LARGE_CHARACTERS
from db.data_rules.known import UsableType
from db.data_rules.waiters import reconsider
from db.database import any_of
from db.definitions import Reading, check_display_path, read_schema
from db.errors import Code, Fault
from db.tables import resource_types, scopes, type_references
from db.writes import in_keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from db.resource_types import ResourceTypeRow
    from db.writes import Writing


async def usable_types(w: Writing, names: Collection[str]) -> list[UsableType]:
    """Look up all types with some names: keys or ids, in any case."""
    # Ids made by the server are in lower case.
    wanted = sorted({each for name in names if "\0" not in name for each in (name, name.casefold())})
    if not wanted:
        return []
    return [UsableType(*record) for record in await w.tx.fetch(_named(), {"names": wanted})]


def nearest(usable: Iterable[UsableType], name: str, root_id: str, path: str) -> UsableType | None:
    """Return the nearest type of a name or id that can be used at a path."""
    folded = name.casefold()
    meant = [
        each
        for each in usable
        if each.root_id == root_id
        and path.startswith(each.path)
        and (each.key.casefold() == folded or each.id in {name, folded})
    ]
    return max(meant, key=lambda each: len(each.path), default=None)


async def foresee(w: Writing, schemas: Iterable[object]) -> None:
    """Look up all types that the references of some schemas may mean."""
    names: set[str] = set()
    for schema in schemas:
        if not isinstance(schema, (dict, bool)):
            continue
        # Kept by its text, so that `finish` doesn't read it again.
        text = msgspec.json.encode(schema).decode()
        large = len(text) > LARGE_CHARACTERS
        reading = await asyncio.to_thread(_read_text, text) if large else _read_text(text)
        if isinstance(reading, Reading):
            names |= reading.names
    w.rules.usable += await usable_types(w, names)


async def foresee_change(w: Writing, rows: Sequence[ResourceTypeRow], schemas: Sequence[object]) -> None:
    """Look up what changed schemas may mean, and where the types that have them are."""
    await foresee(w, schemas)
    known = await references.scopes_by_id(w, {row.scope_id for row in rows}, within_reach=False)
    w.rules.paths |= {(each.id, each.root_id): each.path for found in known.values() for each in found}


def plan(w: Writing, row: ResourceTypeRow, path: str) -> None:
    """Note a type that this write is about to make: schemas of the same write may refer to it."""
    w.rules.paths[row.scope_id, row.root_id] = path
    w.rules.usable.append(UsableType(row.id, row.root_id, row.key, path, stored=False))


def finish(
    w: Writing, before: ResourceTypeRow | None, after: ResourceTypeRow, values: Mapping[str, Any]
) -> ResourceTypeRow | tuple[Fault, ...]:
    """Check a type's schema and path, and find the types that the schema refers to."""
    del values
    faults: list[Fault] = []
    if after.display_name_path is not None and (wrong := check_display_path(after.display_name_path)):
        faults.append(Fault(Code.INVALID_VALUE, "/displayNamePath", f"displayNamePath {wrong}"))
    if before is not None and before.schema == after.schema:
        return tuple(faults) or after
    if after.schema is None:
        return tuple(faults) or msgspec.structs.replace(after, reference_targets=None)
    reading = _read_text(after.schema)
    if not isinstance(reading, Reading):
        return (*faults, *reading)
    targets: dict[str, str] = {}
    path = w.rules.paths[after.scope_id, after.root_id]
    for name in sorted(reading.names):
        found = nearest(w.rules.usable, name, after.root_id, path)
        if found is None:
            detail = f"schema: there is no resource type {name!r} that scope {after.scope_id} can use"
            faults.append(Fault(Code.UNKNOWN_REFERENCE, "/schema", detail))
        else:
            targets[name] = found.id
            if not found.stored and found.id != after.id:
                w.rules.relied_types.add((found.id, found.root_id))
    if faults:
        return tuple(faults)
    told = msgspec.json.encode(targets).decode() if targets else None
    return msgspec.structs.replace(after, reference_targets=told)


def relies_in_vain(w: Writing, made: Iterable[ResourceTypeRow]) -> bool:
    """Tell whether a schema refers to a type that this write was to make and doesn't; that one is forgotten then."""
    rules = w.rules
    if not rules.relied_types:
        return False
    vain = rules.relied_types - {(row.id, row.root_id) for row in made}
    rules.usable[:] = [each for each in rules.usable if each.stored or (each.id, each.root_id) not in vain]
    if vain:
        rules.relied_types.clear()
    return bool(vain)


async def after_store(w: Writing, stored: Sequence[tuple[ResourceTypeRow | None, ResourceTypeRow]]) -> None:
    """Write which types the stored schemas refer to, mark those types, and look at what waits with other eyes."""
    other = [
        (after.id, after.root_id)
        for before, after in stored
        if before is not None and before.schema_version != after.schema_version
    ]
    if other:
        await reconsider(w.tx, other)
    changed = [
        (before, after)
        for before, after in stored
        if (before.reference_targets if before else None) != after.reference_targets
    ]
    again = [(row.id, row.root_id) for before, row in changed if before is not None]
    if again:
        await w.tx.execute(_forget(), {"keys": again})
    rows = [
        (row.id, row.root_id, target)
        for _, row in changed
        for target in sorted(set(targets_of(row).values()))
    ]
    if not rows:
        return
    await w.tx.insert(type_references, rows)
    keys = sorted({(target, root) for _, root, target in rows})
    # Waits for those who store such resources and haven't seen the mark, and so hold no fence.
    unmarked = await w.tx.fetch(_unmarked(), {"keys": keys})
    if unmarked:
        await w.tx.execute(_mark(), {"keys": [tuple(each) for each in unmarked]})


def targets_of(row: ResourceTypeRow) -> dict[str, str]:
    """Return the ids of the types that a type's schema refers to, by the names that it has for them."""
    if row.reference_targets is None:
        return {}
    return msgspec.json.decode(row.reference_targets, type=dict[str, str])


@lru_cache(maxsize=32)
def _read_text(schema: str) -> Reading | tuple[Fault, ...]:
    return read_schema(msgspec.json.decode(schema))


@lru_cache(maxsize=1)
def _named() -> Select[Any]:
    table = resource_types
    return (
        select(table.c.id, table.c.root_id, table.c.key, scopes.c.path, table.c.external_id_field)
        .join_from(table, scopes, (scopes.c.id == table.c.scope_id) & (scopes.c.root_id == table.c.root_id))
        .where(or_(any_of(table.c.key_folded, "names"), any_of(table.c.id, "names")))
        .order_by(table.c.id, table.c.root_id)
        .with_for_update(of=table, read=True, key_share=True)
    )


@lru_cache(maxsize=1)
def _forget() -> Delete:
    return delete(type_references).where(in_keys(type_references, "keys", "resource_type_id", "root_id"))


@lru_cache(maxsize=1)
def _unmarked() -> Select[Any]:
    table = resource_types
    statement = select(table.c.id, table.c.root_id).where(
        in_keys(table, "keys", "id", "root_id"), table.c.is_target.is_(False)
    )
    return statement.order_by(table.c.id, table.c.root_id).with_for_update()


@lru_cache(maxsize=1)
def _mark() -> Update:
    return (
        update(resource_types)
        .where(in_keys(resource_types, "keys", "id", "root_id"))
        .values(is_target=true())
    )
