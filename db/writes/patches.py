"""What a change makes of a row: JSON merge patch (RFC 7396) over columns, deep where a noun says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from db.errors import Code, Fault
from db.nouns import Noun, RowT, camel
from db.shapes import encode_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.shapes import Change, NewItem
    from db.writes import Writing


def merge_patch(target: object, patch: object) -> object:
    """Apply a merge patch to a JSON value (RFC 7396 section 2)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def given(item: Change) -> dict[str, Any]:
    """Return the columns that a change names."""
    values = {name: getattr(item, name) for name in item.__struct_fields__}
    return {name: value for name, value in values.items() if value is not UNSET}


def present(item: NewItem) -> dict[str, Any]:
    """Return the columns that a new item names: in a create null means absent."""
    values = {name: getattr(item, name) for name in item.__struct_fields__ if name != "id"}
    return {name: value for name, value in values.items() if value is not None}


def replaced(noun: Noun[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Fill up a change so that it sets all that may change."""
    return {**dict.fromkeys(noun.mutable), **values}


def patched(
    w: Writing, noun: Noun[RowT], row: RowT, values: Mapping[str, Any], *, deep: bool = True
) -> RowT | tuple[Fault, ...]:
    """Return the row with the columns changed, the very same row if nothing is, or what is wrong with the change."""
    faults: list[Fault] = []
    changed: dict[str, Any] = {}
    for column, value in values.items():
        if column in noun.json:
            value = _json_text(noun, column, getattr(row, column), value, deep=deep)
        elif value is None:
            value = noun.cleared.get(column)
        if isinstance(value, Fault):
            faults.append(value)
        elif column in noun.mutable and value is None and column in noun.required:
            faults.append(Fault(Code.MISSING_FIELD, f"/{camel(column)}", f"{camel(column)} is required"))
        elif value == getattr(row, column):
            continue
        elif column in noun.mutable:
            changed[column] = value
        else:
            detail = f"{camel(column)} can't change: it is {getattr(row, column)!r}"
            faults.append(Fault(Code.IMMUTABLE_FIELD, f"/{camel(column)}", detail))
    if faults:
        return tuple(faults)
    if not changed:
        return row
    changed |= {"updated_at": w.now, "updated_by": w.caller.subject, "revision": w.revision}
    return noun.settle(row, msgspec.structs.replace(row, **changed))


def _json_text(
    noun: Noun[Any], column: str, stored: str | None, value: Any, *, deep: bool
) -> str | Fault | None:
    if value is None:
        return None
    before = msgspec.json.decode(stored) if stored is not None else None
    if deep and column in noun.merged:
        value = merge_patch(before, value)
    if stored is not None and value == before and msgspec.json.encode(value) == msgspec.json.encode(before):
        return stored
    return encode_json(value, camel(column), noun.json[column])
