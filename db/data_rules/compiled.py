"""The definitions of types, compiled once per revision in each process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Select, select

from db.database import key_rows
from db.definitions import Definition, compile_definition
from db.tables import resource_types

if TYPE_CHECKING:
    from collections.abc import Iterable

    from db.database import Reader

MAX_KEPT = 256
LARGE_CHARACTERS = 20_000
# Of a type that demands nothing.
NO_DEMANDS = compile_definition(None, {}, external_id_field=None, display_name_path=None)

# A revision is never given twice, so what is kept here is never out of date.
_kept: OrderedDict[tuple[str, str, str], Definition] = OrderedDict()

_keys = key_rows("types", "id", "root")
_SCHEMAS: Select[Any] = select(
    resource_types.c.id,
    resource_types.c.root_id,
    resource_types.c.revision,
    resource_types.c.schema,
    resource_types.c.external_id_field,
    resource_types.c.display_name_path,
    resource_types.c.reference_targets,
).join_from(
    _keys, resource_types, (resource_types.c.id == _keys.c.id) & (resource_types.c.root_id == _keys.c.root)
)


async def definitions(
    reader: Reader, wanted: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str], Definition]:
    """Return the definitions of types, given as (id, root_id, revision), by (id, root_id)."""
    found: dict[tuple[str, str], Definition] = {}
    unknown: list[tuple[str, str]] = []
    for type_id, root_id, revision in wanted:
        kept = _kept.get((type_id, root_id, revision))
        if kept is None:
            unknown.append((type_id, root_id))
        else:
            _kept.move_to_end((type_id, root_id, revision))
            found[type_id, root_id] = kept
    return found | await _compiled(reader, sorted(unknown)) if unknown else found


async def _compiled(reader: Reader, types: list[tuple[str, str]]) -> dict[tuple[str, str], Definition]:
    found: dict[tuple[str, str], Definition] = {}
    for type_id, root_id, revision, *parts in await reader.fetch(_SCHEMAS, {"types": types}):
        schema, field, path, targets = parts
        compiling = partial(
            compile_definition,
            None if schema is None else msgspec.json.decode(schema),
            {} if targets is None else msgspec.json.decode(targets, type=dict[str, str]),
            external_id_field=field,
            display_name_path=path,
        )
        # A large schema takes up to a second, in which this process should go on answering.
        large = schema is not None and len(schema) > LARGE_CHARACTERS
        made = await asyncio.to_thread(compiling) if large else compiling()
        found[type_id, root_id] = _kept[type_id, root_id, revision] = made
    while len(_kept) > MAX_KEPT:
        _kept.popitem(last=False)
    return found
