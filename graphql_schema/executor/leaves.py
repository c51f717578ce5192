"""Leaves: a value of the usual class is taken as it is, any other goes through the type's own rules."""

from __future__ import annotations

from enum import Enum, Flag
from functools import lru_cache
from math import inf
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLString,
    Undefined,
)
from graphql.execution import Executor
from graphql.pyutils import is_awaitable
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT

from graphql_schema.executor.errors import failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLScalarType

    from graphql_schema.executor.errors import Column
    from graphql_schema.executor.fields import FieldPlan
    from graphql_schema.executor.places import Place
    from graphql_schema.executor.runs import Run

# Conditions under which a value is its own serialization, and what they name.
_TEXT = "type({v}) is str"
_CONDITIONS: dict[Any, str] = {
    GraphQLString: _TEXT,
    GraphQLID: _TEXT,
    GraphQLInt: f"type({{v}}) is int and {GRAPHQL_MIN_INT} <= {{v}} <= {GRAPHQL_MAX_INT}",
    GraphQLFloat: "type({v}) is float and -inf < {v} < inf",
    GraphQLBoolean: "{v} is True or {v} is False",
}
_NOTHING = type(None)


_compiled = lru_cache(maxsize=64)(lambda code: compile(code, "<leaves>", "eval"))


class Unusual(Exception):
    """A value that the generated code leaves to the careful one."""


class Leaf:
    """How values of a scalar or an enum become those of the result."""

    def __init__(
        self, kind: GraphQLScalarType | GraphQLEnumType, field: FieldPlan, *, nullable: bool
    ) -> None:
        self.kind, self.field, self.nullable = kind, field, nullable
        self.names = _names(kind)
        self.condition = _CONDITIONS.get(kind)
        if self.condition is None and kind.coerce_output_value is str:
            # As Python's own `str` is: it returns a text itself.
            self.condition = _TEXT
        self._quick: Callable[[list[Any]], list[Any]] | None = None

    def complete(self, run: Run, values: list[Any], place: Place) -> Column:
        """Serialize a column."""
        del place
        if self._quick is None:
            self._quick = _quick(self)
        try:
            return self._quick(values), False
        except Exception:  # noqa: BLE001 - found again, value by value
            return self._one_by_one(run, values)

    def one(self, value: Any) -> Any:
        """Serialize a value; raises what is wrong with it."""
        if isinstance(value, Exception):
            raise value
        if value is None or value is Undefined:
            if self.nullable:
                return None
            raise self.field.null_error()
        return Executor.complete_leaf_value(self.kind, value)

    def guarded(self, value: Any) -> Any:
        """Serialize a value that may be anything; raises `Unusual` for what must be awaited first."""
        if value is not None and is_awaitable(value):
            if type(value) is CoroutineType:
                value.close()
            raise Unusual
        return self.one(value)

    def _one_by_one(self, run: Run, values: list[Any]) -> Column:
        completed: list[Any] = []
        faulty = False
        for value in values:
            try:
                completed.append(self.one(value))
            except Exception as error:  # noqa: BLE001 - whatever a scalar raises is the field's error
                completed.append(run.checked(failed(error, self.field.nodes, nullable=self.nullable)))
                faulty = True
        return completed, faulty


def expression(leaf: Leaf, names: dict[str, Any], tag: str) -> tuple[str, str]:
    """Return the code that tells whether the value `v` + tag is taken as it is, and the one that serializes others.

    `names` gets what the code refers to, by names with this tag in them.
    """
    v = f"v{tag}"
    names[f"any{tag}"] = leaf.guarded
    other = f"any{tag}({v})"
    if leaf.names is not None:
        names[f"enum{tag}"], names[f"names{tag}"] = leaf.names
        other = f"names{tag}[{v}] if type({v}) is enum{tag} else {other}"
    usual = (leaf.condition or "False").format(v=v)
    return (f"{v} is None or {usual}" if leaf.nullable else usual), other


def _quick(leaf: Leaf) -> Callable[[list[Any]], list[Any]]:
    """Return what serializes a column unless there is anything unusual in it."""
    if leaf.condition == _TEXT:
        fine = {str, _NOTHING} if leaf.nullable else {str}
        return lambda values: values if set(map(type, values)) <= fine else [*map(leaf.one, values)]
    names: dict[str, Any] = {"inf": inf}
    usual, other = expression(leaf, names, "")
    code = f"lambda values: [v if {usual} else {other} for v in values]"
    made: Callable[[list[Any]], list[Any]] = eval(_compiled(code), names)  # noqa: S307 - of constants only
    return made


def _names(kind: GraphQLScalarType | GraphQLEnumType) -> tuple[type[Enum], dict[Enum, str]] | None:
    """Return an enum's class and the name of each of its members, if its values are members of a class."""
    members: Any = getattr(kind, "wrapped_cls", None)
    if not isinstance(kind, GraphQLEnumType) or members is None or issubclass(members, Flag):
        return None
    try:
        return members, {member: kind.coerce_output_value(member) for member in members}
    except Exception:  # noqa: BLE001 - an enum that can't tell them all is asked for each value
        return None
