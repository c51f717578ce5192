"""The schema, and how a document is executed against it."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import strawberry
from graphql import GraphQLError, OperationDefinitionNode
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.printer import print_schema as sdl_of
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from db.errors import Code
from graphql_schema import errors, limits
from graphql_schema.batch_progress import BatchSubscriptions
from graphql_schema.batches import Batch, BatchQueries
from graphql_schema.budgets import LimitReached, Limits
from graphql_schema.execution import Executor, answer_to_known
from graphql_schema.limits import LimitQueries, LimitsExtension
from graphql_schema.nodes import NodeQueries
from graphql_schema.operations import OperationMutations
from graphql_schema.resource_types import ResourceType, ResourceTypeMutations, ResourceTypeQueries
from graphql_schema.resources import Resource, ResourceMutations, ResourceQueries
from graphql_schema.scalars import SCALARS
from graphql_schema.scopes import Scope, ScopeMutations, ScopeQueries
from graphql_schema.subscriptions import ResourceSubscriptions
from graphql_schema.tag_assignments import TagAssignment, TagAssignmentMutations, TagAssignmentQueries
from graphql_schema.tag_groups import TagGroup, TagGroupMutations, TagGroupQueries
from graphql_schema.tags import Tag, TagMutations, TagQueries
from graphql_schema.uploads import UploadMutations

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator

    from strawberry.types import ExecutionContext, ExecutionResult

    from graphql_schema.context import Context

# What has one answer; a subscription has any number, and is executed by `subscribe`.
ANY_OPERATION = frozenset({OperationType.QUERY, OperationType.MUTATION})


@strawberry.type(description="What can be read.")
class Query(
    LimitQueries,
    NodeQueries,
    ScopeQueries,
    ResourceTypeQueries,
    ResourceQueries,
    TagGroupQueries,
    TagQueries,
    TagAssignmentQueries,
    BatchQueries,
):
    pass


@strawberry.type(
    description="What can be changed. Each field is one transaction; those of one request run in their order."
)
class Mutation(
    ScopeMutations,
    ResourceTypeMutations,
    ResourceMutations,
    TagGroupMutations,
    TagMutations,
    TagAssignmentMutations,
    OperationMutations,
    UploadMutations,
):
    pass


@strawberry.type(
    description="What can be watched: over WebSocket (graphql-transport-ws) or as server-sent events "
    "(`Accept: text/event-stream`)."
)
class Subscription(ResourceSubscriptions, BatchSubscriptions):
    pass


class _Schema(strawberry.Schema):
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log nothing: `graphql_schema.errors` logs what is a fault of ours, once."""


class _OneOperation(SchemaExtension):
    """Refuses a document of several operations if none is named: Strawberry would execute the first."""

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        named = context._provided_operation_name  # noqa: SLF001 - the public property guesses
        document = context.graphql_document
        if named is None and document is not None:
            operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
            if len(operations) > 1:
                reason = "the document has several operations: operationName must name one"
                error = GraphQLError(reason, extensions={"code": errors.BAD_USER_INPUT})
                context.pre_execution_errors = [error]
        yield


schema = _Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[Scope, ResourceType, Resource, TagGroup, Tag, TagAssignment, Batch],
    # The limits validate, so what else refuses a document comes behind them.
    extensions=[LimitsExtension, _OneOperation],
    config=StrawberryConfig(scalar_map=SCALARS),
    execution_context_class=Executor,
)


def print_schema() -> str:
    """Return the schema as `schema.graphql` has it."""
    return sdl_of(schema) + "\n"


def faults(document: str) -> list[GraphQLError]:
    """Return what is wrong with a document, whoever executes it."""
    return limits.documents.read(schema._schema, document, max_tokens=Limits.tokens).errors  # noqa: SLF001 - the one way to it


def admit(
    document: str, variables: dict[str, Any] | None, operation_name: str | None, context: Context
) -> LimitReached | None:
    """Count an operation against its request's limits, before anything of the request runs; return what is exceeded.

    What else is wrong with the operation is told when it is executed.
    """
    try:
        limits.admit(context, schema._schema, document, variables, operation_name)  # noqa: SLF001 - the one way to it
    except LimitReached as error:
        return error
    return None


async def execute(
    document: str | None,
    variables: dict[str, Any] | None,
    operation_name: str | None,
    context: Context,
    *,
    allowed: Iterable[OperationType] = ANY_OPERATION,
) -> ExecutionResult:
    """Execute one operation of a document; never raises, every error of the result has its code.

    The result is a `PreExecutionError` if the document is refused as such, whatever its variables hold.
    """
    await context.begin()
    if (answer := answer_to_known(schema, variables, operation_name, context, allowed)) is not None:
        return _told(await answer, context)
    try:
        result = await schema.execute(
            document, variables, context, operation_name=operation_name, allowed_operation_types=allowed
        )
    except (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError) as error:
        result = PreExecutionError(data=None, errors=[_unfit(error)])
    return _told(result, context)


def subscribes(document: str, operation_name: str | None, context: Context) -> bool:
    """Tell whether the operation is a subscription; what can't be read is none, and `execute` says why."""
    read = limits.documents.read(schema._schema, document, max_tokens=context.budget.limits.tokens)  # noqa: SLF001 - the one way to it
    operation = read.operation(operation_name)
    return operation is not None and operation.operation.value == OperationType.SUBSCRIPTION.value


async def subscribe(
    document: str, variables: dict[str, Any] | None, operation_name: str | None, context: Context
) -> AsyncGenerator[ExecutionResult, None]:
    """Yield a subscription's results as they come; never raises, every error of a result has its code.

    The last one is a `PreExecutionError` if the subscription was refused, or ended by anything but its client.
    """
    if exceeded := admit(document, variables, operation_name, context):
        yield PreExecutionError(data=None, errors=[exceeded])
        return
    await context.begin()
    results = await schema.subscribe(document, variables, context, operation_name=operation_name)
    async with aclosing(results):
        async for result in results:
            yield _told(_ended(result, context) or result, context)


def _ended(result: ExecutionResult, context: Context) -> errors.Ended | None:
    """Return what refused or ended a subscription as such: an error of the source of its events is no field's."""
    if isinstance(result, PreExecutionError):
        # What is wrong with the document was found before.
        if context.document is None or context.document.errors:
            return None
    elif all(error.path for error in result.errors or ()):
        return None
    return errors.Ended(data=None, errors=result.errors, extensions=result.extensions)


def _told(result: ExecutionResult, context: Context) -> ExecutionResult:
    errors.present(result, context.request_id)
    return result


def _unfit(error: Exception) -> GraphQLError:
    """Tell what is wrong with a document in which there is nothing to execute."""
    match error:
        case InvalidOperationTypeError(operation_type=OperationType.SUBSCRIPTION):
            reason = "a subscription takes a WebSocket, or the header Accept: text/event-stream"
            code = errors.BAD_USER_INPUT
        case InvalidOperationTypeError():
            reason = f"a {error.operation_type.value} can't be sent this way"
            code = Code.METHOD_NOT_ALLOWED.name
        case CannotGetOperationTypeError(operation_name=None):
            reason, code = "the document has no operation", errors.VALIDATION_FAILED
        case CannotGetOperationTypeError():
            reason, code = f"the document has no operation {error.operation_name}", errors.BAD_USER_INPUT
        case _:
            reason, code = "there is no document", errors.PARSE_FAILED
    return GraphQLError(reason, extensions={"code": code})
