"""The batch update of any noun."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from sqlalchemy import Select, select

from db.commands import ANY_REVISION
from db.errors import Code, Fault
from db.outcomes import Outcome, Result, failed
from db.writes import in_keys, lock
from db.writes.patches import given, patched, replaced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from db.commands import Target, Update, Updating
    from db.nouns import Noun, RowT, UniqueKey
    from db.shapes import Change
    from db.writes import Writing

_Held: TypeAlias = dict[tuple[object, ...], tuple[str, str]]
"""The (id, root_id) that holds a unique key, by the key's columns and values."""


def find(noun: Noun[Any], target: Target, rows: Mapping[str, Sequence[Any]]) -> Any | Fault:
    """Return the row a target means, or why it can't be changed: missing, ambiguous, or at another revision."""
    named = rows.get(target.id, ())
    if not named:
        return Fault(Code.NOT_FOUND, "/id", f"no {noun.title} {target.id}")
    if len(named) > 1:
        return Fault(
            Code.AMBIGUOUS_ID, "/id", f"{target.id} exists under several roots: narrow with reach-tenant-id"
        )
    row = named[0]
    if target.if_match is None:
        if target.must_match:
            return Fault(
                Code.PRECONDITION_REQUIRED, "", "this takes an If-Match header with the current ETag"
            )
        return row
    if ANY_REVISION not in target.if_match and row.revision not in target.if_match:
        return Fault(
            Code.PRECONDITION_FAILED, "", f"{target.id} has changed: its revision is not the one given"
        )
    return row


async def update(w: Writing, command: Update[RowT]) -> list[Result[RowT]]:
    """Change a batch of objects in the order of the items, and tell each one's fate."""
    noun = command.noun
    before = await lock(w, noun, [item.target.id for item in command.items])
    wanted = [
        (item.target.id, _wanted(noun, item.change, replace=item.replace))
        for item in command.items
        if not isinstance(item.change, tuple)
    ]
    await noun.before_change(w, [row for rows in before.values() for row in rows], wanted)
    held = await _held(w, noun, command.items, before)
    now: dict[str, list[Any]] = {each: list(rows) for each, rows in before.items()}
    results = [_step(w, noun, item, now, held) for item in command.items]
    final: dict[tuple[str, str], Any] = {}
    for result in results:
        if result.outcome is Outcome.UPDATED and result.row is not None:
            final[result.row.id, result.row.root_id] = result.row
    await store_changes(w, noun, list(final.values()))
    stored = {(row.id, row.root_id): row for rows in before.values() for row in rows}
    await noun.after_store(w, [(stored[key], row) for key, row in final.items()])
    return results


def _step(
    w: Writing, noun: Noun[RowT], item: Updating, rows: dict[str, list[Any]], held: _Held
) -> Result[RowT]:
    row = find(noun, item.target, rows)
    if isinstance(row, Fault):
        return failed(row)
    if isinstance(item.change, tuple):
        return failed(*item.change)
    wanted = _wanted(noun, item.change, replace=item.replace)
    after = patched(w, noun, row, wanted, deep=not item.replace)
    if isinstance(after, tuple):
        return failed(*after)
    if after is row:
        return Result(Outcome.UNCHANGED, row)
    after = noun.finish(w, row, after, wanted)
    if isinstance(after, tuple):
        return failed(*after)
    if (fault := noun.allow(w, row, after)) or (fault := _clash(noun, after, held)):
        return failed(fault)
    rows[row.id] = [after]
    return Result(Outcome.UPDATED, after)


@lru_cache(maxsize=16)
def _holders(noun: Noun[Any], key: UniqueKey) -> Select[Any]:
    table = noun.table
    statement = select(table).where(in_keys(table, "keys", *key.columns))
    return statement.where(key.where(table)) if key.where else statement


async def _held(
    w: Writing, noun: Noun[RowT], items: Sequence[Updating], rows: Mapping[str, Sequence[RowT]]
) -> _Held:
    """Find who holds the unique keys that items ask for; the database refuses who comes in between."""
    held: _Held = {}
    for key in noun.unique:
        if noun.mutable.isdisjoint(key.columns):
            continue
        asked = {
            values
            for item in items
            if not isinstance(item.change, tuple)
            for row in rows.get(item.target.id, ())
            if (values := _asked(noun, key, row, _wanted(noun, item.change, replace=item.replace)))
        }
        if asked:
            for record in await w.tx.fetch(_holders(noun, key), {"keys": sorted(asked)}):
                row = noun.row(*record)
                held[(key.columns, *(key.of(row) or ()))] = (row.id, row.root_id)
    return held


def _asked(noun: Noun[RowT], key: UniqueKey, row: RowT, values: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the unique key that a change gives a row, `None` if it gives none."""
    changed = {
        column: values[column] for column in key.columns if column in values and column in noun.mutable
    }
    return key.of(msgspec.structs.replace(row, **changed)) if changed else None


def _clash(noun: Noun[RowT], after: RowT, held: _Held) -> Fault | None:
    """Object to a unique key that another object holds, or held before this batch; else claim it."""
    keys = [key for key in noun.unique if not noun.mutable.isdisjoint(key.columns)]
    claims = {(key.columns, *values): key for key in keys if (values := key.of(after))}
    own = (after.id, after.root_id)
    for claim, key in claims.items():
        if held.get(claim, own) != own:
            return Fault(
                Code.ALREADY_EXISTS, key.pointer, f"a {noun.title} with {key.describe(after)} exists"
            )
    held.update(dict.fromkeys(claims, own))
    return None


def _wanted(noun: Noun[Any], change: Change, *, replace: bool) -> dict[str, Any]:
    """Return the columns that a change sets."""
    return replaced(noun, given(change)) if replace else given(change)


async def store_changes(w: Writing, noun: Noun[Any], rows: list[Any]) -> None:
    """Write what may have changed of some rows with one statement, in the order of their ids."""
    if not rows:
        return
    columns = [column.name for column in noun.table.columns if column.name in noun.mutable | noun.derived]
    names = [*columns, "updated_at", "updated_by", "revision"]
    ordered = sorted(rows, key=lambda row: (row.id, row.root_id))
    await w.tx.update(
        noun.table, names, [(row.id, row.root_id, *(getattr(row, name) for name in names)) for row in ordered]
    )
