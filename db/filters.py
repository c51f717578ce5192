"""The conditions that lists can be narrowed by."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, func

from db.clock import instant
from db.errors import Code, Refused
from db.nouns import Filter, camel

if TYPE_CHECKING:
    from sqlalchemy import Column, Table


def equals(column: Column[str], parameter: str) -> Filter:
    """Keep rows whose column is exactly the given text."""
    says = f"keep those whose {camel(column.name)} is exactly this"
    return Filter(lambda: column == bindparam(parameter), lambda text: {parameter: text}, says)


def folded(column: Column[str], parameter: str) -> Filter:
    """Keep rows whose (casefolded) column is the given text, ignoring case."""
    says = f"keep those whose {camel(column.name.removesuffix('_folded'))} is this, ignoring case"
    return Filter(lambda: column == bindparam(parameter), lambda text: {parameter: text.casefold()}, says)


def prefix(column: Column[str], parameter: str) -> Filter:
    """Keep rows whose column begins with the given text, case and all."""
    low, high = f"{parameter}_low", f"{parameter}_high"
    return Filter(
        lambda: and_(column >= bindparam(low), column < bindparam(high)),
        lambda text: {low: text, high: _behind(text)},
        f"keep those whose {camel(column.name)} begins with this, case and all",
    )


def changed_since(table: Table, parameter: str) -> Filter:
    """Keep rows created or changed at the given time (RFC 3339) or later."""
    changed = func.coalesce(table.c.updated_at, table.c.created_at)
    return Filter(
        lambda: changed >= bindparam(parameter),
        lambda text: {parameter: timestamp(text, camel(parameter))},
        "keep those created or changed at this time or later",
        form="date-time",
    )


def timestamp(text: str, name: str) -> str:
    """Return an RFC 3339 time as it is stored: UTC, whole seconds, rounded up so that `since` keeps its word."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or "T" not in text.upper():
            raise ValueError("no offset from UTC")
        seconds = -int(-moment.timestamp() // 1)
        return instant(seconds)
    except (ValueError, OverflowError) as error:
        detail = f"{name} must be a time with an offset (RFC 3339), for example 2024-01-15T10:30:00Z"
        raise Refused(Code.INVALID_VALUE, detail) from error


def _behind(text: str) -> str:
    """Return the first text behind all that begin with this one, in the order of code points (and of UTF-8 bytes)."""
    for end in range(len(text), 0, -1):
        code = ord(text[end - 1]) + 1
        if code == 0xD800:
            code = 0xE000
        if code <= 0x10FFFF:
            return text[: end - 1] + chr(code)
    return chr(0x10FFFF) * 2
