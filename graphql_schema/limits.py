"""The limits of a request, counted over all its operations before any of them runs.

Cost: 1 for each object that a field can answer at most (the page sizes around it multiplied), 1 for each item of a
mutation, nothing for scalars. A fragment is walked once however often it is spread, so that counting costs no more
than the document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_object_type,
)
from strawberry.extensions import ValidationCache

from db.plans import MAX_OPERATIONS
from db.reads import DEFAULT_LIMIT, MAX_LIMIT
from db.shapes import MAX_ITEMS
from graphql_schema.budgets import Budget, LimitReached, Limits
from graphql_schema.context import Info
from graphql_schema.fields import resolved_by, stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphql import GraphQLNamedType, GraphQLSchema, SelectionSetNode, ValueNode

INTROSPECTION = frozenset({"__schema", "__type", "__typename"})
PAGES = ("first", "last")
TOO_MANY_TOKENS = "Syntax Error: Document contains more than"
CONNECTION_MEMBERS = frozenset({"edges", "nodes"})


class LimitsExtension(ValidationCache):
    """Counts a document when it is parsed, and the chosen operation when it is valid."""

    def on_operation(self) -> Iterator[None]:
        """Bound the tokens that the parser reads."""
        budget: Budget = self.execution_context.context.budget
        self.execution_context.parse_options["max_tokens"] = budget.limits.tokens
        yield

    def on_validate(self) -> Iterator[None]:
        """Refuse what asks for too much, before any field runs."""
        context = self.execution_context
        budget: Budget = context.context.budget
        document = context.graphql_document
        if document is not None:
            try:
                # Before validation, which for such a document could itself be the attack.
                _count_document(document, budget)
                schema = context.schema._schema  # noqa: SLF001 - the one way to it
                errors = self.cached_validate_document(schema, document, context.validation_rules)
                context.pre_execution_errors = errors
                if not errors:
                    self._spend(_Counter(schema, document, context.variables or {}), budget)
            except LimitReached as error:
                context.pre_execution_errors = [error]
        yield

    def _spend(self, counter: _Counter, budget: Budget) -> None:
        operation = counter.operation(self.execution_context._provided_operation_name)  # noqa: SLF001 - the public one guesses
        if operation is None:
            return
        depth, cost = counter.measured(operation)
        budget.require("depth", depth)
        budget.spend("cost", cost)
        self.execution_context.context.cost = cost

    def get_results(self) -> dict[str, Any]:
        """Tell the client what its operation cost."""
        context = self.execution_context.context
        if context.cost is None:
            return {}
        return {"cost": {"requested": context.cost, "allowed": context.budget.limits.cost}}


def told(error: GraphQLError, budget: Budget) -> GraphQLError:
    """Return an error as it is, but the parser's refusal of a long document in the words of the limit."""
    if not error.message.startswith(TOO_MANY_TOKENS):
        return error
    return LimitReached("tokens", budget.limits.tokens + 1, budget.limits.tokens)


def _count_document(document: DocumentNode, budget: Budget) -> None:
    """Count what a document itself has, whatever of it runs: tokens, aliases and directives."""
    budget.spend("tokens", document.token_count)
    aliases = directives = 0
    pending: list[Any] = list(document.definitions)
    while pending:
        node = pending.pop()
        directives += len(getattr(node, "directives", None) or ())
        if isinstance(node, FieldNode) and node.alias is not None:
            aliases += 1
        selections = getattr(node, "selection_set", None)
        if selections is not None:
            pending.extend(selections.selections)
    budget.spend("aliases", aliases)
    budget.spend("directives", directives)


class _Counter:
    """Measures the operations of one valid document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        self._operations = [
            each for each in document.definitions if isinstance(each, OperationDefinitionNode)
        ]
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._known: dict[str, tuple[int, int]] = {}
        self._defaults: dict[str, ValueNode] = {}

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """Return the operation that a name means."""
        if name is None:
            return self._operations[0] if len(self._operations) == 1 else None
        return next((each for each in self._operations if each.name and each.name.value == name), None)

    def measured(self, operation: OperationDefinitionNode) -> tuple[int, int]:
        """Return the depth and the cost of an operation."""
        self._defaults = {
            each.variable.name.value: each.default_value
            for each in operation.variable_definitions or ()
            if each.default_value is not None
        }
        root = self._schema.get_root_type(operation.operation)
        return self._selections(operation.selection_set, root)

    def _selections(
        self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None
    ) -> tuple[int, int]:
        """Return the depth below, and the cost per parent, of a selection set."""
        depth = cost = 0
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
            depth, cost = max(depth, below[0]), cost + below[1]
        return depth, cost

    def _fragment(self, name: str) -> tuple[int, int]:
        if name not in self._known:
            fragment = self._fragments[name]
            inner = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name] = self._selections(fragment.selection_set, inner)
        return self._known[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> tuple[int, int]:
        name = node.name.value
        definition = getattr(parent, "fields", {}).get(name)
        if name in INTROSPECTION or definition is None:
            return (1 if name == "__typename" else 0), 0
        answer = get_named_type(definition.type)
        depth, below = self._selections(node.selection_set, answer)
        items = self._items(node)
        if not is_composite_type(answer):
            return depth + 1, items
        if name in CONNECTION_MEMBERS:
            # The connection around it has counted its page.
            return depth + 1, below
        return depth + 1, items + self._page(node, answer) * (1 + below)

    def _page(self, node: FieldNode, answer: GraphQLNamedType) -> int:
        """Return how many objects a field answers at most."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        if is_object_type(answer) and "edges" in answer.fields:
            sizes = [self._number(given[name]) for name in PAGES if name in given]
            return max((size for size in sizes if size is not None), default=DEFAULT_LIMIT)
        if "ids" in given:
            return self._length(given["ids"])
        return 1

    def _items(self, node: FieldNode) -> int:
        """Return the number of items of a mutation."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        return sum(self._length(given[name]) for name in ("input", "operations") if name in given)

    def _number(self, value: ValueNode) -> int | None:
        if isinstance(value, VariableNode):
            given = self._variables.get(value.name.value)
            if given is None and value.name.value in self._defaults:
                return self._number(self._defaults[value.name.value])
            return max(given, 0) if isinstance(given, int) and not isinstance(given, bool) else None
        return max(int(value.value), 0) if isinstance(value, IntValueNode) else None

    def _length(self, value: ValueNode) -> int:
        if isinstance(value, VariableNode):
            given = self._variables.get(value.name.value)
            return len(given) if isinstance(given, list) else 1
        return len(value.values) if isinstance(value, ListValueNode) else 1


@strawberry.type(
    name="Limits", description="What one request may ask for; whatever exceeds it is refused whole."
)
class LimitsShown:
    depth: int = stored("Levels of fields below each other.")
    aliases: int = stored("Aliased fields, in all operations of a request.")
    tokens: int = stored("Tokens of the documents of a request. Large values belong into variables.")
    directives: int = stored("Directives, in all operations of a request.")
    cost: int = stored(
        "Cost of all operations of a request: 1 for each object that a field can answer at most, the size of the "
        "pages around it considered, and 1 for each item of a mutation."
    )
    operations: int = stored("Operations of a batched request.")
    page: int = resolved_by(lambda: MAX_LIMIT, "The largest page of a list.")
    default_page: int = resolved_by(lambda: DEFAULT_LIMIT, "The page of a list that names no size.")
    batch_items: int = resolved_by(lambda: MAX_ITEMS, "Items of one mutation.")
    batch_operations: int = resolved_by(lambda: MAX_OPERATIONS, "Operations of `runBatch`.")


def _limits(info: Info) -> Limits:
    return info.context.budget.limits


@strawberry.type
class LimitQueries:
    limits: LimitsShown = resolved_by(_limits, "What one request may ask for.")
