"""The execution context that executes breadth first what it can, and leaves the rest to graphql-core."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from graphql import ExecutionResult, GraphQLError, GraphQLResolveInfoHelpers, OperationType
from graphql.execution import MiddlewareManager, default_field_resolver, default_type_resolver
from graphql.execution.collect_fields import collect_fields
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_schema.executor.errors import Fault
from graphql_schema.executor.fields import planned
from graphql_schema.executor.levels import LevelPlan
from graphql_schema.executor.places import Place
from graphql_schema.executor.plans import Operation, Operations
from graphql_schema.executor.runs import Run, then

if TYPE_CHECKING:
    from graphql import DocumentNode, GraphQLSchema
    from graphql.execution.values import VariableValues

    from graphql_schema.executor.errors import Column

_OPTIONS = (
    "field_resolver",
    "type_resolver",
    "subscribe_field_resolver",
    "max_coercion_errors",
    "enable_early_execution",
    "middleware",
    "is_awaitable",
    "is_async_iterable",
)
"""The parameters of `Executor.build` behind the operation's name, in their order."""


class BreadthFirstExecutor(StrawberryGraphQLCoreExecutionContext):
    """Takes the place of Strawberry's: `strawberry.Schema(…, execution_context_class=BreadthFirstExecutor)`."""

    operations: ClassVar[Operations] = Operations()
    """The operations that were compiled, of all schemas."""
    fatal: ClassVar[tuple[type[Exception], ...]] = ()
    """Errors that end the operation, wherever they are met."""

    prepared: Operation | None = None
    operation_name: str | None = None

    @classmethod
    def is_on(cls, context_value: Any) -> bool:
        """Tell whether an operation with this context is to be executed breadth first."""
        del context_value
        return True

    @classmethod
    def pace(cls, context_value: Any, objects: int) -> None:
        """Do what is to be done before each level, and every now and then within; what it raises ends all."""

    @classmethod
    def build(  # noqa: PLR0917 - the parameters of graphql-core, of which most are only handed on
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        root_value: Any = None,
        context_value: Any = None,
        raw_variable_values: dict[str, Any] | None = None,
        operation_name: str | None = None,
        *positional: Any,
        **named: Any,
    ) -> Any:
        """Build an executor, or return a list of errors; what was built before for an operation serves again."""
        operation = None
        if cls.is_on(context_value):
            operation = cls.operations.find(schema, document, operation_name)
        variables = operation.variables.coerced(raw_variable_values or {}) if operation else None
        if operation is None or variables is None:
            given = (schema, document, root_value, context_value, raw_variable_values, operation_name)
            return super().build(*given, *positional, **named)
        options = {**dict(zip(_OPTIONS, positional, strict=False)), **named}
        # How variables are refused is none of a constructor's concern.
        options.pop("max_coercion_errors", None)
        executor = cls._made(operation, variables, context_value, root_value, **options)
        executor.prepared, executor.operation_name = operation, operation_name
        return executor

    @classmethod
    def answer(
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        context_value: Any,
        raw_variable_values: dict[str, Any] | None,
        operation_name: str | None,
        **options: Any,
    ) -> Any:
        """Return the result of an operation, or a coroutine of it; `None` if `build` is to tell what is wrong.

        No executor is made for it, unless something is left to graphql-core.
        """
        operation = cls.operations.find(schema, document, operation_name)
        if operation is None or not operation.plannable:
            return None
        variables = operation.variables.coerced(raw_variable_values or {})
        if variables is None:
            return None
        make = partial(cls._made_for, options)
        is_awaitable = options.get("is_awaitable")
        run = Run(cls, operation, variables, context_value, None, make=make, is_awaitable=is_awaitable)
        return cls._executed(run, operation_name)

    @classmethod
    def _made_for(cls, options: dict[str, Any], run: Run) -> BreadthFirstExecutor:
        return cls._made(run.operation, run.variables, run.context, run.root, **options)

    @classmethod
    def _made(
        cls,
        operation: Operation,
        variables: VariableValues,
        context_value: Any,
        root_value: Any,
        **options: Any,
    ) -> BreadthFirstExecutor:
        return cls(
            operation.schema,
            operation.fragment_definitions,
            operation.fragments,
            root_value,
            context_value,
            operation.definition,
            variables,
            options.pop("field_resolver", None) or default_field_resolver,
            options.pop("type_resolver", None) or default_type_resolver,
            options.pop("subscribe_field_resolver", None) or default_field_resolver,
            middleware_manager=_managed(options.pop("middleware", None)),
            **options,
        )

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Execute the operation, and return its result or a coroutine of it."""
        operation = self.prepared
        if operation is not None and operation.plannable and not self._is_hooked():
            run = Run(
                type(self),
                operation,
                self.variable_values,
                self.context_value,
                self.root_value,
                make=lambda _: self,
                is_awaitable=self.is_awaitable,
                hide_suggestions=self.hide_suggestions,
            )
            answer = self._executed(run, self.operation_name, serially=serially)
            if answer is not None:
                return answer
        return super().execute_operation(serially)

    @classmethod
    def _executed(cls, run: Run, name: str | None, *, serially: bool | None = None) -> Any:
        """Execute the plan of an operation, compiled now or earlier; `None` if graphql-core must execute it."""
        operation = run.operation
        selection = operation.selection(run.variables.coerced)
        plan = operation.plans.get(selection)
        if plan is None:
            plan = _compiled(run)
            if plan is None:
                return None
            operation.plans[selection] = plan
        if serially is None:
            serially = operation.definition.operation is OperationType.MUTATION
        execute = plan.in_turn if serially else plan.execute
        return then(execute(run, [run.root], Place()), partial(cls._answered, operation, name))

    @classmethod
    def _answered(cls, operation: Operation, name: str | None, column: Column) -> ExecutionResult:
        rows, faulty = column
        cls.operations.grown(operation, name)
        if not faulty or type(rows[0]) is not Fault:
            return ExecutionResult(rows[0], None)
        fault = rows[0].settled(nullable=True)
        data: Any = fault.value
        return ExecutionResult(data, [error.told() for error in fault.errors])

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """What resolvers may use to wait for several things."""
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, kept: GraphQLResolveInfoHelpers) -> None:
        """Keep none: in a circle with them all that was read would wait for the garbage collector."""

    def _is_hooked(self) -> bool:
        """Tell whether something wants to be asked about each field, or to be able to abort."""
        manager = self.middleware_manager
        return (
            bool(manager and manager.middlewares) or self.abort_signal is not None or self.hooks is not None
        )


def _compiled(run: Run) -> LevelPlan | None:
    operation = run.operation
    schema, definition = operation.schema, operation.definition
    root = schema.get_root_type(definition.operation)
    assert root is not None, "an operation without a root type isn't planned"
    try:
        collected = collect_fields(
            schema, operation.fragments, run.variables, root, definition, run.hide_suggestions
        )
    except (GraphQLError, RecursionError):
        return None
    return LevelPlan(planned(run, root, collected.grouped_field_set))


def _managed(middleware: Any) -> MiddlewareManager | None:
    return MiddlewareManager(*middleware) if isinstance(middleware, (list, tuple)) else middleware
