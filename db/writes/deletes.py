"""The batch delete of any noun."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Delete as DeleteStatement
from sqlalchemy import Select, bindparam, delete, func, select

from db.commands import NotTogether
from db.errors import Code, Fault
from db.outcomes import Outcome, Result, failed
from db.tables import tokens
from db.tokens import CHANNEL as TOKENS_CHANNEL
from db.tokens import EVERY_TOKEN
from db.writes import in_keys, lock
from db.writes.updates import find

if TYPE_CHECKING:
    from collections.abc import Container

    from sqlalchemy import Table

    from db.commands import Delete
    from db.nouns import Dependant, Noun, RowT
    from db.writes import Writing

NAMED_DEPENDANTS = 20


async def remove(w: Writing, command: Delete[RowT]) -> list[Result[RowT]]:
    """Delete a batch of objects, with what has no life of its own, and tell each one's fate.

    Objects of the batch that depend on each other go together; what anything else depends on stays (`in_use`).
    """
    noun, items = command.noun, await command.noun.locate(w, command.items)
    found = await lock(w, noun, [item.id for item in items], deleting=True)
    await noun.before_change(w, [row for rows in found.values() for row in rows], ())
    results: list[Result[RowT]] = []
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        row = find(noun, item, found)
        first = seen.setdefault(item.id, index)
        if isinstance(row, Fault):
            results.append(failed(row))
        elif first != index:
            results.append(
                failed(Fault(Code.DUPLICATE_IN_BATCH, "/id", f"item {first} of this batch is the same"))
            )
        elif fault := noun.allow(w, row, None):
            results.append(failed(fault))
        else:
            results.append(Result(Outcome.DELETED, row))
    await _refuse_used(w, noun, results, joined=command.joined)
    keys = [(result.row.id, result.row.root_id) for result in results if result.row is not None]
    if keys:
        for attached in noun.attached:
            await w.tx.execute(_deletion(attached.table, attached.column), {"keys": keys})
            if attached.table is tokens:
                # Their holders are remembered, in every process, with a reach that is void now.
                await w.tx.notify(TOKENS_CHANNEL, EVERY_TOKEN)
        await w.tx.execute(_deletion(noun.table, "id"), {"keys": keys})
    return results


@lru_cache(maxsize=64)
def _deletion(table: Table, column: str) -> DeleteStatement:
    return delete(table).where(in_keys(table, "keys", column, "root_id"))


@lru_cache(maxsize=64)
def _users(dependant: Dependant) -> Select[Any]:
    """Count what depends on each of some objects, and name the first of them."""
    table = dependant.table
    users = select(
        table.c[dependant.column].label("owner"), table.c.root_id, table.c[dependant.user].label("user")
    ).where(in_keys(table, "keys", dependant.column, "root_id"))
    if dependant.where is not None:
        users = users.where(dependant.where)
    # An object may depend in several ways.
    each = (users if dependant.user == "id" else users.distinct()).subquery()
    of_owner = (each.c.root_id, each.c.owner)
    numbered = select(
        each,
        func.count().over(partition_by=of_owner).label("total"),
        func.row_number().over(partition_by=of_owner, order_by=each.c.user).label("position"),
    ).subquery()
    return select(numbered).where(numbered.c.position <= bindparam("named")).order_by(numbered.c.user)


async def _refuse_used(w: Writing, noun: Noun[RowT], results: list[Result[RowT]], *, joined: bool) -> None:
    going = {
        (result.row.id, result.row.root_id): i for i, result in enumerate(results) if result.row is not None
    }
    used: dict[int, list[str]] = {}
    for dependant in noun.dependants:
        if not going:
            return
        own = dependant.own or dependant.table is noun.table
        named = NAMED_DEPENDANTS + (len(going) if own else 0)
        users: dict[tuple[str, str], tuple[int, list[str]]] = {}
        for owner, root, user, total, _ in await w.tx.fetch(
            _users(dependant), {"keys": sorted(going), "named": named}
        ):
            users.setdefault((owner, root), (total, []))[1].append(user)
        if joined and own and users:
            raise NotTogether
        for key, (total, ids) in _standing(users, going if own else {}, used):
            used.setdefault(going[key], []).append(_told(dependant, total, ids))
    for index, reasons in used.items():
        results[index] = failed(Fault(Code.IN_USE, "/id", f"still in use by {'; '.join(reasons)}"))


def _standing(
    users: dict[tuple[str, str], tuple[int, list[str]]],
    going: dict[tuple[str, str], int],
    used: Container[int],
) -> list[tuple[tuple[str, str], tuple[int, list[str]]]]:
    """Leave out users that go in the same batch, unless something keeps them; what keeps a child keeps its parent."""
    stays: dict[tuple[str, str], tuple[int, list[str]]] = {}
    changed = True
    while changed:
        changed = False
        for (owner, root), (total, ids) in users.items():
            left = [
                user
                for user in ids
                # Nothing is kept by what it says of itself.
                if user != owner
                and ((key := (user, root)) not in going or going[key] in used or key in stays)
            ]
            standing = (total - len(ids) + len(left), left)
            if standing[0] and stays.get((owner, root)) != standing:
                stays[owner, root] = standing
                changed = True
    return list(stays.items())


def _told(dependant: Dependant, total: int, ids: list[str]) -> str:
    plural = dependant.title if total == 1 else f"{dependant.title}s"
    shown = ", ".join(ids[:NAMED_DEPENDANTS])
    return f"{total:,} {plural} ({shown}{', …' if total > NAMED_DEPENDANTS else ''})"
