"""This schema's executor, which stops when the time of its operation is up, also in the middle of what never waits."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from db.errors import Unavailable
from graphql_schema.executor import BreadthFirstExecutor

if TYPE_CHECKING:
    from graphql import GraphQLObjectType, GraphQLOutputType
    from graphql.execution.collect_fields import FieldDetailsList
    from graphql.pyutils import Path


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

    def pace(self, objects: int) -> None:
        """Go on, if there is time."""
        del objects
        self._require_time()

    def collect_and_execute_subfields(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete an object, if there is time."""
        self._require_time()
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

    def _require_time(self) -> None:
        if self.context_value is not None and monotonic() > self.context_value.deadline:
            raise OutOfTime("there was no time left")
