"""How deep an operation is and what it costs, before any of it runs.

Cost: 1 for each object that a field can answer at most (the page sizes around it multiplied), 1 for each item of a
mutation, nothing for scalars. A page below the results of a mutation counts for each item, and one below a list
without pages as often as if that were a page. Introspection counts likewise, by the mean sizes of the schema. A
fragment is walked once however often it is spread, so that counting costs no more than the document.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_introspection_type,
    is_list_type,
    is_object_type,
)

from db.reads import DEFAULT_LIMIT, MAX_LIMIT
from graphql_schema.budgets import LimitReached, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import GraphQLField, GraphQLNamedType, GraphQLSchema, SelectionSetNode, ValueNode

PAGES = ("first", "last")
ITEMS = ("input", "records", "externalIds")
CONNECTION_MEMBERS = frozenset({"edges", "nodes"})
INTROSPECTION: Mapping[str, GraphQLField] = {
    "__schema": SchemaMetaFieldDef,
    "__type": TypeMetaFieldDef,
}


class Measured(NamedTuple):
    """What a part of an operation asks for."""

    depth: int = 0
    cost: int = 0
    """What is answered for each object of the page around it."""
    once: int = 0
    """What is answered once for the page as such."""
    paged: int = 0
    """What of the cost lies in pages."""


Size = tuple[str, float]
"""All that a variable's value has to do with the cost: how long a list is, or what a number is."""


def size_of(variables: Mapping[str, Any], name: str) -> Size:
    """Return the size of a variable's value."""
    if name not in variables:
        return "absent", 0
    match variables[name]:
        case list() as items:
            return "list", len(items)
        case int() | float() as number if not isinstance(number, bool):
            return "number", number
        case _:
            return "other", 0


class Counter:
    """Measures one operation of a valid document; raises `LimitReached` for what no operation may have."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any], limits: Limits
    ) -> None:
        self.sizes: dict[str, Size] = {}
        """The sizes of those variables on which the cost depends."""
        self._schema = schema
        self._variables = variables
        self._limits = limits
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._known: dict[str, Measured] = {}
        self._defaults: dict[str, ValueNode] = {}
        self._level = 0

    def measured(self, operation: OperationDefinitionNode) -> tuple[int, int]:
        """Return the depth and the cost of an operation."""
        self._defaults = {
            each.variable.name.value: each.default_value
            for each in operation.variable_definitions or ()
            if each.default_value is not None
        }
        root = self._schema.get_root_type(operation.operation)
        measured = self._selections(operation.selection_set, root)
        return measured.depth, measured.cost

    def _selections(self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Measured:
        """Return the depth below, and the cost per parent, of a selection set."""
        depth = cost = once = paged = 0
        for selection in selections.selections if selections else ():
            match selection:
                case FieldNode():
                    below = self._field(selection, parent)
                case InlineFragmentNode():
                    condition = selection.type_condition
                    inner = self._schema.get_type(condition.name.value) if condition else parent
                    below = self._selections(selection.selection_set, inner)
                case FragmentSpreadNode():
                    below = self._fragment(selection.name.value)
                case _:
                    continue
            depth, cost, once = max(depth, below.depth), cost + below.cost, once + below.once
            paged += below.paged
        return Measured(depth, cost, once, paged)

    def _fragment(self, name: str) -> Measured:
        if name not in self._known:
            fragment = self._fragments[name]
            inner = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name] = self._selections(fragment.selection_set, inner)
        return self._known[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Measured:
        name = node.name.value
        definition = INTROSPECTION.get(name) or getattr(parent, "fields", {}).get(name)
        if definition is None:
            # Only `__typename` is on every type.
            return Measured(1)
        answer = get_named_type(definition.type)
        items = self._items(node)
        if not is_composite_type(answer):
            return Measured(1, items)
        depth, below, once, paged = self._below(node, answer)
        if is_introspection_type(answer):
            # Its own rule of validation bounds the depth.
            return Measured(0, _mean_size(self._schema, parent, name) * (1 + below))
        in_page = "edges" in getattr(parent, "fields", {})
        if in_page and name in CONNECTION_MEMBERS:
            # The connection around it has counted its page.
            return Measured(depth + 1, below)
        if in_page:
            return Measured(depth + 1, 0, 1 + below)
        cost = items + self._page(node, answer) * (1 + below) + once
        if _is_connection(answer):
            return Measured(depth + 1, cost, paged=cost)
        # Each item of a mutation has a result with pages of its own, and so has each object of a list without pages
        # (those of `nodes` are counted by its ids).
        times = 1
        if items and "results" in getattr(answer, "fields", {}):
            times = items
        elif name not in {"results", "nodes"} and is_list_type(get_nullable_type(definition.type)):
            times = DEFAULT_LIMIT
        return Measured(depth + 1, cost + (times - 1) * paged, paged=times * paged)

    def _below(self, node: FieldNode, answer: GraphQLNamedType) -> Measured:
        if is_introspection_type(answer):
            return self._selections(node.selection_set, answer)
        self._level += 1
        if self._level > self._limits.depth:
            # Before a chain of fragments meets the interpreter's own limit.
            raise LimitReached("depth", self._level, self._limits.depth)
        measured = self._selections(node.selection_set, answer)
        self._level -= 1
        return measured

    def _page(self, node: FieldNode, answer: GraphQLNamedType) -> int:
        """Return how many objects a field answers at most."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        if _is_connection(answer):
            sizes = [self._number(given[name]) for name in PAGES if name in given]
            size = max((size for size in sizes if size is not None), default=DEFAULT_LIMIT)
            if size > MAX_LIMIT:
                # No server allows it, so the field itself refuses its argument, and reads nothing.
                return MAX_LIMIT
            if size > self._limits.page:
                raise LimitReached("page", size, self._limits.page)
            return size
        if "ids" in given:
            return self._length(given["ids"])
        return 1

    def _items(self, node: FieldNode) -> int:
        """Return the number of items of a mutation."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        if "operations" in given:
            return self._length(given["operations"])
        name = next((each for each in ITEMS if each in given), None)
        if name is None:
            return 0
        items = self._length(given[name])
        if items > self._limits.batch_items:
            # Before so many are coerced to the schema's types.
            raise LimitReached("batchItems", items, self._limits.batch_items)
        return items

    def _number(self, value: ValueNode) -> int | None:
        if isinstance(value, VariableNode):
            if (default := self._default(value)) is not None:
                return self._number(default)
            given = self._variable(value)
            # GraphQL takes 1000.0 for an Int, too.
            if isinstance(given, float) and given.is_integer():
                given = int(given)
            return max(given, 0) if isinstance(given, int) and not isinstance(given, bool) else None
        return max(int(value.value), 0) if isinstance(value, IntValueNode) else None

    def _length(self, value: ValueNode) -> int:
        if isinstance(value, VariableNode):
            if (default := self._default(value)) is not None:
                return self._length(default)
            given = self._variable(value)
            return len(given) if isinstance(given, list) else 1
        return len(value.values) if isinstance(value, ListValueNode) else 1

    def _default(self, node: VariableNode) -> ValueNode | None:
        """Return the default of a variable that isn't given; one that is null was given."""
        self.sizes[node.name.value] = size_of(self._variables, node.name.value)
        return None if node.name.value in self._variables else self._defaults.get(node.name.value)

    def _variable(self, node: VariableNode) -> object:
        self.sizes[node.name.value] = size_of(self._variables, node.name.value)
        return self._variables.get(node.name.value)


def _is_connection(answer: GraphQLNamedType) -> bool:
    return is_object_type(answer) and "edges" in answer.fields


@cache
def _mean_size(schema: GraphQLSchema, parent: GraphQLNamedType | None, name: str) -> int:
    """Return how many objects a field of the introspection answers, on average and rounded up."""
    types = list(schema.type_map.values())
    fields = [each for kind in types for each in getattr(kind, "fields", {}).values()]
    owner = parent.name if parent else ""
    match owner, name:
        case "__Schema", "types":
            return len(types)
        case "__Schema", "directives":
            return len(schema.directives)
        case "__Type", "fields" | "inputFields":
            return -(-len(fields) // len(types))
        case "__Type", "enumValues" | "interfaces" | "possibleTypes":
            values = sum(len(getattr(kind, "values", ())) for kind in types)
            return -(-values // len(types))
        case "__Field" | "__Directive", "args":
            return -(-sum(len(getattr(each, "args", ())) for each in fields) // len(fields))
        case _:
            return 1
