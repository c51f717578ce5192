"""Fields that graphql-core executes itself, with all that is below them."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError
from graphql.execution.executor import CollectedErrors
from graphql.pyutils import is_awaitable

from graphql_schema.executor.errors import Fault, Located
from graphql_schema.executor.runs import all_of, then

if TYPE_CHECKING:
    from graphql.pyutils import Path

    from graphql_schema.executor.errors import Column
    from graphql_schema.executor.fields import FieldPlan
    from graphql_schema.executor.places import Place
    from graphql_schema.executor.runs import Run


class Stock:
    """A field that is executed for each parent by graphql-core, errors and all."""

    def __init__(self, field: FieldPlan) -> None:
        self.field = field

    def column(self, run: Run, objects: list[Any], place: Place) -> Any:
        """Return the completed values, or a coroutine of them."""
        pairs = zip(objects, place.paths(), strict=True)
        entries = all_of([self._entry(run, each, path) for each, path in pairs])
        return then(entries, _column)

    def _entry(self, run: Run, parent: Any, path: Path | None) -> Any:
        field = self.field
        assert path is not None, "a field has a key"
        # Each entry is to know its own errors.
        executor = copy(run.executor)
        executor.collected_errors = CollectedErrors()
        try:
            value = executor.execute_field(field.parent_type, parent, field.details, path, None)
        except GraphQLError as error:
            return self._fault(executor.collected_errors, None, error)
        if is_awaitable(value):
            return self._awaited(executor.collected_errors, value)
        return self._fault(executor.collected_errors, value)

    async def _awaited(self, collected: CollectedErrors, value: Any) -> Any:
        try:
            return self._fault(collected, await value)
        except GraphQLError as error:
            return self._fault(collected, None, error)

    def _fault(self, collected: CollectedErrors, value: Any, bubble: GraphQLError | None = None) -> Any:
        # Their paths are whole already, and stay as they are.
        errors = tuple(Located(error, self.field.nodes) for error in collected.errors)
        if bubble is not None:
            return Fault(None, errors, Located(bubble, self.field.nodes))
        return Fault(value, errors) if errors else value


def _column(entries: list[Any]) -> Column:
    return entries, any(type(entry) is Fault for entry in entries)
