"""Reads of the upload dialect: a type by its name or id, a record by its external id."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Select, bindparam, or_, select

from db.database import any_of
from db.errors import NotFound
from db.resource_types import RESOURCE_TYPES, ResourceTypeRow
from db.tables import resource_types, scopes
from db.uploads.deletions import Asked, stored
from db.writes import in_keys

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from db.access import Reach
    from db.database import Reader
    from db.resources import ResourceRow


class TypeFound(NamedTuple):
    """A type that a scope can use, and the path of the scope that it is of."""

    row: ResourceTypeRow
    path: str


async def type_at(reader: Reader, reach: Reach, name: str) -> TypeFound:
    """Return the nearest type of a key, in any case, or an id that a scope can use; raises `NotFound`."""
    folded = name.casefold()
    names = [] if "\0" in name else sorted({name, folded})
    # Asked even without a name that could be stored: what is missing costs what is foreign.
    found = _found(await reader.fetch(_named(), {**_usable_at(reach), "names": names}))
    meant = [each for each in found if each.row.key_folded == folded or each.row.id in {name, folded}]
    if not meant:
        raise unknown_type(name)
    return max(meant, key=lambda each: len(each.path))


async def types_at(reader: Reader, reach: Reach) -> list[ResourceTypeRow]:
    """Return all types that a scope can use, by id; where two have one key, the nearest is the one that it means."""
    return [each.row for each in _found(await reader.fetch(_all(), _usable_at(reach)))]


async def record_at(reader: Reader, reach: Reach, type_id: str, external_id: str) -> ResourceRow | None:
    """Return the record of an external id in exactly one scope, `None` if there is none."""
    asked = Asked(reach.root_id, reach.scope_id, type_id)
    return (await stored(reader, asked, [external_id], locking=False)).get(external_id)


async def keys_of(reader: Reader, types: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the keys of types by their (id, root_id)."""
    if not types:
        return {}
    records = await reader.fetch(_keys(), {"keys": sorted(types)})
    return {(type_id, root_id): key for type_id, root_id, key in records}


def unknown_type(name: str) -> NotFound:
    """Tell that a scope can use no type of a name."""
    return NotFound(f"there is no schema definition {name[:256]!r}")


def _found(records: Sequence[Sequence[Any]]) -> list[TypeFound]:
    return [TypeFound(ResourceTypeRow(*parts), path) for path, *parts in records]


def _usable_at(reach: Reach) -> dict[str, object]:
    return {"root": reach.root_id, "paths": [*reach.above, reach.path]}


@lru_cache(maxsize=1)
def _all() -> Select[Any]:
    table = RESOURCE_TYPES.table
    home = (scopes.c.id == table.c.scope_id) & (scopes.c.root_id == table.c.root_id)
    return (
        select(scopes.c.path, table)
        .join_from(table, scopes, home)
        .where(table.c.root_id == bindparam("root"), any_of(scopes.c.path, "paths"))
        .order_by(table.c.id)
    )


@lru_cache(maxsize=1)
def _named() -> Select[Any]:
    c = resource_types.c
    return _all().where(or_(any_of(c.key_folded, "names"), any_of(c.id, "names")))


@lru_cache(maxsize=1)
def _keys() -> Select[Any]:
    c = resource_types.c
    return select(c.id, c.root_id, c.key).where(in_keys(resource_types, "keys", "id", "root_id"))
