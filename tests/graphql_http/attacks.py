"""Requests that ask for little and are meant to cost much."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Attack:
    """A request, and what becomes of it."""

    name: str
    request: Any
    code: str | None
    limit: str | None = None

    def __str__(self) -> str:
        return self.name


def asking(document: str, **variables: Any) -> dict[str, Any]:
    """Return an operation as it is sent."""
    return {"query": document, "variables": variables}


def chain(length: int, body: str, last: str, kind: str = "Query") -> str:
    """Return fragments each of which spreads the next one, wherever `body` says so."""
    links = (f"fragment F{i} on {kind} {{ {body.replace('NEXT', f'...F{i + 1}')} }}" for i in range(length))
    return " ".join((*links, f"fragment F{length} on {kind} {{ {last} }}"))


def fragments(count: int, body: str) -> str:
    """Return a query that spreads as many fragments of the same body at one place."""
    spreads = " ".join(f"...F{i}" for i in range(count))
    return f"{{ {spreads} }} " + " ".join(f"fragment F{i} on Query {{ {body} }}" for i in range(count))


DELETE = "mutation($input: [DeleteInput!]!) { deleteTags(input: $input) { count } }"
WIDE = " ".join(f"t{i}: types {{ ...T }}" for i in range(99))
TYPE = "fragment T on __Type { name fields { name args { name type { ...U } } type { ...U } } enumValues { name } }"
OF_TYPE = "fragment U on __Type { name ofType { name ofType { name ofType { name ofType { name } } } } }"

CYCLES = (
    Attack(
        "a cycle of fragments",
        asking("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    Attack(
        "a cycle of fragments through fields",
        asking("{ scopes { nodes { ...A } } } fragment A on Scope { parent { ...A } p: parent { ...A } }"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    Attack(
        "fragments that double each other",
        asking("{ ...F0 } " + chain(900, "NEXT NEXT", "__typename")),
        "LIMIT_REACHED",
        "validation",
    ),
    Attack(
        "fragments that triple the fields below them",
        asking(
            "{ scopes { nodes { ...F0 } } } "
            + chain(11, "parent { NEXT } a: parent { NEXT } b: parent { NEXT }", "id", "Scope")
        ),
        "LIMIT_REACHED",
        "cost",
    ),
    Attack(
        "a chain of fragments deeper than the limit",
        asking("{ scopes { nodes { ...F0 } } } " + chain(40, "parent { NEXT }", "id", "Scope")),
        "LIMIT_REACHED",
        "depth",
    ),
    Attack(
        "a long chain of fragments",
        asking("{ ...F0 } " + chain(1_200, "NEXT", "__typename")),
        "LIMIT_REACHED",
        "validation",
    ),
)
FLOODS = (
    Attack(
        "a flood of aliases",
        asking("{ " + " ".join(f"a{i}: __typename" for i in range(3_000)) + " }"),
        "LIMIT_REACHED",
        "aliases",
    ),
    Attack("a scalar many times", asking("{ " + "__typename " * 9_900 + "}"), "LIMIT_REACHED", "validation"),
    Attack(
        "an object many times",
        asking("{ " + "limits { depth } " * 2_400 + "}"),
        "LIMIT_REACHED",
        "validation",
    ),
    Attack(
        "deep objects many times",
        asking("{ " + "scopes { nodes { parent { parent { id } } } } " * 700 + "}"),
        "LIMIT_REACHED",
        "validation",
    ),
    Attack(
        "fields many times by fragments", asking(fragments(800, "__typename")), "LIMIT_REACHED", "validation"
    ),
    Attack(
        "objects many times by fragments",
        asking(fragments(700, "limits { depth }")),
        "LIMIT_REACHED",
        "validation",
    ),
    Attack(
        "directives many times",
        asking("{ __typename " + "@include(if: true) " * 1_400 + "}"),
        "LIMIT_REACHED",
        "directives",
    ),
    Attack(
        "directives on many fields",
        asking("{ " + "__typename @skip(if: false) " * 60 + "}"),
        "LIMIT_REACHED",
        "directives",
    ),
    Attack(
        "fields that don't exist",
        asking("{ " + " ".join(f"nothing{i}" for i in range(9_900)) + " }"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    Attack(
        "variables that nobody uses",
        asking("query(" + " ".join(f"$v{i}: Int" for i in range(2_400)) + ") { __typename }"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    Attack(
        "operations that nobody asked for",
        asking(
            " ".join(f"query Q{i} {{ ...F }}" for i in range(1_200))
            + " fragment F on Query { a: __typename }"
        ),
        "BAD_USER_INPUT",
    ),
    Attack("comments", asking("{ __typename }" + "\n#" * 20_000), "LIMIT_REACHED", "tokens"),
    Attack("tokens", asking("{ " + "a " * 200_000 + "}"), "LIMIT_REACHED", "tokens"),
)
DEPTHS = (
    Attack("nested fields", asking("{ a" * 3_000 + " }" * 3_000), "GRAPHQL_PARSE_FAILED"),
    Attack("nested inline fragments", asking("{ ..." * 2_400 + "{ a" + " }" * 2_400), "GRAPHQL_PARSE_FAILED"),
    Attack(
        "nested lists",
        asking("{ nodes(ids: " + "[" * 4_900 + "]" * 4_900 + ") { id } }"),
        "GRAPHQL_PARSE_FAILED",
    ),
    Attack(
        "nested objects",
        asking("{ resources(where: " + "{ a: " * 2_400 + "1" + " }" * 2_400 + ") { totalCount } }"),
        "GRAPHQL_PARSE_FAILED",
    ),
    Attack(
        "nested types",
        asking("query($a: " + "[" * 4_900 + "Int" + "]" * 4_900 + ") { __typename }"),
        "GRAPHQL_PARSE_FAILED",
    ),
    Attack(
        "nested lists in variables",
        asking("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=json.loads("[" * 900 + "]" * 900)),
        "BAD_USER_INPUT",
    ),
    Attack(
        "a number of 5,000 digits",
        asking("{ scopes(first: " + "9" * 5_000 + ") { totalCount } }"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    Attack(
        "circular introspection",
        asking("{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    Attack(
        "introspection a hundred times",
        asking(f"{{ __schema {{ {WIDE} }} }} {TYPE} {OF_TYPE}"),
        "LIMIT_REACHED",
        "cost",
    ),
)
SIZES = (
    Attack(
        "10,000 items", asking(DELETE, input=[{"id": "tag_high"}] * 10_000), "TOO_MANY_ITEMS", "batchItems"
    ),
    Attack("1,000,000 items", asking(DELETE, input=[{}] * 1_000_000), "TOO_MANY_ITEMS", "batchItems"),
    Attack(
        "items of the wrong type",
        asking(DELETE, input=[{"id": None, "x": i} for i in range(1_000)]),
        "BAD_USER_INPUT",
    ),
    Attack(
        "10,000 items in the document",
        asking("mutation { deleteTags(input: [" + "{id: 1} " * 1_600 + "]) { count } }"),
        "TOO_MANY_ITEMS",
        "batchItems",
    ),
    Attack(
        "1,000,000 ids",
        asking("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["x"] * 1_000_000),
        "LIMIT_REACHED",
        "cost",
    ),
    Attack(
        "100,000 ids",
        asking("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["x"] * 100_000),
        "BAD_USER_INPUT",
    ),
    Attack(
        "a variable of 15 MB",
        asking("query($id: ID!) { node(id: $id) { id } }", id="x" * 15 * MEGABYTE),
        None,
    ),
    Attack(
        "a variable of 15 MB that nobody uses",
        asking("{ __typename }", id="x" * 15 * MEGABYTE),
        None,
    ),
    Attack("a name of 5 MB", asking("{ " + "a" * 5 * MEGABYTE + " }"), "LIMIT_REACHED", "characters"),
    Attack("a name of 400 kB", asking("{ " + "a" * 400_000 + " }"), "GRAPHQL_VALIDATION_FAILED"),
    Attack(
        "a text of 15 MB in the document",
        asking('{ node(id: "' + "x" * 15 * MEGABYTE + '") { id } }'),
        "LIMIT_REACHED",
        "characters",
    ),
)
BATCHES = (
    Attack("guesses in a list", [asking("{ __typename }")] * 11, "LIMIT_REACHED", "operations"),
    Attack("a million guesses in a list", [1] * 1_000_000, "LIMIT_REACHED", "operations"),
    Attack(
        "guesses in a list of variables",
        {"query": "query($id: ID!) { node(id: $id) { id } }", "variables": [{"id": "x"}] * 1_000},
        "LIMIT_REACHED",
        "operations",
    ),
    Attack(
        "a list of documents that are long together",
        [asking("{ " + "__typename " * 1_100 + f"a{i}: __typename }}") for i in range(10)],
        "LIMIT_REACHED",
    ),
    Attack(
        "a list of documents that break off",
        [asking("{ " + f"a{i} " * 9_000) for i in range(10)],
        "LIMIT_REACHED",
        "tokens",
    ),
)
ATTACKS = (*CYCLES, *FLOODS, *DEPTHS, *SIZES, *BATCHES)
