"""Lists of what waits: a page of each batch's records, how many they are, and what each misses."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, func, select

from db import cursors
from db.batches import WaitingRow, prepare
from db.database import first_of_each, key_rows
from db.errors import Code, Refused
from db.ids import Namespace
from db.nouns import Noun
from db.reads import Page, Slice, reach_parameters, within
from db.reads.pages import sliced
from db.tables import resource_types, waiting_records, waiting_stakes, waiting_targets
from db.writes import in_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.access import Principal, ReachKind
    from db.database import Reader, Statement

Key = tuple[str, str]
"""An (id, root_id)."""

WAITING: Noun[WaitingRow] = Noun(
    namespace=Namespace.BATCH,
    title="waiting record",
    table=waiting_records,
    row=WaitingRow,
    prepare=prepare,  # type: ignore[arg-type]  # they are made by the engine alone
    unique=(),
)

_FINGERPRINT = cursors.fingerprint("waiting records")
_LONGEST_INDEX = 9


class Waiting(NamedTuple):
    """A record of a batch that waits; several may share one waiting record, into which they were merged."""

    waiting_id: str
    root_id: str
    record_index: int
    external_id: str
    expires_at: str
    created_at: str

    @property
    def id(self) -> str:
        """Its place in the list, for cursors."""
        return str(self.record_index)

    @property
    def key(self) -> Key:
        """What names the waiting record."""
        return self.waiting_id, self.root_id


class Missing(NamedTuple):
    """A resource that isn't there yet."""

    type_id: str
    type_key: str
    external_id: str


async def pages(
    reader: Reader, caller: Principal, batches: Sequence[Key], wanted: Page
) -> list[Slice[Waiting]]:
    """Return a page of each batch's waiting records, by their index: one statement for all batches."""
    parameters: dict[str, object] = {
        **reach_parameters(caller),
        **_bounds(wanted),
        "parents": list(dict.fromkeys(batches)),
        "limit": wanted.limit + 1,
    }
    found: dict[Key, list[Waiting]] = {}
    for batch_id, *parts in await reader.fetch(_pages(caller.kind, wanted.bounds), parameters):
        record = Waiting(*parts)
        found.setdefault((batch_id, record.root_id), []).append(record)
    for records in found.values():
        records.sort(key=lambda record: record.record_index, reverse=wanted.backward)
    return [sliced(found.get(batch, []), wanted, _FINGERPRINT) for batch in batches]


async def sizes(reader: Reader, caller: Principal, batches: Sequence[Key]) -> list[int]:
    """Return how many records of each batch wait."""
    parameters = {**reach_parameters(caller), "parents": list(dict.fromkeys(batches))}
    counted = await reader.fetch(_sizes(caller.kind), parameters)
    totals = {(batch_id, root_id): total for batch_id, root_id, total in counted}
    return [totals.get(batch, 0) for batch in batches]


async def missing(reader: Reader, records: Sequence[Key]) -> list[list[Missing]]:
    """Return what each waiting record misses, in the order of its external ids."""
    found: dict[Key, list[Missing]] = {}
    for waiting_id, root_id, *target in await reader.fetch(
        _missing(), {"keys": list(dict.fromkeys(records))}
    ):
        found.setdefault((waiting_id, root_id), []).append(Missing(*target))
    return [found.get(record, []) for record in records]


def _bounds(wanted: Page) -> dict[str, object]:
    """Return the indexes that the cursors stand for."""
    bounds = cursors.bounds(_FINGERPRINT, wanted.after, wanted.before)
    return {name: _index(name, str(bounds[name])) for name in ("after", "before") if name in bounds}


def _index(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_INDEX):
        raise Refused(Code.INVALID_VALUE, f"{name} is not a cursor that this server made")
    return int(text)


@lru_cache(maxsize=32)
def _pages(kind: ReachKind, bounds: tuple[bool, bool, bool]) -> Statement:
    stakes, records = waiting_stakes, waiting_records
    after, before, backward = bounds
    keys = key_rows("parents", "parent", "root")
    c = stakes.c
    children = select(stakes).where(c.root_id == keys.c.root, c.batch_id == keys.c.parent)
    if after:
        children = children.where(c.record_index > bindparam("after"))
    if before:
        children = children.where(c.record_index < bindparam("before"))
    children = children.order_by(c.record_index.desc() if backward else c.record_index)
    return first_of_each(keys, children.limit(bindparam("limit")), stakes).then(
        lambda page: within(
            select(
                page.c.parent,
                page.c.waiting_id,
                page.c.root_id,
                page.c.record_index,
                records.c.external_id,
                records.c.expires_at,
                records.c.created_at,
            ).join_from(
                page, records, and_(records.c.id == page.c.waiting_id, records.c.root_id == page.c.root_id)
            ),
            WAITING,
            kind,
            readable=True,
            led=True,
        )
    )


@lru_cache(maxsize=8)
def _sizes(kind: ReachKind) -> Select[Any]:
    stakes, records = waiting_stakes, waiting_records
    keys = key_rows("parents", "parent", "root")
    joined = keys.join(stakes, and_(stakes.c.root_id == keys.c.root, stakes.c.batch_id == keys.c.parent))
    joined = joined.join(
        records, and_(records.c.id == stakes.c.waiting_id, records.c.root_id == stakes.c.root_id)
    )
    statement = select(keys.c.parent, keys.c.root, func.count()).select_from(joined)
    statement = within(statement, WAITING, kind, readable=True, led=True)
    return statement.group_by(keys.c.parent, keys.c.root)


@lru_cache(maxsize=1)
def _missing() -> Select[Any]:
    targets, types = waiting_targets, resource_types
    return (
        select(
            targets.c.waiting_id,
            targets.c.root_id,
            targets.c.target_type_id,
            types.c.key,
            targets.c.target_external_id,
        )
        .join_from(
            targets, types, and_(types.c.id == targets.c.target_type_id, types.c.root_id == targets.c.root_id)
        )
        .where(in_keys(targets, "keys", "waiting_id", "root_id"))
        .order_by(targets.c.waiting_id, targets.c.target_external_id, types.c.key)
    )
