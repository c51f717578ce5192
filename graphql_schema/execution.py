"""This schema's executor, which stops when the time of its operation is up, also in the middle of what never waits."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from graphql import ExecutionResult as CoreResult
from graphql import GraphQLError
from graphql import OperationType as CoreOperationType
from strawberry.execution import optimized_is_awaitable
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from db.errors import Unavailable
from graphql_schema.executor import BreadthFirstExecutor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    import strawberry
    from graphql import DocumentNode, GraphQLObjectType, GraphQLOutputType, GraphQLSchema
    from graphql.execution.collect_fields import FieldDetailsList
    from graphql.pyutils import Path

    from graphql_schema.context import Context


KINDS = {kind: OperationType(kind.value) for kind in CoreOperationType}


class OutOfTime(Unavailable):
    """An operation that takes longer than it may."""


class Executor(BreadthFirstExecutor):
    """Looks at the clock for each level, and for each object of what is executed object by object.

    A timer alone is too late: the rows of a hundred lists arrive in one turn of the event loop, in which they would
    all be completed before any timer is due.
    """

    fatal = (OutOfTime,)

    @classmethod
    def is_on(cls, context_value: Any) -> bool:
        """Tell whether an operation with this context is to be executed breadth first."""
        return context_value is None or context_value.compiled

    @classmethod
    def pace(cls, context_value: Any, objects: int) -> None:
        """Go on, if there is time."""
        del objects
        _require_time(context_value)

    def collect_and_execute_subfields(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete an object, if there is time."""
        _require_time(self.context_value)
        return super().collect_and_execute_subfields(
            return_type, field_details_list, path, result, position_context
        )

    def handle_field_error(
        self,
        raw_error: Exception,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        path: Path,
    ) -> None:
        """Handle a field's error, but let the end of time end all: else each object would fail by itself."""
        if isinstance(raw_error, OutOfTime):
            raise raw_error
        super().handle_field_error(raw_error, return_type, field_details_list, path)


def _require_time(context: Context | None) -> None:
    if context is not None and monotonic() > context.deadline:
        raise OutOfTime("there was no time left")


def answer_to_known(
    schema: strawberry.Schema,
    variables: dict[str, Any] | None,
    operation_name: str | None,
    context: Context,
    allowed: Iterable[OperationType],
) -> Awaitable[ExecutionResult] | None:
    """Execute an operation of a document that was read and counted, with nothing of Strawberry in between.

    `None` for what else there is, about which Strawberry and its extensions know what to say.
    """
    document = context.document
    if not context.compiled or document is None or document.ast is None or document.errors:
        return None
    operation = document.operation(operation_name)
    if operation is None or KINDS[operation.operation] not in allowed:
        return None
    return _answer(schema, document.ast, variables, operation_name, context)


async def _answer(
    schema: strawberry.Schema,
    document: DocumentNode,
    variables: dict[str, Any] | None,
    operation_name: str | None,
    context: Context,
) -> ExecutionResult:
    result: ExecutionResult
    try:
        answer = _begun(schema._schema, document, variables, operation_name, context)  # noqa: SLF001 - the one way to it
        if isinstance(answer, list):
            result = ExecutionResult(None, answer)
        else:
            answered: CoreResult = answer if isinstance(answer, CoreResult) else await answer
            result = ExecutionResult(answered.data, answered.errors)
    except Exception as error:  # noqa: BLE001 - as Strawberry does: the caller tells what it is
        result = PreExecutionError(None, [GraphQLError(str(error), original_error=error)])
    result.extensions = context.cost_told()
    return result


def _begun(
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: dict[str, Any] | None,
    operation_name: str | None,
    context: Context,
) -> Any:
    """Return the result of an operation, a coroutine of it, or a list of what is wrong with its variables."""
    options: dict[str, Any] = {"is_awaitable": optimized_is_awaitable, "operation_extensions": None}
    answer = Executor.answer(schema, document, context, variables, operation_name, **options)
    if answer is not None:
        return answer
    executor = Executor.build(schema, document, None, context, variables, operation_name, **options)
    return executor if isinstance(executor, list) else executor.execute_operation()
