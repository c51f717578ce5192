"""The batch create of any noun."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, cast

from msgspec.structs import astuple
from sqlalchemy import Select, select

from db.commands import OnConflict
from db.database import Retry
from db.errors import Code, Fault
from db.nouns import Noun, RowT, UniqueKey
from db.outcomes import Outcome, Result, failed
from db.tables import scopes
from db.writes import in_keys
from db.writes.patches import patched, present

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.commands import Create
    from db.shapes import Item, NewItem
    from db.writes import Writing


ORPHANED = Fault(Code.UNKNOWN_REFERENCE, "/parentScopeId", "its parent is a faulty item of the same batch")


async def create(w: Writing, command: Create[RowT]) -> list[Result[RowT]]:
    """Create a batch and tell each item's fate; nothing is rolled back here."""
    noun, items = command.noun, command.items
    if not items:
        return []
    prepared = await noun.prepare(w, items)
    if command.on_conflict is OnConflict.ERROR:
        results = await _insert_all(w, noun, items, prepared)
    else:
        results = await _reconcile(w, command, prepared)
    await noun.after_create(w, items, results)
    return results


async def _insert_all(
    w: Writing, noun: Noun[RowT], items: Sequence[Item[NewItem]], prepared: list[RowT | tuple[Fault, ...]]
) -> list[Result[RowT]]:
    """Insert what is good; what the one insert doesn't store met an object that was there first."""
    results: list[Result[RowT]] = []
    taken: dict[tuple[object, ...], int] = {}
    for index, row in enumerate(prepared):
        if isinstance(row, tuple):
            results.append(failed(*row))
        elif (fault := noun.allow(w, None, row)) or (fault := _repeated(noun, items[index], row, taken, index)):
            results.append(failed(fault))
        else:
            results.append(Result(Outcome.CREATED, row))
    for index in orphans(prepared, {i for i, result in enumerate(results) if result.row is None}):
        results[index] = failed(ORPHANED)
    rows = [result.row for result in results if result.row is not None]
    stored = await _insert(w, noun, rows)
    if stored is not None:
        lost = [row for row in rows if (row.id, row.root_id) not in stored]
        if orphans(rows, {i for i, row in enumerate(rows) if (row.id, row.root_id) not in stored}):
            raise Retry("a parent in the batch was created by somebody else")
        faults = await _clashes(w, noun, lost)
        for index, result in enumerate(results):
            if result.row is not None and (result.row.id, result.row.root_id) in faults:
                results[index] = failed(faults[result.row.id, result.row.root_id])
    return results


def _repeated(
    noun: Noun[Any], item: Item[NewItem], row: Any, taken: dict[tuple[object, ...], int], index: int
) -> Fault | None:
    """Say which earlier item of the batch has the same id or unique key; else claim them for this one."""
    claims: list[tuple[tuple[object, ...], str]] = []
    if item.id is not None:  # type: ignore[union-attr]  # a prepared item is no tuple of faults
        claims.append((("id", row.id, row.root_id), "/id"))
    for key in noun.unique:
        if values := key.of(row):
            claims.append(((key.columns, *values), key.pointer))
    for claim, pointer in claims:
        if (first := taken.get(claim)) is not None:
            return Fault(Code.DUPLICATE_IN_BATCH, pointer, f"item {first} of this batch has the same {pointer[1:]}")
    taken.update((claim, index) for claim, _ in claims)
    return None


async def _insert(w: Writing, noun: Noun[Any], rows: list[Any]) -> set[tuple[str, str]] | None:
    """Insert rows in the order of their unique keys, so that concurrent batches wait for each other in one order."""
    if not rows:
        return None
    first = noun.unique[0].columns
    ordered = sorted(rows, key=lambda row: [getattr(row, column) or "" for column in first])
    return await w.tx.insert(noun.table, [astuple(row) for row in ordered])


def orphans(rows: Sequence[Any], bad: set[int]) -> set[int]:
    """Return the items, beside the bad ones, whose parent is a bad item of the same batch, or below one."""
    if not bad or not hasattr(next((row for row in rows if not isinstance(row, tuple)), None), "parent_scope_id"):
        return set()
    good = {i: row for i, row in enumerate(rows) if i not in bad and not isinstance(row, tuple)}
    lost = [rows[i].path for i in bad if not isinstance(rows[i], tuple)]
    # A path that was planned in this batch is new: what begins with it was meant to be below that item.
    prefixes = set(lost)
    return {
        i
        for i, row in good.items()
        if any(row.path[: end + 1] in prefixes for end, character in enumerate(row.path[:-1]) if character == "/")
    }


@lru_cache(maxsize=64)
def _by_key(noun: Noun[Any], key: UniqueKey | None, locking: bool) -> Select[Any]:
    """Select rows by id (no key) or by a unique key, whatever the caller's reach, with their home's path."""
    table = noun.table
    columns = key.columns if key else ("id", "root_id")
    path, joined = (table.c.path, table) if table is scopes else (None, None)
    statement = select(table)
    if path is None:
        home = scopes.alias("home")
        on = (home.c.id == table.c[noun.home_column]) & (home.c.root_id == table.c.root_id)
        statement = select(*table.c, home.c.path.label("home_path")).join_from(table, home, on)
    else:
        statement = select(*table.c, path.label("home_path")).select_from(joined)
    statement = statement.where(in_keys(table, "keys", *columns))
    if key and key.where:
        statement = statement.where(key.where(table))
    statement = statement.order_by(table.c.id, table.c.root_id)
    return statement.with_for_update(of=table, key_share=True) if locking else statement


async def _clashes(w: Writing, noun: Noun[Any], lost: list[Any]) -> dict[tuple[str, str], Fault]:
    """Say for each row that wasn't stored which object was there first."""
    faults: dict[tuple[str, str], Fault] = {}
    ids = [(row.id, row.root_id) for row in lost]
    for record in await w.tx.fetch(_by_key(noun, None, False), {"keys": ids}):
        row = noun.row(*record[:-1])
        faults[row.id, row.root_id] = _id_taken(noun, row.id)
    for key in noun.unique:
        by_values = {key.of(row): row for row in lost if (row.id, row.root_id) not in faults and key.of(row)}
        if not by_values:
            continue
        for record in await w.tx.fetch(_by_key(noun, key, False), {"keys": list(by_values)}):
            row = by_values[key.of(noun.row(*record[:-1]))]
            faults[row.id, row.root_id] = _already_exists(noun, key, row)
    if len(faults) < len(lost):
        raise Retry("what was in the way is gone")
    return faults


def _id_taken(noun: Noun[Any], taken: str) -> Fault:
    return Fault(Code.ID_TAKEN, "/id", f"the id {taken} is taken")


def _already_exists(noun: Noun[Any], key: UniqueKey, row: Any) -> Fault:
    return Fault(Code.ALREADY_EXISTS, key.pointer, f"a {noun.title} with {key.describe(row)} exists")


@dataclass
class _Slot(Generic[RowT]):
    """An object that items of a batch meet: stored before, or made by the first of them."""

    row: RowT
    stored: RowT | None
    within: bool


async def _reconcile(
    w: Writing, command: Create[RowT], prepared: list[RowT | tuple[Fault, ...]]
) -> list[Result[RowT]]:
    """Walk the items in order over what is stored and what earlier items made; then write both kinds of rows."""
    noun = command.noun
    slots = await _stored(w, command, prepared)
    fates: list[tuple[Outcome, _Slot[RowT]] | tuple[Fault, ...]] = []
    for item, row in zip(command.items, prepared, strict=True):
        if isinstance(row, tuple):
            fates.append(row)
        else:
            fates.append(_meet(w, command, slots, cast("NewItem", item), row))
    bad = {i for i, fate in enumerate(fates) if isinstance(fate[0], Fault)}
    for index in orphans(prepared, bad):
        fates[index] = (ORPHANED,)
    distinct = {id(slot): slot for fate in fates if not isinstance(fate[0], Fault) for slot in (cast("Any", fate)[1],)}
    new = [slot.row for slot in distinct.values() if slot.stored is None]
    if await _insert(w, noun, new) is not None:
        raise Retry("another writer created one of the objects first")
    changed = [slot.row for slot in distinct.values() if slot.stored is not None and slot.row is not slot.stored]
    await store_changes(w, noun, changed)
    return [
        failed(*cast("tuple[Fault, ...]", fate))
        if isinstance(fate[0], Fault)
        else Result(cast("Outcome", fate[0]), cast("_Slot[RowT]", fate[1]).row)
        for fate in fates
    ]


async def store_changes(w: Writing, noun: Noun[Any], rows: list[Any]) -> None:
    """Write what may have changed of some rows with one statement, in the order of their ids."""
    if not rows:
        return
    columns = [c.name for c in noun.table.columns if c.name in noun.mutable]
    derived = [c for c in ("schema_version",) if c in noun.row.__struct_fields__]
    names = [*columns, *derived, "updated_at", "updated_by", "revision"]
    ordered = sorted(rows, key=lambda row: (row.id, row.root_id))
    await w.tx.update(
        noun.table, names, [(row.id, row.root_id, *(getattr(row, name) for name in names)) for row in ordered]
    )


async def _stored(
    w: Writing, command: Create[RowT], prepared: list[RowT | tuple[Fault, ...]]
) -> dict[tuple[object, ...], _Slot[RowT]]:
    """Find the stored objects that the items may meet, by id and by each unique key; a merge locks them."""
    noun = command.noun
    locking = command.on_conflict is OnConflict.MERGE
    rows = [row for row in prepared if not isinstance(row, tuple)]
    brought = {
        (row.id, row.root_id)
        for item, row in zip(command.items, prepared, strict=True)
        if not isinstance(row, tuple) and cast("NewItem", item).id is not None
    }
    asked: list[tuple[UniqueKey | None, set[tuple[str, ...]]]] = [(None, brought)]
    asked += [(key, {values for row in rows if (values := key.of(row))}) for key in noun.unique]
    known: dict[tuple[str, str], _Slot[RowT]] = {}
    for key, values in asked:
        if not values:
            continue
        for record in await w.tx.fetch(_by_key(noun, key, locking), {"keys": sorted(values)}):
            row = noun.row(*record[:-1])
            known.setdefault((row.id, row.root_id), _Slot(row, row, w.caller.reaches(record[-1])))
    slots: dict[tuple[object, ...], _Slot[RowT]] = {}
    for slot in known.values():
        _remember(noun, slots, slot)
    return slots


def _remember(noun: Noun[Any], slots: dict[tuple[object, ...], _Slot[Any]], slot: _Slot[Any]) -> None:
    slots["id", slot.row.id, slot.row.root_id] = slot
    for key in noun.unique:
        if values := key.of(slot.row):
            slots[(key.columns, *values)] = slot


def _meet(
    w: Writing, command: Create[RowT], slots: dict[tuple[object, ...], _Slot[RowT]], item: NewItem, row: RowT
) -> tuple[Outcome, _Slot[RowT]] | tuple[Fault, ...]:
    """Find what one item meets, and skip it or merge the item into it."""
    noun = command.noun
    by_id = slots.get(("id", row.id, row.root_id)) if item.id is not None else None
    by_key, key = None, noun.unique[0]
    for each in noun.unique:
        values = each.of(row)
        if values and (found := slots.get((each.columns, *values))):
            by_key, key = found, each
            break
    slot = by_id or by_key
    if slot is None:
        if fault := noun.allow(w, None, row):
            return (fault,)
        slot = _Slot(row, None, True)
        _remember(noun, slots, slot)
        return (Outcome.CREATED, slot)
    if not slot.within:
        return (_id_taken(noun, row.id),) if slot is by_id else (_already_exists(noun, key, row),)
    if command.on_conflict is OnConflict.SKIP:
        return (Outcome.UNCHANGED, slot)
    if by_key is not None and by_key is not (by_id or by_key):
        return (Fault(Code.ALREADY_EXISTS, key.pointer, f"another {noun.title} with {key.describe(row)} exists"),)
    if item.id is not None and slot.row.id != row.id:
        return (Fault(Code.ALREADY_EXISTS, "/id", f"the {noun.title} with {key.describe(row)} has another id"),)
    return _merge(w, noun, slots, slot, present(item))


def _merge(
    w: Writing, noun: Noun[RowT], slots: dict[tuple[object, ...], _Slot[RowT]], slot: _Slot[RowT], values: dict[str, Any]
) -> tuple[Outcome, _Slot[RowT]] | tuple[Fault, ...]:
    after = patched(w, noun, slot.row, {name: value for name, value in values.items() if name in noun.row.__struct_fields__})
    if isinstance(after, tuple):
        return after
    if after is slot.row:
        return (Outcome.UNCHANGED, slot)
    if fault := noun.allow(w, slot.row, after):
        return (fault,)
    for key in noun.unique:
        values_now = key.of(after)
        if values_now and slots.get((key.columns, *values_now), slot) is not slot:
            return (_already_exists(noun, key, after),)
    slot.row = after
    _remember(noun, slots, slot)
    return (Outcome.UPDATED, slot)

