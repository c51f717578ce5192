"""What a resolver may ask of its execution; made only for resolvers that ask, and its path only if it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphql import FieldNode, GraphQLObjectType, GraphQLOutputType, GraphQLSchema
    from graphql.pyutils import Path

    from graphql_schema.executor.fields import FieldPlan
    from graphql_schema.executor.places import Place
    from graphql_schema.executor.runs import Run


class ResolveInfo:
    """The members of graphql-core's `GraphQLResolveInfo`, as Strawberry extends it, each looked up when it is read."""

    __slots__ = ("_field", "_index", "_place", "_run")

    def __init__(self, run: Run, field: FieldPlan, place: Place, index: int = 0) -> None:
        self._run, self._field, self._place, self._index = run, field, place, index

    def __getattr__(self, name: str) -> Any:
        """Return what the executor of the operation has by this name."""
        if name in _OF_EXECUTOR:
            return getattr(self._run.executor, _OF_EXECUTOR[name])
        raise AttributeError(f"info has no {name}", name=name, obj=self)

    @property
    def field_name(self) -> str:
        """The name of the field in the schema."""
        return self._field.name

    @property
    def field_nodes(self) -> list[FieldNode]:
        """The places in the document that ask for the field."""
        return self._field.nodes

    @property
    def return_type(self) -> GraphQLOutputType:
        """The type of the field."""
        return self._field.definition.type

    @property
    def parent_type(self) -> GraphQLObjectType:
        """The type of the object that the field is of."""
        return self._field.parent_type

    @property
    def path(self) -> Path:
        """The path of the field: that of its value, without the indices of lists in it."""
        path = self._place.paths()[self._index]
        while path is not None and isinstance(path.key, int):
            path = path.prev
        assert path is not None, "a field has a key"
        return path

    @property
    def schema(self) -> GraphQLSchema:
        """The schema."""
        return self._run.operation.schema

    @property
    def context(self) -> Any:
        """What all resolvers of the operation share."""
        return self._run.context

    @property
    def variable_values(self) -> dict[str, Any]:
        """The values of the operation's variables."""
        return self._run.variables.coerced


_OF_EXECUTOR = {
    name: name
    for name in (
        "root_value",
        "operation",
        "is_awaitable",
        "abort_signal",
        "async_helpers",
        "operation_extensions",
    )
} | {"fragments": "fragment_definitions"}
