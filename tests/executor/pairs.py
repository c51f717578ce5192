"""A schema twice: for graphql-core and for plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry

from graphql_schema.executor import BreadthFirstExecutor
from tests.executor.comparison import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strawberry.types import ExecutionResult


def pair(
    query: type, mutation: type | None = None, **options: Any
) -> tuple[strawberry.Schema, strawberry.Schema]:
    """Return a schema for graphql-core, and the same for plans."""
    compiled = strawberry.Schema(
        query, mutation=mutation, execution_context_class=BreadthFirstExecutor, **options
    )
    return strawberry.Schema(query, mutation=mutation, **options), compiled


async def alike(
    schemas: Sequence[strawberry.Schema], text: str, variables: dict[str, Any] | None = None
) -> ExecutionResult:
    """Execute by both, several times by plans; return the last result."""
    expected = result = await schemas[0].execute(text, variables)
    for _ in range(4):
        result = await schemas[1].execute(text, variables)
        assert result.data == expected.data
        assert sorted(map(repr, told(result))) == sorted(map(repr, told(expected)))  # type: ignore[arg-type]
    return result
