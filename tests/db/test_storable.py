"""What JSON allows and we don't is found, and named by the way to it."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from db.errors import Code, Fault
from db.storable import MAX_DEPTH, wrong_json


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("\0", "data must not contain the character U+0000"),
        ({"a": {"b": [1, "\ud800"]}}, "data/a/b/1 must not contain a lone surrogate"),
        ({"a": [{}, {"\0": 1}]}, "data/a/1 has a field whose name must not contain the character U+0000"),
        ([{"a": 1}, [], 2**64], "data/2 is a number beyond 64 bits"),
        ({"a": -(2**63) - 1}, "data/a is a number beyond 64 bits"),
        ([0.5, float("inf")], "data/1 is a number beyond 64 bits"),
        (nested(MAX_DEPTH + 1), f"data{'/0' * 47}/… is nested deeper than 100 levels"),
    ],
)
def test_the_first_wrong_part_is_named(value: Any, told: str) -> None:
    assert wrong_json(value, "/data") == Fault(Code.INVALID_VALUE, "/data", told)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        2**64 - 1,
        -(2**63),
        1e308,
        "\U0001f600\x01",
        {},
        [],
        nested(MAX_DEPTH),
        {"a": [{"": None}]},
    ],
)
def test_what_can_be_stored_is_not_wrong(value: Any) -> None:
    assert wrong_json(value, "/data") is None


def test_a_million_values_take_no_memory_of_their_own() -> None:
    value = {"a": [1] * 1_000_000}
    tracemalloc.start()
    try:
        assert wrong_json(value, "/data") is None
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
