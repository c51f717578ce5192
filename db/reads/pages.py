"""Pages: which part of a list is wanted, in which order, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any, Generic

import msgspec
from sqlalchemy import Select, and_, bindparam, func, tuple_

from db import cursors
from db.database import unordered
from db.nouns import RowT
from db.tables import name_start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Table

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000


@dataclass(frozen=True)
class Page:
    """Which part of a list: the first `limit` objects behind `after`, or (backward) the last ones before `before`."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None
    before: str | None = None
    backward: bool = False

    @property
    def bounds(self) -> tuple[bool, bool, bool]:
        """Whether there is an `after`, a `before`, and `backward`: what the text of a statement depends on."""
        return self.after is not None, self.before is not None, self.backward


@dataclass(frozen=True)
class Order:
    """What a list is ordered by, before the id that makes it total; columns that may be null as if empty.

    Of two columns the second stands in for the first where that is null: `updated_at`, else `created_at`.
    """

    columns: tuple[str, ...] = ()
    descending: bool = False

    def expression(self, table: Table) -> ColumnElement[Any]:
        """Return what is ordered by, in SQL."""
        columns = [table.c[name] for name in self.columns]
        parts = [*columns, ""] if columns[-1].nullable else columns
        # SQLite's coalesce takes two values at least.
        return func.coalesce(*parts) if len(parts) > 1 else columns[0]

    def keys(self, table: Table) -> list[tuple[str, ColumnElement[Any]]]:
        """Return what is ordered by before the id, each with the suffix of the cursor's parameter."""
        if not self.columns:
            return []
        key = [("_value", self.expression(table))]
        # A name's index has only its beginning, after which little is left to sort.
        return [("_start", name_start(table)), *key] if self.columns == ("display_name",) else key

    def value(self, row: Any) -> str:
        """Return what a row is ordered by."""
        return next((value for name in self.columns if (value := getattr(row, name)) is not None), "")


BY_ID = Order()


class Slice(msgspec.Struct, Generic[RowT], frozen=True, eq=False, gc=False):
    """A page of rows, in the list's order, and whether the list goes on at either side of it."""

    rows: list[RowT]
    has_next: bool = False
    has_previous: bool = False
    fingerprint: str = ""
    order: Order = BY_ID
    hides_root: bool = True
    """Whether cursors leave out the root, being only of use where all rows are of one."""

    def cursor(self, row: RowT) -> str:
        """Return the cursor of one of the rows."""
        return cursors.encode(self.fingerprint, row, self.order.value(row), hides_root=self.hides_root)


def bounded(
    statement: Select[Any],
    table: Any,
    bounds: tuple[bool, bool, bool],
    *,
    one_root: bool,
    order: Order = BY_ID,
    ids: Sequence[ColumnElement[Any]] = (),
    scattered: bool = False,
) -> Select[Any]:
    """Order by the order, then by id compared as bytes, then by root if several are read; between the cursors, limited.

    `ids` are columns that all hold the ids, the first in their order; without them the table's own is meant. What is
    `scattered` over the ids is sorted whole, for each page at the same price, rather than sought in their order.
    """
    after, before, backward = bounds
    last = [] if one_root else [("_root", table.c.root_id)]
    found_by = ids or (unordered(table.c.id) if scattered else table.c.id,)
    all_keys = [[*order.keys(table), ("", each), *last] for each in found_by]
    for present, name in ((after, "after"), (before, "before")):
        if present:
            ahead = gt if (name == "after") is not order.descending else lt
            statement = statement.where(*(_compared(ahead, keys, name) for keys in all_keys))
    down = order.descending is not backward
    return statement.order_by(*(key.desc() if down else key for _, key in all_keys[0])).limit(
        bindparam("limit")
    )


def _compared(ahead: Any, keys: list[tuple[str, Any]], name: str) -> ColumnElement[bool]:
    parameters: list[Any] = [bindparam(name + suffix) for suffix, _ in keys]
    compared: ColumnElement[bool]
    if len(keys) == 1:
        compared = ahead(keys[0][1], parameters[0])
    else:
        compared = ahead(tuple_(*(key for _, key in keys)), tuple_(*parameters))
    if keys[0][0] == "_start":
        # SQLite finds tuples of columns by an index, but none of expressions.
        compared = and_((ge if ahead is gt else le)(keys[0][1], parameters[0]), compared)
    return compared


def sliced(
    rows: list[RowT], wanted: Page, fingerprint: str, order: Order = BY_ID, *, hides_root: bool = True
) -> Slice[RowT]:
    """Cut what was read, one row more than wanted, into a page."""
    return all_sliced([rows], wanted, fingerprint, order, hides_root=hides_root)[0]


def all_sliced(
    lists: Sequence[list[RowT]],
    wanted: Page,
    fingerprint: str,
    order: Order = BY_ID,
    *,
    hides_root: bool = True,
) -> list[Slice[RowT]]:
    """Cut what was read of each of several lists, one row more than wanted, into its page."""
    limit = wanted.limit
    if wanted.backward:
        follows = wanted.before is not None
        return [
            Slice(rows[:limit][::-1], follows, len(rows) > limit, fingerprint, order, hides_root)
            for rows in lists
        ]
    precedes = wanted.after is not None
    return [
        Slice(rows[:limit], True, precedes, fingerprint, order, hides_root)
        if len(rows) > limit
        else Slice(rows, False, precedes, fingerprint, order, hides_root)
        for rows in lists
    ]
