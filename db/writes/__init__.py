"""The batch write: make ids, one look-up per kind of reference, one walk over the items, one statement."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select, tuple_

from db.data_rules.known import DataRules
from db.database import key_rows
from db.ids import new_ids, new_revision
from db.reads import reach_parameters, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from db.access import Principal, ReachKind
    from db.database import Transaction
    from db.nouns import Noun
    from db.shapes import Item


@dataclass(frozen=True)
class Writing:
    """One command being executed: its transaction, who asked, and the one instant and revision of its changes."""

    tx: Transaction
    caller: Principal
    now: str
    revision: str
    facts: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """What a noun looked up for its rules, by its own names: keys of rows for which it holds."""
    rules: DataRules = field(default_factory=DataRules)
    """What the types of resources demand of their data."""

    @classmethod
    def begin(cls, tx: Transaction, caller: Principal, now: str) -> Writing:
        """Give a command its revision."""
        return cls(tx, caller, now, new_revision())

    @property
    def stamps(self) -> tuple[str, str, None, None, str]:
        """The values of created_at, created_by, updated_at, updated_by and revision in a new row."""
        return self.now, self.caller.subject, None, None, self.revision


def ids_for(noun: Noun[Any], items: Sequence[Item[Any]]) -> Iterator[str]:
    """Yield ids, rising, for the items that didn't bring their own."""
    missing = sum(1 for item in items if not isinstance(item, tuple) and item.id is None)
    return new_ids(noun.namespace, missing)


@lru_cache(maxsize=64)
def _writable(noun: Noun[Any], kind: ReachKind, deleting: bool) -> Select[Any]:
    """Lock rows in the order of their ids, so that two batches over the same rows wait and don't deadlock."""
    table = noun.table
    keys = key_rows("ids", "id")
    statement = select(table).where(table.c.id.in_(select(keys.c.id)))
    statement = within(statement, noun, kind, readable=False).order_by(table.c.id, table.c.root_id)
    return statement.with_for_update(of=table, key_share=not deleting)


async def lock(
    w: Writing, noun: Noun[Any], ids: Sequence[str], *, deleting: bool = False
) -> dict[str, list[Any]]:
    """Lock the rows of some ids that the caller may change; an id has several under several roots."""
    statement = _writable(noun, w.caller.kind, deleting)
    records = await w.tx.fetch(
        statement, {**reach_parameters(w.caller), "ids": [(each,) for each in sorted(set(ids))]}
    )
    found: dict[str, list[Any]] = {}
    for row in noun.rows(records):
        found.setdefault(row.id, []).append(row)
    return found


def in_keys(table: Any, parameter: str, *columns: str) -> Any:
    """Hold for the rows whose columns stand in a list of tuples."""
    keys = key_rows(parameter, *columns)
    return tuple_(*(table.c[column] for column in columns)).in_(
        select(*(keys.c[column] for column in columns))
    )
