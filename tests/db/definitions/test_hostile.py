"""Schemas made to take forever are refused, or compiled and applied within bounds."""

from __future__ import annotations

import time
from typing import Any

import pytest

from db.definitions import Reading, compile_definition, read_schema

# Far above what any of these takes, and far below what any took without a limit.
BOUND_S = 10
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"


def wrapped(depth: int, keyword: str, inner: Any) -> Any:
    for _ in range(depth):
        inner = {keyword: inner} if keyword in ("items", "not") else {keyword: [inner]}
    return inner


def doubled(count: int, keyword: str) -> dict[str, Any]:
    steps: dict[str, Any] = {
        f"a{at}": {keyword: [{"$ref": f"#/definitions/a{at + 1}"}] * 2} for at in range(count)
    }
    return {"definitions": {**steps, f"a{count}": {"type": "string"}}, "$ref": "#/definitions/a0"}


def unevaluated(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"properties": {"a": True}}
    for _ in range(depth):
        schema = {"allOf": [schema], "unevaluatedProperties": False}
    return {"$schema": DRAFT_2020, **schema}


REFUSED = {
    "nested deeply": wrapped(100_000, "items", {}),
    "just too deep": wrapped(101, "items", {}),
    "many nodes": {"properties": {f"p{at}": {} for at in range(20_000)}},
    "doubled allOf": doubled(40, "allOf"),
    "doubled anyOf": doubled(40, "anyOf"),
    "nested unevaluated": unevaluated(30),
    "enum of objects": {"enum": [{"a": at} for at in range(50_000)]},
    "enum of integers": {"enum": list(range(100_000))},
    "enum of fractions": {"enum": [at + 0.5 for at in range(1_000)]},
    "many patterns": {"properties": {f"p{at}": {"pattern": f"^a{at}"} for at in range(1_001)}},
    "large patterns": {"properties": {f"p{at}": {"pattern": f"^.{{1,300}}{at}$"} for at in range(1_000)}},
    "exploding patterns": {
        "properties": {f"p{at}": {"pattern": f"(a{{999}}){{{at + 99}}}"} for at in range(5_000)}
    },
    "long pattern": {"pattern": "a" * 1_000_000},
    "many faults": {"properties": {f"p{at}": {"type": "no"} for at in range(15_000)}},
    "long chain": {
        "definitions": {f"a{at}": {"allOf": [{"$ref": f"#/definitions/a{at + 1}"}]} for at in range(9_000)}
    },
}
N = {"$ref": "#/definitions/n"}
BOUNDED = {
    "as deep as allowed": wrapped(99, "items", {"type": "string"}),
    "enum of texts": {"properties": {"a": {"enum": [f"v{at}" for at in range(80_000)]}}},
    "many required": {"properties": {"a": {"required": [f"p{at}" for at in range(80_000)]}}},
    "doubly recursive": {
        "type": "object",
        "properties": {"a": {"$ref": "#"}},
        "allOf": [{"properties": {"a": {"$ref": "#"}}}],
    },
    "recursive choice": {
        **N,
        "definitions": {
            "n": {
                "oneOf": [
                    {"type": "integer"},
                    {"properties": {"a": N}},
                    {"properties": {"a": N}, "required": ["b"]},
                ]
            }
        },
    },
    "shared by many": {
        "definitions": {"b": {"properties": {f"p{at}": {"type": "string"} for at in range(5_000)}}},
        "properties": {f"q{at}": {"$ref": "#/definitions/b"} for at in range(7_000)},
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_schemas_without_a_bound_are_refused(name: str) -> None:
    started = time.perf_counter()
    faults = read_schema(REFUSED[name])
    assert isinstance(faults, tuple)
    assert 1 <= len(faults) <= 100
    assert all(fault.pointer.startswith("/schema") and len(fault.detail) < 400 for fault in faults)
    assert time.perf_counter() - started < BOUND_S


def deep(leaf: Any) -> Any:
    for _ in range(98):
        leaf = {"a": leaf}
    return leaf


@pytest.mark.parametrize("name", BOUNDED)
def test_schemas_with_a_bound_keep_it(name: str) -> None:
    started = time.perf_counter()
    schema = BOUNDED[name]
    assert read_schema(schema) == Reading(frozenset())
    definition = compile_definition(schema, {}, external_id_field=None, display_name_path=None)
    wide = {f"q{at}": {f"p{at}": 1} for at in range(5_000)}
    for data in (deep(1), deep("x"), deep({}), wide, {"a": ["x"] * 100_000}, [[1]] * 50_000):
        assert len(definition.faults(data)) <= 20
        definition.unknown(data)
        definition.references(data)
    assert time.perf_counter() - started < BOUND_S
