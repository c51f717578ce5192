"""The conditions that lists can be narrowed by."""

from __future__ import annotations

from datetime import datetime
from operator import ge, lt
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, exists, func, select

from db.clock import instant
from db.database import any_of
from db.errors import Code, Refused
from db.nouns import Filter, Links, camel
from db.tables import NAME_START_CHARACTERS, name_start, resources, tag_assignments

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Table


def equals(column: Column[str], parameter: str, *, scattered: bool = False) -> Filter:
    """Keep rows whose column is exactly the given text; these are few if they are scattered over the ids."""
    says = f"keep those whose {camel(column.name)} is exactly this"
    return Filter(
        lambda: column == bindparam(parameter),
        lambda text: {parameter: text},
        says,
        leads=scattered,
        scattered=scattered,
    )


def folded(column: Column[str], parameter: str) -> Filter:
    """Keep rows whose (casefolded) column is the given text, ignoring case."""
    says = f"keep those whose {camel(column.name.removesuffix('_folded'))} is this, ignoring case"
    return Filter(lambda: column == bindparam(parameter), lambda text: {parameter: text.casefold()}, says)


def name_prefix(table: Table, parameter: str) -> Filter:
    """Keep rows whose name begins with the given text, case and all, by the index of the names' beginnings."""
    start, name = name_start(table), table.c.display_name
    bounds = [f"{parameter}_{bound}" for bound in ("start_low", "start_high", "low", "high")]

    def clause() -> ColumnElement[bool]:
        bound: list[Any] = [bindparam(name) for name in bounds]
        return and_(start >= bound[0], start < bound[1], name >= bound[2], name < bound[3])

    def bind(text: str) -> dict[str, object]:
        beginning = text[:NAME_START_CHARACTERS]
        return dict(zip(bounds, (beginning, _behind(beginning), text, _behind(text)), strict=True))

    says = "keep those whose displayName begins with this, case and all"
    return Filter(clause, bind, says, leads=True, scattered=True)


def tighten(parameters: dict[str, Any], *, descending: bool) -> None:
    """Let a search by prefix, in the order of names, end at the cursors: SQLite goes by one bound on either side."""
    low, high = "display_name_start_low", "display_name_start_high"
    above, below = ("before_start", "after_start") if descending else ("after_start", "before_start")
    if low in parameters:
        parameters[low] = max(parameters[low], parameters.get(above, ""))
        if below in parameters:
            # The first text behind it that can be stored.
            parameters[high] = min(parameters[high], parameters[below] + "\1")


def contains(column: Column[str], parameter: str) -> Filter:
    """Keep rows whose column has the given text somewhere in it, case and all."""
    return Filter(
        lambda: func.replace(column, bindparam(parameter), "") != column,
        lambda text: {parameter: text},
        f"keep those whose {camel(column.name)} has this somewhere in it",
    )


def changed_since(table: Table, parameter: str) -> Filter:
    """Keep rows created or changed at the given time (RFC 3339) or later."""
    return _when(_changed(table), ge, parameter, "keep those created or changed at this time or later")


def changed_before(table: Table, parameter: str) -> Filter:
    """Keep rows neither created nor changed at the given time (RFC 3339) or later."""
    return _when(_changed(table), lt, parameter, "keep those last changed, or created, before this time")


def created_since(table: Table, parameter: str) -> Filter:
    """Keep rows created at the given time (RFC 3339) or later."""
    return _when(table.c.created_at, ge, parameter, "keep those created at this time or later")


def created_before(table: Table, parameter: str) -> Filter:
    """Keep rows created before the given time (RFC 3339)."""
    return _when(table.c.created_at, lt, parameter, "keep those created before this time")


def _changed(table: Table) -> ColumnElement[str]:
    return func.coalesce(table.c.updated_at, table.c.created_at)


def _when(column: ColumnElement[str], compare: Any, parameter: str, says: str) -> Filter:
    return Filter(
        lambda: compare(column, bindparam(parameter)),
        lambda text: {parameter: timestamp(text, camel(parameter))},
        says,
        form="date-time",
    )


def tagged(parameter: str) -> Filter:
    """Keep resources that carry the given tag: its assignments hold their ids in order, so a page reads only a page."""
    link = tag_assignments
    return Filter(
        lambda: link.c.tag_id == bindparam(parameter),
        lambda tag: {parameter: tag},
        "keep those that carry this tag",
        link=link.c.resource_id,
        leads=True,
    )


def tagged_with_any(parameter: str) -> Filter:
    """Keep resources that carry at least one of the given tags: a page reads only a page of each tag's."""
    keys = f"{parameter}_keys"
    return Filter(
        lambda: exists().where(*_assigned(parameter)),
        lambda tags: {parameter: list(tags), keys: [(tag,) for tag in dict.fromkeys(tags)]},
        "keep those that carry at least one of these tags",
        links=Links(tag_assignments.alias(parameter), "tag_id", "resource_id", keys),
        leads=True,
    )


def tagged_with_all(parameter: str) -> Filter:
    """Keep resources that carry every one of the given tags."""
    number = f"{parameter}_number"
    count = select(func.count()).where(*_assigned(parameter)).scalar_subquery()
    return Filter(
        lambda: count == bindparam(number),
        lambda tags: {parameter: sorted(set(tags)), number: len(set(tags))},
        "keep those that carry every one of these tags",
    )


def tagged_with_none(parameter: str) -> Filter:
    """Keep resources that carry none of the given tags."""
    return Filter(
        lambda: ~exists().where(*_assigned(parameter)),
        lambda tags: {parameter: list(tags)},
        "keep those that carry none of these tags",
    )


def _assigned(parameter: str) -> list[ColumnElement[bool]]:
    link = tag_assignments.alias(parameter)
    return [
        link.c.root_id == resources.c.root_id,
        link.c.resource_id == resources.c.id,
        any_of(link.c.tag_id, parameter),
    ]


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
    # Nothing that is stored and filtered by its beginning is that long.
    return chr(0x10FFFF) * 1_001
