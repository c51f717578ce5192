"""The scalars beyond GraphQL's own."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, NewType

import msgspec
import strawberry
from graphql import GraphQLError, Undefined, ValueNode, value_from_ast_untyped

from graphql_schema.executor import as_it_came

if TYPE_CHECKING:
    from strawberry.types.scalar import ScalarDefinition

DateTime = NewType("DateTime", str)
JSON = NewType("JSON", object)

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


def _parse_time(value: object, node: ValueNode | None = None) -> str:
    if isinstance(value, str) and _RFC_3339.match(value):
        try:
            datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise GraphQLError(f"DateTime can't be {value}: {error}.", node) from error
        return value
    detail = "DateTime must be a time with an offset (RFC 3339), for example 2024-01-15T10:30:00Z."
    raise GraphQLError(detail, node)


def _parse_time_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> str:
    return _parse_time(value_from_ast_untyped(node, variables), node)


def _shown(value: object) -> object:
    """Return a JSON value: rows hold it as its text."""
    return msgspec.json.decode(value) if isinstance(value, str) else value


def _parse_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> object:
    return _written(value_from_ast_untyped(node, variables), node)


def _written(value: object, node: ValueNode) -> object:
    """Return a literal's value as a client would have sent it; a number too large would silently become null."""
    match value:
        case dict():
            # A variable that isn't given fills nothing, as in any input object.
            given = ((name, inner) for name, inner in value.items() if inner is not Undefined)
            return {name: _written(inner, node) for name, inner in given}
        case list():
            return [None if inner is Undefined else _written(inner, node) for inner in value]
        case Enum():
            return value.name
        case float() if not math.isfinite(value):
            raise GraphQLError("JSON has a number that is too large.", node)
        case str() | int() | float() | None:
            return value
        case _:
            raise GraphQLError("JSON can't have an input object in a variable of its own type in it.", node)


SCALARS: dict[object, ScalarDefinition] = {
    DateTime: strawberry.scalar(
        name="DateTime",
        description="A moment as RFC 3339 writes it, for example `2024-01-15T10:30:00Z`. "
        "Answers are in UTC and whole seconds.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=str,
        parse_value=_parse_time,
        parse_literal=_parse_time_literal,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value: an object, an array, a string, a number, `true`, `false` or `null`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=_shown,
        parse_value=as_it_came,
        parse_literal=_parse_literal,
    ),
}
