"""Documents, parsed and validated once however often they are executed."""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    Source,
    specified_rules,
)
from graphql.language.parser import Parser, nested_too_deeply_error
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.schema.schema import validate_document

if TYPE_CHECKING:
    from graphql import GraphQLSchema

    from graphql_schema.budgets import Limits
    from graphql_schema.costs import Size

# Fields of the same name are compared in pairs. A hundred fragments that select the same fields at one place stay
# below; the library's own bound lets a document of 10,000 tokens be validated for seconds.
MAX_VALIDATION_STEPS = 100_000
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = MAX_VALIDATION_STEPS

ABORTED = "Validation aborted."
TOO_MANY_TOKENS = "Syntax Error: Document contains more than"

# What a parsed token takes in memory, measured.
BYTES_PER_TOKEN = 650
KEPT_BYTES = 64 * 1024 * 1024


class Measured(NamedTuple):
    """What an operation asks for under some limits, with variables of some sizes."""

    limits: Limits
    sizes: dict[str, Size]
    """The sizes of those variables on which it depends."""
    depth: int
    cost: int


@dataclass(frozen=True, eq=False, slots=True)
class Document:
    """A document that was read, be it valid or not."""

    ast: DocumentNode | None
    """`None` if it can't be parsed."""
    errors: list[GraphQLError]
    tokens: int
    aliases: int = 0
    directives: int = 0
    aborted: bool = False
    """Whether validating it took more than it may."""
    measured: dict[str | None, deque[Measured]] = field(default_factory=dict)
    """What its operations were found to ask for lately, by their names."""
    operations: dict[str | None, OperationDefinitionNode] = field(default_factory=dict)
    """Its operations by name, the only one also by none."""

    def __post_init__(self) -> None:
        definitions = self.ast.definitions if self.ast else ()
        operations = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
        for each in operations:
            if each.name:
                self.operations.setdefault(each.name.value, each)
        if len(operations) == 1:
            self.operations[None] = operations[0]

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """Return the operation that a name, or none, means."""
        return self.operations.get(name)


class Documents:
    """The documents used last, bounded by the memory they take: clients send what they like."""

    def __init__(self, capacity_bytes: int = KEPT_BYTES) -> None:
        self._capacity = capacity_bytes
        self._kept: OrderedDict[str, tuple[Document, int]] = OrderedDict()
        self.size = 0
        """Bytes of memory that the documents take, roughly."""

    def read(self, schema: GraphQLSchema, text: str, *, max_tokens: int) -> Document:
        """Return a text's document; whatever is wrong with it stands in there."""
        kept = self._kept.get(text)
        if kept is not None:
            self._kept.move_to_end(text)
            return kept[0]
        document = _read(schema, text, max_tokens)
        if document.ast is not None:
            self._keep(text, document)
        return document

    def _keep(self, text: str, document: Document) -> None:
        size = sys.getsizeof(text) + document.tokens * BYTES_PER_TOKEN
        # One document must not push out all the others.
        if size > self._capacity // 4:
            return
        self._kept[text] = document, size
        self.size += size
        while self.size > self._capacity:
            _, (_, dropped) = self._kept.popitem(last=False)
            self.size -= dropped


def _read(schema: GraphQLSchema, text: str, max_tokens: int) -> Document:
    parser = Parser(Source(text), max_tokens=max_tokens)
    try:
        ast = _parsed(parser)
    except GraphQLSyntaxError as error:
        return Document(None, [error], parser.token_count)
    aliases, directives = _counted(ast)
    errors = [_told(error) for error in validate_document(schema, ast, specified_rules)]
    aborted = any(error.message == ABORTED for error in errors)
    return Document(ast, errors, ast.token_count, aliases, directives, aborted)


def _told(error: GraphQLError) -> GraphQLError:
    """Return a fault of the document as such: what a scalar raised for a literal is no fault of ours."""
    if isinstance(error.original_error, ValueError):
        # Of a number with thousands of digits Python says which setting of the server would let it in.
        return GraphQLError("Int cannot represent a value of so many digits.", error.nodes)
    return GraphQLError(error.message, error.nodes) if error.original_error else error


def _parsed(parser: Parser) -> DocumentNode:
    try:
        return parser.parse_document()
    except RecursionError:
        pass
    # Outside of the handler, as the library does: else the error would hold all the frames.
    raise nested_too_deeply_error(parser)


def _counted(ast: DocumentNode) -> tuple[int, int]:
    """Return the aliases and the directives that a document has, whatever of it runs."""
    aliases = directives = 0
    pending: list[object] = list(ast.definitions)
    while pending:
        node = pending.pop()
        directives += len(getattr(node, "directives", None) or ())
        if isinstance(node, FieldNode) and node.alias is not None:
            aliases += 1
        selections = getattr(node, "selection_set", None)
        if selections is not None:
            pending.extend(selections.selections)
    return aliases, directives
