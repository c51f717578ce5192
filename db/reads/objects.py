"""Objects by their ids: several for loaders, or one, together with whoever else asks for one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, select

from db.access import Principal, Reach, ReachKind
from db.database import any_of
from db.errors import Code, Conflict
from db.reads.reach import reach_parameters, within
from db.tables import scopes

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Sequence

    from db.database import Database, Reader
    from db.nouns import Noun, RowT


@lru_cache(maxsize=256)
def _by_ids(noun: Noun[Any], kind: ReachKind) -> Select[Any]:
    table = noun.table
    return within(select(table).where(any_of(table.c.id, "ids")), noun, kind, readable=True)


async def by_ids(
    reader: Reader, caller: Principal, noun: Noun[RowT], ids: Sequence[str]
) -> list[RowT | None]:
    """Return one row per id, in the order of the ids, `None` where none is readable."""
    found: dict[str, RowT] = {}
    records = await reader.fetch(_by_ids(noun, caller.kind), {**reach_parameters(caller), "ids": list(ids)})
    for row in noun.rows(records):
        row_id: str = row.id
        if row_id in found:
            raise Conflict(
                Code.AMBIGUOUS_ID, f"{row_id} exists under several roots: narrow with reach-tenant-id"
            )
        found[row_id] = row
    return [found.get(wanted) for wanted in ids]


def shared(
    database: Database, caller: Principal, noun: Noun[RowT], ids: Sequence[str]
) -> asyncio.Future[list[RowT | None]] | None:
    """Return a future of one row per id, `None` where none is readable; `None` if there is no sharing.

    Whoever asks at the same time shares the statement if their reach is the same one: what they may see is decided
    by the statement, and nothing else of a caller goes into it.
    """
    if database.joining is None:
        return None

    def fetch(ids: list[str]) -> Awaitable[list[RowT | None]]:
        return _briefly(database, caller, noun, ids)

    return database.joining.ask((noun, caller.reach), ids, fetch)


async def one(database: Database, caller: Principal, noun: Noun[RowT], wanted: str) -> RowT | None:
    """Return the row of an id, `None` where none is readable, in a session of its own, or a shared one."""
    asked = shared(database, caller, noun, [wanted])
    return (await (asked or _briefly(database, caller, noun, [wanted])))[0]


async def _briefly(
    database: Database, caller: Principal, noun: Noun[RowT], ids: list[str]
) -> list[RowT | None]:
    async with database.read(f"get_{noun.namespace}", brief=True) as reader:
        return await by_ids(reader, caller, noun, ids)


async def by_id(reader: Reader, caller: Principal, noun: Noun[RowT], wanted: str) -> RowT | None:
    """Return the row of an id, `None` where none is readable."""
    return (await by_ids(reader, caller, noun, [wanted]))[0]


async def roots(reader: Reader, *, limit: int = 2) -> list[Reach]:
    """Return the reaches of some root scopes."""
    return [Reach(row[0], row[0], row[1]) for row in await reader.fetch(_ROOTS, {"limit": limit})]


_ROOTS = (
    select(scopes.c.id, scopes.c.path)
    .where(scopes.c.parent_scope_id.is_(None))
    .order_by(scopes.c.id)
    .limit(bindparam("limit"))
)
