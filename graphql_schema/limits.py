"""The limits of a request, counted over all its operations before any of them runs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.extensions import SchemaExtension

from db.plans import MAX_OPERATIONS
from db.reads import DEFAULT_LIMIT
from graphql_schema.budgets import Budget, LimitReached, Limits
from graphql_schema.context import Context, Info
from graphql_schema.costs import Counter, size_of
from graphql_schema.documents import MAX_VALIDATION_STEPS, TOO_MANY_TOKENS, Document, Documents, Measured
from graphql_schema.fields import resolved_by, stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphql import GraphQLSchema

# A client asks again and again for pages, or sends batches, of the same few sizes.
KEPT_MEASURES = 4

documents = Documents()
"""Those of this process; there is one schema."""


def admit(
    context: Context,
    schema: GraphQLSchema,
    text: str,
    variables: Mapping[str, Any] | None,
    operation_name: str | None,
) -> Document:
    """Read an operation's document and count it, once; raises `LimitReached`, and tells all else in the document."""
    if context.document is None:
        budget = context.budget
        budget.spend("characters", len(text))
        document = documents.read(schema, text, max_tokens=budget.limits.tokens)
        _count(document, budget)
        if not document.errors:
            depth, cost = _measured(schema, document, variables or {}, operation_name, budget.limits)
            budget.require("depth", depth)
            budget.spend("cost", cost)
            context.cost = cost
        context.document = document
    return context.document


def _count(document: Document, budget: Budget) -> None:
    if document.ast is None and document.errors[0].message.startswith(TOO_MANY_TOKENS):
        raise LimitReached("tokens", budget.limits.tokens + 1, budget.limits.tokens)
    budget.spend("tokens", document.tokens)
    budget.spend("aliases", document.aliases)
    budget.spend("directives", document.directives)
    if document.aborted:
        raise LimitReached("validation", MAX_VALIDATION_STEPS + 1, MAX_VALIDATION_STEPS)


def _measured(
    schema: GraphQLSchema, document: Document, variables: Mapping[str, Any], name: str | None, limits: Limits
) -> tuple[int, int]:
    """Return the depth and the cost of the operation that would be executed."""
    operation = document.operation(name)
    if operation is None or document.ast is None:
        return 0, 0
    measured = document.measured.get(name)
    if measured is None:
        measured = document.measured[name] = deque(maxlen=KEPT_MEASURES)
    for each in measured:
        if each.limits is limits and all(size_of(variables, key) == size for key, size in each.sizes.items()):
            return each.depth, each.cost
    counter = Counter(schema, document.ast, variables, limits)
    try:
        found = counter.measured(operation)
    except RecursionError:
        found = None
    if found is None:
        raise LimitReached("validation", MAX_VALIDATION_STEPS + 1, MAX_VALIDATION_STEPS)
    measured.appendleft(Measured(limits, counter.sizes, *found))
    return found


class LimitsExtension(SchemaExtension):
    """Hands a document over that was admitted already, or is now."""

    def on_parse(self) -> Iterator[None]:
        """Refuse what asks for too much, before any field runs."""
        context = self.execution_context
        document = admit(
            context.context,
            context.schema._schema,  # noqa: SLF001 - the one way to it
            context.query or "",
            context.variables,
            context._provided_operation_name,  # noqa: SLF001 - the public one guesses
        )
        if document.ast is None:
            raise document.errors[0].with_traceback(None)
        context.graphql_document = document.ast
        yield

    def on_validate(self) -> Iterator[None]:
        """Tell what is wrong with the document, or nothing, so that it isn't validated again."""
        document: Document = self.execution_context.context.document
        self.execution_context.pre_execution_errors = document.errors
        yield

    def get_results(self) -> dict[str, Any]:
        """Tell the client what its operation cost."""
        context: Context = self.execution_context.context
        return context.cost_told()


@strawberry.type(
    name="Limits", description="What one request may ask for; whatever exceeds it is refused whole."
)
class LimitsShown:
    depth: int = stored("Levels of fields below each other.")
    aliases: int = stored("Aliased fields, in all operations of a request.")
    tokens: int = stored("Tokens of the documents of a request. Large values belong into variables.")
    characters: int = stored("Characters of the documents of a request.")
    directives: int = stored("Directives, in all operations of a request.")
    cost: int = stored(
        "Cost of all operations of a request: 1 for each object that a field can answer at most, the size of the "
        "pages around it considered, and 1 for each item of a mutation."
    )
    operations: int = stored(
        "Operations of a batched request; one with several sets of variables counts as that many."
    )
    page: int = stored("The largest page of a list.")
    default_page: int = resolved_by(lambda: DEFAULT_LIMIT, "The page of a list that names no size.")
    batch_items: int = stored("Items of one mutation.")
    batch_operations: int = resolved_by(lambda: MAX_OPERATIONS, "Operations of `runBatch`.")
    body_bytes: int = stored("Bytes of a request's body, after inflation.")
    seconds: float = stored(
        "How long a request may take; what isn't done by then is refused as `OVERLOADED`."
    )


def _limits(info: Info) -> Limits:
    return info.context.budget.limits


@strawberry.type
class LimitQueries:
    limits: LimitsShown = resolved_by(_limits, "What one request may ask for.")
