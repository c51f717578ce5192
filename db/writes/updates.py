"""The batch update of any noun."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

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
    from db.writes import Writing


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
    await noun.before_change(w, [row for rows in before.values() for row in rows])
    now: dict[str, list[Any]] = {each: list(rows) for each, rows in before.items()}
    results = [_step(w, noun, item, now) for item in command.items]
    await _refuse_clashes(w, noun, command.items, results)
    final: dict[tuple[str, str], Any] = {}
    for result in results:
        if result.outcome is Outcome.UPDATED and result.row is not None:
            final[result.row.id, result.row.root_id] = result.row
    await store_changes(w, noun, list(final.values()))
    return results


def _step(w: Writing, noun: Noun[RowT], item: Updating, rows: dict[str, list[Any]]) -> Result[RowT]:
    row = find(noun, item.target, rows)
    if isinstance(row, Fault):
        return failed(row)
    if isinstance(item.change, tuple):
        return failed(*item.change)
    values = given(item.change)
    if item.replace:
        values = replaced(noun, values)
    after = patched(w, noun, row, values, deep=not item.replace)
    if isinstance(after, tuple):
        return failed(*after)
    if after is row:
        return Result(Outcome.UNCHANGED, row)
    if fault := noun.allow(w, row, after):
        return failed(fault)
    rows[row.id] = [after]
    return Result(Outcome.UPDATED, after)


@lru_cache(maxsize=16)
def _holders(noun: Noun[Any], key: UniqueKey) -> Select[Any]:
    table = noun.table
    statement = select(table).where(in_keys(table, "keys", *key.columns))
    return statement.where(key.where(table)) if key.where else statement


async def _refuse_clashes(
    w: Writing, noun: Noun[RowT], items: Sequence[Updating], results: list[Result[RowT]]
) -> None:
    """Refuse changes to a unique key that another object holds; the database refuses who comes in between."""
    for key in noun.unique:
        if noun.mutable.isdisjoint(key.columns):
            continue
        wanted = {
            values: i
            for i, result in reversed(list(enumerate(results)))
            if result.outcome is Outcome.UPDATED and (values := key.of(result.row))
        }
        if not wanted:
            continue
        held: dict[tuple[str, ...], str] = {}
        for record in await w.tx.fetch(_holders(noun, key), {"keys": sorted(wanted)}):
            row = noun.row(*record)
            held[_values(key, row)] = row.id
        for i, result in enumerate(results):
            values = key.of(result.row) if result.outcome is Outcome.UPDATED else None
            if values is None:
                continue
            if held.setdefault(values, items[i].target.id) != items[i].target.id:
                detail = f"a {noun.title} with {key.describe(result.row)} exists"
                results[i] = failed(Fault(Code.ALREADY_EXISTS, key.pointer, detail))


def _values(key: UniqueKey, row: object) -> tuple[str, ...]:
    values = key.of(row)
    assert values is not None, "the row was found by this key"
    return values


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
