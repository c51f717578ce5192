"""Reach as a condition of every statement, so that no door can forget it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, bindparam, or_

from db.access import Principal, ReachKind
from db.database import any_of, looked_up, unordered
from db.tables import scopes

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from db.nouns import Noun


def reach_parameters(caller: Principal) -> dict[str, object]:
    """Return the parameters of the conditions that `within` adds."""
    if caller.reach is None:
        return {}
    reach = caller.reach
    return {
        "reach_root": reach.root_id,
        "reach_low": reach.low,
        "reach_high": reach.high,
        "reach_above": reach.above,
    }


def path_range(path: ColumnElement[Any], low: str, high: str) -> ColumnElement[bool]:
    """Hold for the paths from parameter `low` to before parameter `high`."""
    return and_(path >= bindparam(low), path < bindparam(high))


def within(
    statement: Select[Any],
    noun: Noun[Any],
    kind: ReachKind,
    *,
    readable: bool,
    led: bool = False,
    linked: bool = False,
) -> Select[Any]:
    """Keep what is in the caller's reach; with `readable` also the shared nouns of the scopes above.

    A statement is `led` if other conditions find its rows, so that the scopes in reach are no place to begin, and
    `linked` if another table finds the ids of its rows, so that the root is none either.
    """
    table = noun.table
    if kind is ReachKind.EVERYTHING:
        return statement
    root = looked_up(table.c.root_id) if linked else table.c.root_id
    statement = statement.where(root == bindparam("reach_root"))
    if kind is ReachKind.ROOT:
        return statement
    if table is scopes:
        return statement.where(path_range(scopes.c.path, "reach_low", "reach_high"))
    home = scopes.alias("home")
    # Hidden, or PostgreSQL might merge a few rows with all scopes.
    home_id = unordered(table.c[noun.home_column]) if linked else table.c[noun.home_column]
    statement = statement.join(home, and_(home.c.id == home_id, home.c.root_id == table.c.root_id))
    path = looked_up(home.c.path) if led else home.c.path
    inside = path_range(path, "reach_low", "reach_high")
    if readable and noun.shared:
        return statement.where(or_(inside, any_of(path, "reach_above")))
    return statement.where(inside)
