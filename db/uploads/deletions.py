"""Deletes stored records of one type in one scope, by external id or all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import Delete, Select, and_, bindparam, delete, null, select

from db.announcements import changes
from db.batches import BatchRow, WaitingRow
from db.database import Retry
from db.errors import Code, Fault
from db.outcomes import Outcome, Result
from db.resources import RESOURCES, ResourceRow
from db.shapes import loads
from db.storable import checked_text
from db.tables import resource_references, resources, tag_assignments, waiting_records
from db.uploads.chains import Stake
from db.uploads.settlements import Settlement, settle
from db.uploads.waiting import forget, take_stakes
from db.writes import in_keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from db.database import Reader
    from db.writes import Writing

MAX_TOLD = 1_000
NAMED_SOURCES = 20


class Asked(NamedTuple):
    """Whose records a delete is about."""

    root_id: str
    scope_id: str
    type_id: str
    everything: bool = False
    cascade: bool = False


@dataclass
class Deletion:
    """Which records would go, and which stay because others refer to them."""

    asked: list[str]
    """External ids, each once, in order."""
    going: dict[str, ResourceRow] = field(default_factory=dict)
    """By id; with `cascade` also what refers to what was asked for."""
    kept: dict[str, tuple[ResourceRow, list[str]]] = field(default_factory=dict)
    """By id, with the ids of what refers to each."""
    rows: dict[str, ResourceRow] = field(default_factory=dict)
    """By external id: what was asked for and is stored."""


async def stored(
    reader: Reader, wanted: Asked, external_ids: Sequence[str], *, locking: bool
) -> dict[str, ResourceRow]:
    """Return what is stored of some records, by external id."""
    if wanted.everything:
        records = await reader.fetch(_all(locking), _place(wanted))
    else:
        keys = [
            (wanted.root_id, each, wanted.scope_id, wanted.type_id)
            for each in sorted(filter(_can_be_stored, set(external_ids)))
        ]
        records = await reader.fetch(_named(locking), {"keys": keys})
    return {row.external_resource_id: row for row in RESOURCES.rows(records)}


async def plan(reader: Reader, wanted: Asked, external_ids: Sequence[str], *, locking: bool) -> Deletion:
    """Find what a delete would take along and leave."""
    rows = await stored(reader, wanted, external_ids, locking=locking)
    asked = list(rows) if wanted.everything else list(dict.fromkeys(external_ids))
    found = Deletion(asked, {row.id: row for row in rows.values()}, rows=rows)
    keys = {"keys": sorted((row.id, row.root_id) for row in rows.values())}
    if not rows:
        return found
    if wanted.cascade:
        found.going = {row.id: row for row in RESOURCES.rows(await reader.fetch(_cascade(), keys))}
        if locking:
            everything = sorted((row.id, row.root_id) for row in found.going.values())
            await reader.fetch(_by_ids(), {"keys": everything})
            # Whoever refers to something of this set from now on waits for our end, and fails then.
            if {record[0] for record in await reader.fetch(_cascade(), keys)} != found.going.keys():
                raise Retry("somebody referred to a record that was about to be deleted")
        return found
    sources: dict[str, list[str]] = {}
    for target, source in await reader.fetch(_sources(), keys):
        sources.setdefault(target, []).append(source)
    _keep_referenced(found, sources)
    return found


def _keep_referenced(found: Deletion, sources: dict[str, list[str]]) -> None:
    """Keep what something refers to that stays; what stays keeps what it refers to."""
    changed = True
    while changed:
        staying = {
            target: left
            for target, named in sources.items()
            if target in found.going and (left := [each for each in named if each not in found.going])
        }
        for target, left in staying.items():
            found.kept[target] = (found.going.pop(target), left)
        changed = bool(staying)


async def apply_deletion(w: Writing, batch: BatchRow, body: str) -> None:
    """Delete the records that a batch names, and say what became of each."""
    external_ids: list[str] = loads(body.encode())
    wanted = Asked(batch.root_id, batch.scope_id, batch.resource_type_id, batch.delete_all, batch.cascade)
    found = await plan(w.tx, wanted, external_ids, locking=True)
    settlement = Settlement()
    kept = {row.external_resource_id for row, _ in found.kept.values()}
    unparked = await _unpark(w, batch, wanted, settlement, (external_ids, kept))
    await erase(w, list(found.going.values()))
    total = len(external_ids) if not batch.delete_all else len(found.asked)
    batch = msgspec.structs.replace(batch, total=total)
    seen: set[str] = set()
    for index, external_id in enumerate(external_ids if not batch.delete_all else found.asked):
        stake = [Stake(batch.id, index)]
        row = found.rows.get(external_id)
        if external_id in seen:
            fault = Fault(Code.DUPLICATE_IN_BATCH, "", f"{external_id!r} stands in this batch before")
        elif row is None and external_id not in unparked:
            fault = Fault(Code.NOT_FOUND, "", f"there is no record {external_id!r}")
        elif row is not None and row.id in found.kept:
            fault = in_use(external_id, found.kept[row.id][1])
        else:
            seen.add(external_id)
            settlement.succeed(batch.root_id, stake, waited=False)
            continue
        seen.add(external_id)
        named = external_id if _can_be_stored(external_id) else None
        settlement.fail(batch.root_id, stake, named, (fault,), waited=False)
    del settlement.failures[MAX_TOLD:]
    await settle(w, settlement, started=batch)


async def _unpark(
    w: Writing,
    batch: BatchRow,
    wanted: Asked,
    settlement: Settlement,
    named_and_kept: tuple[Sequence[str], Collection[str]],
) -> set[str]:
    """Let nothing that is deleted come into being later: what waits under these ids fails in its own batch.

    What waits to be merged into a record that is kept goes on waiting.
    """
    external_ids, kept = named_and_kept
    if wanted.everything:
        records = await w.tx.fetch(_waiting_all(), _place(wanted))
    else:
        named = filter(_can_be_stored, set(external_ids))
        keys = sorted((wanted.root_id, each, wanted.scope_id, wanted.type_id) for each in named)
        records = await w.tx.fetch(_waiting_named(), {"keys": keys})
    rows = [row for record in records if (row := WaitingRow(*record)).external_id not in kept]
    stakes = await take_stakes(w, rows)
    fault = Fault(Code.CANCELLED, "", f"it was deleted by batch {batch.id} while it waited")
    for row in rows:
        settlement.fail(
            row.root_id, stakes.get((row.id, row.root_id), []), row.external_id, (fault,), waited=True
        )
    await forget(w, rows)
    return {row.external_id for row in rows}


async def erase(w: Writing, rows: Sequence[ResourceRow]) -> None:
    """Delete locked resources with what has no life of its own."""
    if not rows:
        return
    keys = {"keys": sorted((row.id, row.root_id) for row in rows)}
    await w.tx.execute(_deletion(tag_assignments, "resource_id"), keys)
    await w.tx.execute(_deletion(resource_references, "source_id"), keys)
    await w.tx.execute(_deletion(resources, "id"), keys)
    w.tx.announced += changes([Result(Outcome.DELETED, row) for row in rows])
    w.tx.executed.append((None, resources.name, [Outcome.DELETED] * len(rows)))


def in_use(external_id: str, sources: Sequence[str]) -> Fault:
    """Tell that a record stays, since others, by their ids, refer to it."""
    named = ", ".join(sources[:NAMED_SOURCES])
    more = ", …" if len(sources) > NAMED_SOURCES else ""
    return Fault(Code.IN_USE, "", f"{external_id!r} is referred to by {len(sources):,}: {named}{more}")


def _can_be_stored(external_id: str) -> bool:
    return checked_text(external_id) is None


def _place(wanted: Asked) -> dict[str, object]:
    return {"root": wanted.root_id, "scope": wanted.scope_id, "type": wanted.type_id}


def counted(rows: Iterable[ResourceRow]) -> dict[str, int]:
    """Return how many there are of each type, by its id."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.resource_type_id] = counts.get(row.resource_type_id, 0) + 1
    return counts


def _in_place(table: Any) -> Any:
    return and_(
        table.c.root_id == bindparam("root"),
        table.c.scope_id == bindparam("scope"),
        table.c.resource_type_id == bindparam("type"),
    )


@lru_cache(maxsize=2)
def _all(locking: bool) -> Select[Any]:
    # Without their data, which may be large, as there may be many.
    columns = (null().label("data") if column is resources.c.data else column for column in resources.c)
    statement = select(*columns).where(_in_place(resources)).order_by(resources.c.id)
    return statement.with_for_update(of=resources) if locking else statement


@lru_cache(maxsize=2)
def _named(locking: bool) -> Select[Any]:
    statement = select(resources).where(
        in_keys(resources, "keys", "root_id", "external_resource_id", "scope_id", "resource_type_id")
    )
    statement = statement.order_by(resources.c.id)
    return statement.with_for_update(of=resources) if locking else statement


@lru_cache(maxsize=1)
def _by_ids() -> Select[Any]:
    statement = select(resources).where(in_keys(resources, "keys", "id", "root_id")).order_by(resources.c.id)
    return statement.with_for_update(of=resources)


@lru_cache(maxsize=1)
def _waiting_all() -> Select[Any]:
    return select(waiting_records).where(_in_place(waiting_records)).with_for_update()


@lru_cache(maxsize=1)
def _waiting_named() -> Select[Any]:
    return (
        select(waiting_records)
        .where(in_keys(waiting_records, "keys", "root_id", "external_id", "scope_id", "resource_type_id"))
        .with_for_update()
    )


@lru_cache(maxsize=1)
def _sources() -> Select[Any]:
    c = resource_references.c
    return select(c.target_id, c.source_id).where(
        in_keys(resource_references, "keys", "target_id", "root_id"), c.source_id != c.target_id
    )


@lru_cache(maxsize=1)
def _cascade() -> Select[Any]:
    """Select all that refers to some resources, or to something that does."""
    refs = resource_references
    named = select(resources.c.id, resources.c.root_id).where(in_keys(resources, "keys", "id", "root_id"))
    going = named.cte("going", recursive=True)
    going = going.union(
        select(refs.c.source_id, refs.c.root_id).join_from(
            going, refs, and_(refs.c.target_id == going.c.id, refs.c.root_id == going.c.root_id)
        )
    )
    return select(resources).join_from(
        going, resources, and_(resources.c.id == going.c.id, resources.c.root_id == going.c.root_id)
    )


@lru_cache(maxsize=8)
def _deletion(table: Any, column: str) -> Delete:
    return delete(table).where(in_keys(table, "keys", column, "root_id"))
