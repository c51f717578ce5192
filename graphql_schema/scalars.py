"""The scalars beyond GraphQL's own."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, NewType

import msgspec
import strawberry
from graphql import GraphQLError, ValueNode, value_from_ast_untyped

from graphql_schema.executor import as_it_came

if TYPE_CHECKING:
    from strawberry.types.scalar import ScalarDefinition

DateTime = NewType("DateTime", str)
JSON = NewType("JSON", object)

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


def _parse_time(value: object) -> str:
    if isinstance(value, str) and _RFC_3339.match(value):
        try:
            datetime.fromisoformat(value.upper())
        except ValueError as error:
            raise GraphQLError(f"DateTime can't be {value}: {error}.") from error
        return value
    raise GraphQLError("DateTime must be a time with an offset (RFC 3339), for example 2024-01-15T10:30:00Z.")


def _shown(value: object) -> object:
    """Return a JSON value: rows hold it as its text."""
    return msgspec.json.decode(value) if isinstance(value, str) else value


def _parse_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> object:
    """Return the value of a literal; a number too large for JSON would silently become null."""
    value = value_from_ast_untyped(node, variables)
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
        elif isinstance(part, float) and not math.isfinite(part):
            raise GraphQLError("JSON has a number that is too large.", node)
    return value


SCALARS: dict[object, ScalarDefinition] = {
    DateTime: strawberry.scalar(
        name="DateTime",
        description="A moment as RFC 3339 writes it, for example `2024-01-15T10:30:00Z`. "
        "Answers are in UTC and whole seconds.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=str,
        parse_value=_parse_time,
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
