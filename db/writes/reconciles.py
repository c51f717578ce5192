"""The batch create that skips or merges what exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, cast

from db.commands import OnConflict
from db.database import Retry
from db.errors import Code, Fault
from db.nouns import Noun, RowT
from db.outcomes import Outcome, Result, failed
from db.writes.conflicts import ORPHANED, already_exists, by_key, id_taken, insert, orphans
from db.writes.patches import patched, present
from db.writes.updates import store_changes

if TYPE_CHECKING:
    from db.commands import Create
    from db.nouns import UniqueKey
    from db.shapes import NewItem
    from db.writes import Writing


@dataclass
class _Slot(Generic[RowT]):
    """An object that items of a batch meet: stored before, or made by the first of them."""

    row: RowT
    stored: RowT | None
    within: bool


@dataclass(frozen=True)
class _Met(Generic[RowT]):
    """What a good item met, and what that makes of it."""

    outcome: Outcome
    slot: _Slot[RowT]


class _Slots(Generic[RowT]):
    """The objects that a batch may meet, by id and by each unique key."""

    def __init__(self, noun: Noun[RowT]) -> None:
        self._noun = noun
        self._known: dict[tuple[object, ...], _Slot[RowT]] = {}
        self._left: dict[tuple[object, ...], _Slot[RowT]] = {}

    def add(self, slot: _Slot[RowT]) -> None:
        """Note an object under its id and keys."""
        self._known["id", slot.row.id, slot.row.root_id] = slot
        for key in self._noun.unique:
            if values := key.of(slot.row):
                self._known[(key.columns, *values)] = slot

    def change(self, slot: _Slot[RowT], row: RowT) -> None:
        """Give an object its changed row; a key that it held before is free."""
        for key in self._noun.unique:
            if values := key.of(slot.row):
                self._known.pop((key.columns, *values), None)
                self._left[(key.columns, *values)] = slot
        slot.row = row
        self.add(slot)

    def left(self, slot: _Slot[RowT], row: RowT) -> UniqueKey | None:
        """Return the key that a changed row would take over from an object that leaves it in this batch.

        All changes are one statement, in which no row can take what another still holds.
        """
        for key in self._noun.unique:
            values = key.of(row)
            if values and self._left.get((key.columns, *values), slot) is not slot:
                return key
        return None

    def by_id(self, row: RowT) -> _Slot[RowT] | None:
        """Return the object with a row's id."""
        return self._known.get(("id", row.id, row.root_id))

    def by_key(self, row: RowT) -> tuple[_Slot[RowT] | None, UniqueKey]:
        """Return the object with one of a row's unique keys, and that key."""
        for key in self._noun.unique:
            if (values := key.of(row)) and (found := self._known.get((key.columns, *values))):
                return found, key
        return None, self._noun.unique[0]


async def reconcile(
    w: Writing, command: Create[RowT], prepared: list[RowT | tuple[Fault, ...]]
) -> list[Result[RowT]]:
    """Walk the items in order over what is stored and what earlier items made; then write what is new and changed."""
    noun = command.noun
    known = await _stored(w, command, prepared)
    if command.on_conflict is OnConflict.MERGE:
        await noun.before_merge(w, [row for row, _ in known])
    fates = _walk(w, command, known, prepared)
    while noun.relies_in_vain(w, [fate.slot.row for fate in fates if isinstance(fate, _Met)]):
        fates = _walk(w, command, known, prepared)
    _drop_orphans(prepared, fates)
    _require_planned_parents(prepared, fates)
    met = {id(fate.slot): fate.slot for fate in fates if isinstance(fate, _Met)}.values()
    changed = [
        (slot.stored, slot.row) for slot in met if slot.stored is not None and slot.row is not slot.stored
    ]
    made = [slot.row for slot in met if slot.stored is None]
    # Changes first: a new row may take a key that a changed one leaves.
    await store_changes(w, noun, [after for _, after in changed])
    if await insert(w, noun, made) is not None:
        raise Retry("another writer created one of the objects first")
    await noun.after_store(w, [*changed, *((None, row) for row in made)])
    return [
        Result(fate.outcome, fate.slot.row) if isinstance(fate, _Met) else failed(*fate) for fate in fates
    ]


def _walk(
    w: Writing,
    command: Create[RowT],
    known: list[tuple[RowT, bool]],
    prepared: list[RowT | tuple[Fault, ...]],
) -> list[_Met[RowT] | tuple[Fault, ...]]:
    slots = _Slots(command.noun)
    for row, within in known:
        slots.add(_Slot(row, row, within))
    return [
        row if isinstance(row, tuple) else _meet(w, command, slots, cast("NewItem", item), row)
        for item, row in zip(command.items, prepared, strict=True)
    ]


def _drop_orphans(
    prepared: list[RowT | tuple[Fault, ...]], fates: list[_Met[RowT] | tuple[Fault, ...]]
) -> None:
    """Fail the items whose parent in the batch isn't made, and those that met what such an item would have made."""
    lost = orphans(prepared, {i for i, fate in enumerate(fates) if _is_not_made(fate, prepared[i])})
    met = [fate for i in lost if isinstance(fate := fates[i], _Met)]
    gone = {id(fate.slot) for fate in met if fate.slot.stored is None}
    for index, fate in enumerate(fates):
        if index in lost or (isinstance(fate, _Met) and id(fate.slot) in gone):
            fates[index] = (ORPHANED,)


def _is_not_made(fate: _Met[RowT] | tuple[Fault, ...], prepared: RowT | tuple[Fault, ...]) -> bool:
    """Tell whether nothing has the id that was prepared: the item is faulty, or met an object with another id."""
    if isinstance(fate, tuple) or isinstance(prepared, tuple):
        return True
    return bool(fate.slot.row.id != prepared.id)


def _require_planned_parents(
    prepared: list[RowT | tuple[Fault, ...]], fates: list[_Met[RowT] | tuple[Fault, ...]]
) -> None:
    """Look again when a scope that others were planned below turned out to be stored meanwhile, at another path."""
    moved = {
        i
        for i, fate in enumerate(fates)
        if isinstance(fate, _Met)
        and not _is_not_made(fate, prepared[i])
        and getattr(fate.slot.row, "path", "") != getattr(prepared[i], "path", "")
    }
    if orphans(prepared, moved):
        raise Retry("a parent in the batch was created by somebody else")


async def _stored(
    w: Writing, command: Create[RowT], prepared: list[RowT | tuple[Fault, ...]]
) -> list[tuple[RowT, bool]]:
    """Find the stored objects that the items may meet, by id and by each unique key; a merge locks them.

    Each is given with whether it is in the caller's reach.
    """
    noun = command.noun
    locking = command.on_conflict is OnConflict.MERGE
    rows = [row for row in prepared if not isinstance(row, tuple)]
    asked: list[tuple[UniqueKey | None, set[tuple[str, ...]]]] = [
        (None, _brought(command, prepared)),
        *((key, {values for row in rows if (values := key.of(row))}) for key in noun.unique),
    ]
    known: dict[tuple[str, str], tuple[RowT, bool]] = {}
    for key, wanted in asked:
        if wanted:
            for record in await w.tx.fetch(by_key(noun, key, locking), {"keys": sorted(wanted)}):
                row = noun.row(*record[:-1])
                known.setdefault((row.id, row.root_id), (row, w.caller.reaches(record[-1])))
    return list(known.values())


def _brought(command: Create[RowT], prepared: list[RowT | tuple[Fault, ...]]) -> set[tuple[str, ...]]:
    """Return the ids, with their roots, that clients brought."""
    return {
        (row.id, row.root_id)
        for item, row in zip(command.items, prepared, strict=True)
        if not isinstance(row, tuple) and cast("NewItem", item).id is not None
    }


def _meet(
    w: Writing, command: Create[RowT], slots: _Slots[RowT], item: NewItem, row: RowT
) -> _Met[RowT] | tuple[Fault, ...]:
    """Find what one item meets, and skip it or merge the item into it."""
    noun = command.noun
    by_id = slots.by_id(row) if item.id is not None else None
    by_key_, key = slots.by_key(row)
    slot = by_id or by_key_
    if slot is None:
        made = noun.finish(w, None, row, {})
        if isinstance(made, tuple):
            return made
        if fault := noun.allow(w, None, made):
            return (fault,)
        slot = _Slot(made, None, within=True)
        slots.add(slot)
        return _Met(Outcome.CREATED, slot)
    if not slot.within:
        return (id_taken(row.id) if slot is by_id else already_exists(noun, key, row),)
    if command.on_conflict is OnConflict.SKIP:
        return _Met(Outcome.UNCHANGED, slot)
    if by_key_ is not None and by_key_ is not slot:
        return (already_exists(noun, key, row),)
    if item.id is not None and slot.row.id != row.id:
        detail = f"the {noun.title} with {key.describe(row)} has another id"
        return (Fault(Code.ALREADY_EXISTS, "/id", detail),)
    return _merge(w, noun, slots, slot, present(item))


def _merge(
    w: Writing, noun: Noun[RowT], slots: _Slots[RowT], slot: _Slot[RowT], values: dict[str, Any]
) -> _Met[RowT] | tuple[Fault, ...]:
    columns = noun.row.__struct_fields__
    values = {name: value for name, value in values.items() if name in columns}
    after = patched(w, noun, slot.row, values)
    if isinstance(after, tuple):
        return after
    if after is slot.row:
        return _Met(Outcome.UNCHANGED, slot)
    after = noun.finish(w, slot.row, after, values)
    if isinstance(after, tuple):
        return after
    if fault := noun.allow(w, slot.row, after):
        return (fault,)
    if key := slots.left(slot, after):
        return (already_exists(noun, key, after),)
    slots.change(slot, after)
    return _Met(Outcome.UPDATED, slot)
