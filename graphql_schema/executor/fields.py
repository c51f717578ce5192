"""The plan of one field: where its values come from, for all parents at once, and how they are completed."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from graphql import GraphQLNonNull, VariableNode
from graphql.execution.collect_fields import collect_subfields
from graphql.execution.values import get_argument_values
from graphql.language import ListValueNode, ObjectValueNode

from graphql_schema.executor import completion, fallback, sources
from graphql_schema.executor.infos import ResolveInfo
from graphql_schema.executor.levels import LevelPlan
from graphql_schema.executor.marks import Keyed
from graphql_schema.executor.places import OfField, OfSome
from graphql_schema.executor.runs import then

if TYPE_CHECKING:
    from graphql import FieldNode, GraphQLField, GraphQLObjectType, ValueNode
    from graphql.execution.collect_fields import FieldDetailsList

    from graphql_schema.executor.errors import Column
    from graphql_schema.executor.places import Place
    from graphql_schema.executor.runs import Run

_UNCHANGING = (str, int, float, bool, type(None), Enum)


class FieldPlan:
    """A field of a level, with all the nodes of the document that ask for it under one key."""

    def __init__(
        self,
        key: str,
        details: FieldDetailsList,
        definition: GraphQLField,
        parent_type: GraphQLObjectType,
        *,
        wrapped: bool = False,
    ) -> None:
        self.key, self.details, self.definition, self.parent_type = key, details, definition, parent_type
        self.nodes: list[FieldNode] = [each.node for each in details]
        self.name = self.nodes[0].name.value
        self.wrapped = wrapped
        """Whether resolvers are called through what the schema wraps around each."""
        self.type = completion.of(definition.type, self)
        self.source = sources.of(self)
        self._levels: dict[GraphQLObjectType, LevelPlan] = {}
        self._same: dict[str, Any] | None = None if definition.args or self.nodes[0].arguments else {}
        """Those arguments that are the same in every execution, once they are known."""
        self._varying: list[tuple[str, str, bool]] = []
        """Those that are variables: the names of both, and whether null is allowed."""

    def column(self, run: Run, objects: list[Any], place: Place) -> Any:
        """Return the completed values for all parents, or a coroutine of them."""
        below = OfField(place, self.key, self.parent_type.name)
        match self.source:
            case Keyed() as mark:
                return self._shared(run, mark, objects, below)
            case fallback.Stock() as stock:
                return stock.column(run, objects, below)
            case source:
                values = source.values(run, objects, below)
                return then(values, lambda values: self.type.complete(run, values, below))

    def arguments(self, run: Run) -> dict[str, Any]:
        """Return the values of the arguments; raises what is wrong with them."""
        if self._same is None:
            return self._worked_out(run)
        if not self._varying:
            return self._same
        values = dict(self._same)
        coerced = run.variables.coerced
        for name, variable, nullable in self._varying:
            value = coerced.get(variable)
            if value is None and not (nullable and variable in coerced):
                return self._worked_out(run)
            values[name] = value
        return values

    def _worked_out(self, run: Run) -> dict[str, Any]:
        """Return the values of the arguments, and keep those that are always the same."""
        values = get_argument_values(
            self.definition, self.nodes[0], run.variables, None, run.hide_suggestions
        )
        variables, varies = {}, False
        for argument in self.nodes[0].arguments or ():
            if isinstance(argument.value, VariableNode):
                variables[argument.name.value] = argument.value.name.value
            else:
                varies = varies or _varies(argument.value)
        varying: list[tuple[str, str, bool]] = []
        for name, definition in self.definition.args.items():
            if name in variables:
                nullable = not isinstance(definition.type, GraphQLNonNull)
                varying.append((definition.out_name or name, variables[name], nullable))
        names = {name for name, _, _ in varying}
        same = {name: value for name, value in values.items() if name not in names}
        if not varies and all(isinstance(value, _UNCHANGING) for value in same.values()):
            self._same, self._varying = same, varying
        return values

    def level(self, run: Run, kind: GraphQLObjectType) -> LevelPlan:
        """Return the plan of what is selected of objects of a type; raises `RecursionError`."""
        if kind not in self._levels:
            operation = run.operation
            collected = collect_subfields(
                operation.schema,
                operation.fragments,
                run.variables,
                operation.definition,
                kind,
                self.details,
                run.hide_suggestions,
            )
            self._levels[kind] = LevelPlan(planned(run, kind, collected.grouped_field_set))
        return self._levels[kind]

    def null_error(self) -> TypeError:
        """Return the error of a null where none may be."""
        return TypeError(f"Cannot return null for non-nullable field {self.parent_type}.{self.name}.")

    def _shared(self, run: Run, mark: Keyed, objects: list[Any], below: Place) -> Any:
        """Load and complete one value for each key, whoever has it."""
        if len(objects) == 1:
            return self._single(run, mark, objects[0], below)
        try:
            keys = [mark.key(each) for each in objects]
            distinct = [key for key in dict.fromkeys(keys) if key is not None]
        except Exception:  # noqa: BLE001 - found again, parent by parent
            values = sources.one_by_one(mark.key, objects)
            return self.type.complete(run, [_refused(value) for value in values], below)
        if not distinct:
            return self.type.complete(run, [None] * len(keys), below)
        first = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
        places = OfSome(below, [first[key] for key in distinct])
        try:
            loaded = mark.load(ResolveInfo(run, self, below), distinct)
        except Exception as error:  # noqa: BLE001 - the error of each parent that has a key
            loaded = [error] * len(distinct)

        def complete(values: list[Any]) -> Any:
            return then(self.type.complete(run, values, places), spread)

        def spread(column: Column) -> Column:
            completed, faulty = column
            of_key = dict(zip(distinct, completed, strict=True))
            if len(distinct) < len(keys) and None not in of_key:
                none, none_faulty = self.type.complete(run, [None], below)
                of_key[None] = none[0]
                faulty = faulty or (none_faulty and None in keys)
            return [of_key[key] for key in keys], faulty

        return then(sources.checked(run, loaded, len(distinct)), complete)

    def _single(self, run: Run, mark: Keyed, parent: Any, below: Place) -> Any:
        """Load and complete the value of the only parent."""
        try:
            key = mark.key(parent)
            loaded = [None] if key is None else mark.load(ResolveInfo(run, self, below), [key])
        except Exception as error:  # noqa: BLE001 - the error of the only place
            loaded = [error]
        values = sources.checked(run, loaded, 1)
        return then(values, lambda values: self.type.complete(run, values, below))


def planned(run: Run, kind: GraphQLObjectType, grouped: dict[str, FieldDetailsList]) -> list[FieldPlan]:
    """Return the plans of the fields that are selected of a type; what the type doesn't have is left out."""
    plans = []
    schema = run.strawberry_schema
    wrapped = schema is not None and bool(schema.exception_handlers)
    for key, details in grouped.items():
        definition = run.operation.schema.get_field(kind, details[0].node.name.value)
        if definition is not None:
            plans.append(FieldPlan(key, details, definition, kind, wrapped=wrapped))
    run.operation.size += len(plans)
    return plans


def _refused(value: object) -> Exception:
    """Return the error of a parent whose key can't be told, or isn't one."""
    return value if isinstance(value, Exception) else TypeError(f"unhashable key: {type(value).__name__}")


def _varies(value: ValueNode) -> bool:
    match value:
        case VariableNode():
            return True
        case ListValueNode():
            return any(map(_varies, value.values))
        case ObjectValueNode():
            return any(_varies(each.value) for each in value.fields)
        case _:
            return False
