"""What makes two executions of an operation equal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from graphql import DocumentNode, ExecutionResult, execute, parse, validate
from graphql.language import DirectiveNode, NameNode, OperationDefinitionNode
from strawberry.execution import optimized_is_awaitable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from graphql import GraphQLError, GraphQLSchema

Told = tuple[str, tuple[Any, ...], tuple[Any, ...]]
UNPROPAGATED = "experimental_disableErrorPropagation"


class Executable(Protocol):
    """A schema of Strawberry's, or what executes like one."""

    _schema: GraphQLSchema
    execution_context_class: Any


async def run(
    schema: Executable, document: DocumentNode, variables: dict[str, Any], context: Any
) -> ExecutionResult:
    """Execute an operation as Strawberry does, without its extensions."""
    answer: Any = execute(
        schema._schema,
        document,
        context_value=context,
        variable_values=variables,
        executor_class=schema.execution_context_class,
        is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # as Strawberry does
        operation_extensions=None,
    )
    return answer if isinstance(answer, ExecutionResult) else await answer


async def compare(
    schemas: Sequence[Executable],
    text: str,
    variables: dict[str, Any],
    context: Callable[[], Awaitable[Any]],
    *,
    in_order: bool,
) -> ExecutionResult | None:
    """Execute an operation by both; `None` if it isn't valid. Repeated, since a plan is compiled further then."""
    stock, compiled = schemas
    document = parse(text)
    if validate(stock._schema, document):
        return None
    expected = await run(stock, document, variables, await context())
    possible = None if in_order else await _possible(stock, document, variables, await context())
    result = expected
    for _ in range(4):
        result = await run(compiled, document, variables, await context())
        # As text, which tells 1 from true, and has an order.
        assert json.dumps(result.data, allow_nan=True) == json.dumps(expected.data, allow_nan=True), text
        if possible is None:
            assert told(result) == told(expected), text
        else:
            _require_equivalent(result, expected, possible)
    return result


def told(result: ExecutionResult) -> list[Told]:
    """Return what a client is told of the errors."""
    return [_told(error) for error in result.errors or ()]


def _told(error: GraphQLError) -> Told:
    return error.message, tuple(error.path or ()), tuple(error.locations or ())


async def _possible(
    schema: Executable, document: DocumentNode, variables: dict[str, Any], context: Any
) -> set[Told]:
    """Return every error that there is, whether or not another one comes before it."""
    unpropagated = DirectiveNode(name=NameNode(value=UNPROPAGATED), arguments=())
    definitions = tuple(
        OperationDefinitionNode(
            **{key: getattr(each, key) for key in each.keys} | {"directives": (unpropagated,)}
        )
        if isinstance(each, OperationDefinitionNode)
        else each
        for each in document.definitions
    )
    result = await run(schema, DocumentNode(definitions=definitions), variables, context)
    return set(told(result))


def _require_equivalent(result: ExecutionResult, expected: ExecutionResult, possible: set[Told]) -> None:
    """Check errors where the order in which resolvers are done decides which of several is told.

    At the same places null stands for errors, and each error told is one that there is.
    """
    ours, theirs = told(result), told(expected)
    assert len(set(ours)) == len(ours)
    assert set(ours) <= possible, set(ours) - possible
    assert set(theirs) <= possible, set(theirs) - possible
    assert _nulled(result) == _nulled(expected)


def _nulled(result: ExecutionResult) -> set[tuple[Any, ...]]:
    """Return the places that are null because of errors."""
    places = set()
    for _, path, _ in told(result):
        value: Any = result.data
        place: list[Any] = []
        for step in path:
            if value is None:
                break
            value = value[step]
            place.append(step)
        assert value is None, path
        places.add(tuple(place))
    return places
