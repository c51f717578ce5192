"""The executor, which stops when the time of its operation is up, also in the middle of what never waits."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from db.errors import Unavailable

if TYPE_CHECKING:
    from graphql import GraphQLObjectType, GraphQLOutputType
    from graphql.execution.collect_fields import FieldDetailsList
    from graphql.pyutils import Path


class OutOfTime(Unavailable):
    """An operation that takes longer than it may."""


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Looks at the clock for each object.

    A timer alone is too late: the rows of a hundred lists arrive in one turn of the event loop, in which they would
    all be completed before any timer is due.
    """

    def collect_and_execute_subfields(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete an object, if there is time."""
        if monotonic() > self.context_value.deadline:
            raise OutOfTime("there was no time left")
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
