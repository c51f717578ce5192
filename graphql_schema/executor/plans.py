"""Operations that were compiled, the last used ones, bounded by what they take."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    VariableNode,
)
from graphql.execution.collect_fields import FragmentDetails

from graphql_schema.executor.inputs import Variables

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from graphql import GraphQLSchema
    from graphql.language import Node

    from graphql_schema.executor.levels import LevelPlan

# A field of a plan takes about 2 KiB, a token of a document a third of that.
CAPACITY = 50_000
MOST = 1_000
CONDITIONS = frozenset({"skip", "include"})
UNSUPPORTED = ("defer", "stream")


@dataclass(eq=False)
class Operation:
    """An operation of a document, with what is found out about it once."""

    schema: GraphQLSchema
    document: DocumentNode
    definition: OperationDefinitionNode
    fragment_definitions: dict[str, FragmentDefinitionNode]
    fragments: dict[str, FragmentDetails]
    variables: Variables
    conditions: tuple[str, ...]
    """The variables on which it depends which fields are selected."""
    plannable: bool
    size: int
    noted: int = 0
    plans: dict[tuple[Any, ...], LevelPlan] = field(default_factory=dict)

    def selection(self, coerced: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what of the variables decides which fields are selected."""
        return tuple(coerced.get(name, Undefined) for name in self.conditions)


class Operations:
    """The operations used last; a document that is parsed anew is another one."""

    def __init__(self, capacity: int = CAPACITY, most: int = MOST) -> None:
        self._capacity, self._most = capacity, most
        self._kept: OrderedDict[Hashable, tuple[Operation, int]] = OrderedDict()
        self.size = 0
        """What they take, in fields and tokens."""

    def find(self, schema: GraphQLSchema, document: DocumentNode, name: str | None) -> Operation | None:
        """Return the operation that a name, or none, means; `None` where graphql-core is to tell what is wrong."""
        # An operation holds its document, so no other one can have the same identity.
        key = (id(schema), id(document), name)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept[0]
        operation = _prepared(schema, document, name)
        if operation is not None:
            self._kept[key] = operation, operation.size
            self._resized(operation.size)
        return operation

    def grown(self, operation: Operation, name: str | None) -> None:
        """Take note that an operation has grown by what was compiled of it."""
        if operation.noted == operation.size:
            return
        operation.noted = operation.size
        key = (id(operation.schema), id(operation.document), name)
        if (kept := self._kept.get(key)) is not None:
            self._kept[key] = operation, operation.size
            self._resized(operation.size - kept[1])

    def _resized(self, more: int) -> None:
        self.size += more
        while self.size > self._capacity or len(self._kept) > self._most:
            _, (_, size) = self._kept.popitem(last=False)
            self.size -= size

    def __len__(self) -> int:
        return len(self._kept)


def _prepared(schema: GraphQLSchema, document: DocumentNode, name: str | None) -> Operation | None:
    chosen: list[OperationDefinitionNode] = []
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            fragments[definition.name.value] = definition
        elif isinstance(definition, OperationDefinitionNode) and (
            name is None or (definition.name is not None and definition.name.value == name)
        ):
            chosen.append(definition)
    if not chosen or (name is None and len(chosen) > 1):
        return None
    # As graphql-core does: of several with one name it takes the last.
    definition = chosen[-1]
    if any(each.variable_definitions for each in fragments.values()):
        return None
    return Operation(
        schema,
        document,
        definition,
        fragments,
        {key: FragmentDetails(each, None) for key, each in fragments.items()},
        Variables(schema, definition.variable_definitions or ()),
        _conditions(document),
        _is_plannable(schema, definition),
        (document.token_count or 0) + 1,
    )


def _is_plannable(schema: GraphQLSchema, definition: OperationDefinitionNode) -> bool:
    if (
        definition.operation is OperationType.SUBSCRIPTION
        or schema.get_root_type(definition.operation) is None
    ):
        return False
    if any(schema.get_directive(name) for name in UNSUPPORTED):
        return False
    # A directive of the operation may change what errors do.
    return not definition.directives


def _conditions(document: DocumentNode) -> tuple[str, ...]:
    """Return the variables in the conditions of a document."""
    found: dict[str, None] = {}
    pending: list[Node] = [*document.definitions]
    while pending:
        node: Any = pending.pop()
        for directive in getattr(node, "directives", None) or ():
            if directive.name.value in CONDITIONS:
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        found[argument.value.name.value] = None
        selections = getattr(node, "selection_set", None)
        if selections is not None:
            pending.extend(selections.selections)
    return tuple(found)
