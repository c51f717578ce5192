"""A catalogue of a million resources, made with plain SQL: what is asked for lies evenly in it, or all at its end."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import NamedTuple

import asyncpg

from db.database import sqlite_path

RESOURCES = 1_000_000
SCOPES, TYPES = 1_001, 10
ROOT = "scope_0"
SUBTREE = ("scope_1", "p0/p1/")
# Each tag with what it is on: half of all, a tenth, one of a thousand, the last hundred.
TAGGED = ("n % 2 = 0", "n % 10 = 3", "n % 1000 = 7", "n >= {count} - 100")

_STAMPS = "created_at, created_by, revision, root_id"
_VALUES = f"'2026-01-01T00:00:00Z' as created_at, 's' as created_by, 'r' as revision, '{ROOT}' as root_id"
# Half of the scopes are below the first one, which has half of the resources itself.
_PARENT = "case when n = 0 then null when n = 1 or n > 500 then 'scope_0' else 'scope_1' end"
_PATH = (
    "case when n = 0 then 'p0/' when n = 1 or n > 500 then 'p0/p' || n || '/' else 'p0/p1/p' || n || '/' end"
)
# One resource of a hundred shares its external id, each with another pair of scope and type.
_SCOPE = (
    "'scope_' || case when n % 100 = 0 then 1 + n / 100 % 1000 when n % 2 = 0 then 1 else 2 + n / 2 % 999 end"
)
_TYPE = (
    "'resource_type_' ||"
    " case when n % 100 = 0 then n / 100000 when n / 2 % 2 = 0 then 0 else 1 + n / 4 % 9 end"
)
_EXTERNAL_ID = "case when n % 100 = 0 then 'shared' else 'x' || n end"
_NAME = "case when n < {count} / 10 * 9 then 'name ' || (n % 1000) || ' ' || n else 'late ' || n end"


class Rows(NamedTuple):
    """Rows of a table: an expression of the number `n` for each column; `{id}` is a resource's id."""

    into: str
    number: int
    values: str
    where: str = "true"


ROWS = [
    Rows(
        f"scopes (id, parent_scope_id, name, path, {_STAMPS})",
        SCOPES,
        f"'scope_' || n, {_PARENT}, 'n', {_PATH}",
    ),
    Rows(
        f"resource_types (id, scope_id, key, key_folded, name, {_STAMPS})",
        TYPES,
        f"'resource_type_' || n, '{ROOT}', 'k' || n, 'k' || n, 'n'",
    ),
    Rows(
        f"tag_groups (id, scope_id, key, name, is_locked, {_STAMPS})",
        1,
        f"'tag_group_' || n, '{ROOT}', 'k', 'n', false",
    ),
    Rows(
        f"tags (id, scope_id, tag_group_id, identifier, label, {_STAMPS})",
        len(TAGGED),
        f"'tag_' || n, '{ROOT}', 'tag_group_0', 'i' || n, 'l'",
    ),
    Rows(
        f"resources (id, resource_type_id, scope_id, external_resource_id, display_name, data, {_STAMPS})",
        RESOURCES,
        f"""{{id}}, {_TYPE}, {_SCOPE}, {_EXTERNAL_ID}, {_NAME}, '{{{{"a": 1}}}}'""",
    ),
    *(
        Rows(
            f"tag_assignments (id, tag_id, resource_id, scope_id, tag_group_id, resource_scope_id, {_STAMPS})",
            RESOURCES,
            f"'tag_assignment_{tag}_' || n, 'tag_{tag}', {{id}}, {_SCOPE}, 'tag_group_0', {_SCOPE}",
            where,
        )
        for tag, where in enumerate(TAGGED)
    ),
]


def resource_id(number: int) -> str:
    """Return the id of a resource by its number, in the order of which the ids rise."""
    return f"resource_{number:07}"


def _script(numbers: str, padded: str, count: int) -> str:
    inserts = [
        f"insert into {rows.into} select {rows.values.format(id=padded, count=count)}, {_VALUES}"  # noqa: S608 - of constants
        f" from {numbers.format(count=min(rows.number, count))} where {rows.where.format(count=count)};"
        for rows in ROWS
    ]
    return "\n".join([*inserts, "analyze;"])


def fill(url: str, *, count: int = RESOURCES) -> None:
    """Fill a migrated database, with fewer resources if so told."""
    path = sqlite_path(url)
    if path is None:
        asyncio.run(_fill_postgresql(url, count))
        return
    connection = sqlite3.connect(path)
    numbers = (
        "(with recursive g(n) as (select 0 union all select n + 1 from g where n < {count} - 1)"
        " select n from g)"
    )
    inserts = _script(numbers, "printf('resource_%07d', n)", count)
    connection.executescript(
        f"pragma synchronous = off; pragma cache_size = -262144; begin; {inserts} commit;"
    )
    connection.close()


async def _fill_postgresql(url: str, count: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("set synchronous_commit = off")
    padded = "'resource_' || lpad(n::text, 7, '0')"
    await connection.execute(_script("generate_series(0, {count} - 1) as g(n)", padded, count))
    # Else its first reader would set the hint bits of a million rows.
    await connection.execute("vacuum analyze")
    await connection.close()
