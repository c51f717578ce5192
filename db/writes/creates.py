"""The batch create of any noun."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from db.commands import NotTogether, OnConflict
from db.database import Retry
from db.errors import Code, Fault
from db.outcomes import Outcome, Result, failed
from db.writes.conflicts import (
    ORPHANED,
    already_exists,
    by_key,
    id_taken,
    insert,
    orphans,
    take_back,
)
from db.writes.reconciles import reconcile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.commands import Create
    from db.nouns import Noun, RowT, UniqueKey
    from db.shapes import Item, NewItem
    from db.writes import Writing


async def create(w: Writing, command: Create[RowT]) -> list[Result[RowT]]:
    """Create a batch and tell each item's fate; nothing is rolled back here."""
    noun, items = command.noun, command.items
    if not items:
        return []
    prepared = await noun.prepare(w, items)
    if command.on_conflict is OnConflict.ERROR:
        results = await _insert_all(w, noun, items, prepared)
        if command.joined and (w.rules.relied or w.rules.relied_types):
            raise NotTogether
    else:
        results = await reconcile(w, command, prepared)
    made = list(results)
    await noun.after_create(w, items, results)
    _share_fates(made, results)
    return results


def _share_fates(made: list[Result[RowT]], results: list[Result[RowT]]) -> None:
    """Fail the items that were folded into one that, once it was stored, turned out to be faulty."""
    gone = {
        (before.row.id, before.row.root_id): after.faults
        for before, after in zip(made, results, strict=True)
        if before.row is not None and after.faults
    }
    if not gone:
        return
    for index, result in enumerate(results):
        if result.row is not None and (faults := gone.get((result.row.id, result.row.root_id))):
            results[index] = failed(*faults)


async def _insert_all(
    w: Writing, noun: Noun[RowT], items: Sequence[Item[NewItem]], prepared: list[RowT | tuple[Fault, ...]]
) -> list[Result[RowT]]:
    """Insert what is good; what the one insert doesn't store met an object that was there first."""
    repeats = _has_repeats(noun, items, prepared)
    results = _walk(w, noun, items, prepared, repeats=repeats)
    while noun.relies_in_vain(w, [result.row for result in results if result.row is not None]):
        results = _walk(w, noun, items, prepared, repeats=repeats)
    for index in orphans(prepared, {i for i, result in enumerate(results) if result.row is None}):
        results[index] = failed(ORPHANED)
    rows = [result.row for result in results if result.row is not None]
    stored = await insert(w, noun, rows)
    if stored is not None:
        lost = [row for row in rows if (row.id, row.root_id) not in stored]
        faults = await _clashes(w, noun, lost)
        faults |= await _without_parents(w, noun, rows, faults)
        for index, result in enumerate(results):
            if result.row is not None and (result.row.id, result.row.root_id) in faults:
                results[index] = failed(faults[result.row.id, result.row.root_id])
    await noun.after_store(w, [(None, result.row) for result in results if result.row is not None])
    return results


def _walk(
    w: Writing,
    noun: Noun[RowT],
    items: Sequence[Item[NewItem]],
    prepared: list[RowT | tuple[Fault, ...]],
    *,
    repeats: bool,
) -> list[Result[RowT]]:
    results: list[Result[RowT]] = []
    taken: dict[tuple[object, ...], int] = {}
    finish, allow, created = noun.finish, noun.allow, Outcome.CREATED
    for index, row in enumerate(prepared):
        made = row if isinstance(row, tuple) else finish(w, None, row, {})
        if isinstance(made, tuple):
            results.append(failed(*made))
        elif (fault := allow(w, None, made)) or (
            repeats and (fault := _repeated(noun, items[index], made, taken, index))
        ):
            results.append(failed(fault))
        else:
            results.append(Result(created, made))
    return results


def _has_repeats(
    noun: Noun[RowT], items: Sequence[Item[NewItem]], prepared: list[RowT | tuple[Fault, ...]]
) -> bool:
    """Tell whether two items have the same id or unique key; hardly ever, so that most batches need no walk."""
    rows = [row for row in prepared if not isinstance(row, tuple)]
    brought = [item.id for item in items if not isinstance(item, tuple) and item.id is not None]
    return len(set(brought)) < len(brought) or any(_share_key(key, rows) for key in noun.unique)


def _share_key(key: UniqueKey, rows: Sequence[Any]) -> bool:
    """Tell whether two rows have the same values of a unique key."""
    # Where a single column tells them all apart, the others needn't be looked at; mostly it is the last one.
    if any(len(set(map(attrgetter(column), rows))) == len(rows) for column in reversed(key.columns)):
        return False
    values = attrgetter(*key.columns)
    claims = [values(row) for row in rows if key.applies(row)]
    return len(set(claims)) < len(claims)


def _repeated(
    noun: Noun[Any], item: Item[NewItem], row: Any, taken: dict[tuple[object, ...], int], index: int
) -> Fault | None:
    """Say which earlier item of the batch has the same id or unique key; else claim them for this one."""
    claims: list[tuple[tuple[object, ...], str]] = []
    if item.id is not None:  # type: ignore[union-attr]  # a prepared item is no tuple of faults
        claims.append((("id", row.id, row.root_id), "/id"))
    claims += [((key.columns, *values), key.pointer) for key in noun.unique if (values := key.of(row))]
    for claim, pointer in claims:
        if (first := taken.get(claim)) is not None:
            return Fault(
                Code.DUPLICATE_IN_BATCH, pointer, f"item {first} of this batch has the same {pointer[1:]}"
            )
    taken.update((claim, index) for claim, _ in claims)
    return None


async def _without_parents(
    w: Writing, noun: Noun[Any], rows: list[Any], faults: dict[tuple[str, str], Fault]
) -> dict[tuple[str, str], Fault]:
    """Take back the rows whose parent in the batch wasn't stored, nor is there now."""
    taken = {i for i, row in enumerate(rows) if _code(faults, row) is Code.ID_TAKEN}
    if orphans(rows, taken):
        raise Retry("a parent in the batch was created by somebody else")
    lost = orphans(rows, {i for i, row in enumerate(rows) if _code(faults, row)})
    keys = [(rows[i].id, rows[i].root_id) for i in lost]
    if keys:
        await w.tx.execute(take_back(noun.table), {"keys": keys})
    return dict.fromkeys(keys, ORPHANED)


def _code(faults: dict[tuple[str, str], Fault], row: Any) -> Code | None:
    fault = faults.get((row.id, row.root_id))
    return fault.code if fault else None


async def _clashes(w: Writing, noun: Noun[Any], lost: list[Any]) -> dict[tuple[str, str], Fault]:
    """Say for each row that wasn't stored which object was there first."""
    faults: dict[tuple[str, str], Fault] = {}
    ids = [(row.id, row.root_id) for row in lost]
    for record in await w.tx.fetch(by_key(noun, None, False), {"keys": ids}):
        row = noun.row(*record[:-1])
        faults[row.id, row.root_id] = id_taken(row.id)
    for key in noun.unique:
        by_values = {key.of(row): row for row in lost if (row.id, row.root_id) not in faults and key.of(row)}
        if not by_values:
            continue
        for record in await w.tx.fetch(by_key(noun, key, False), {"keys": list(by_values)}):
            row = by_values[key.of(noun.row(*record[:-1]))]
            faults[row.id, row.root_id] = already_exists(noun, key, row)
    if len(faults) < len(lost):
        raise Retry("what was in the way is gone")
    return faults
