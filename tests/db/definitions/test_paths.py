"""Display names and external ids within data."""

from __future__ import annotations

from typing import Any

import pytest

from db.definitions import check_display_path, compile_definition, external_id_of
from db.errors import Code, Fault


def display_name(path: str, data: Any) -> str | None:
    assert check_display_path(path) is None
    return compile_definition(None, {}, external_id_field=None, display_name_path=path).display_name(data)


@pytest.mark.parametrize(
    "path",
    [
        "$.a.b",
        "$",
        "$['a'][0]",
        '$["a\\"b"]',
        "$[-1]",
        "$ .a ['b']",
        "$.été",
        r"$['\u00e9']",
        r"$['\'']",
        "$['\"']",
        "$._1",
    ],
)
def test_singular_queries_are_accepted(path: str) -> None:
    assert check_display_path(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        ".a",
        "$.",
        "$..a",
        "$.*",
        "$[*]",
        "$[0:1]",
        "$[?@.a]",
        "$['a','b']",
        "$[01]",
        "$[-0]",
        "$.1",
        "$['a",
        "$.a ",
        " $.a",
        "$[9007199254740992]",
        r"$['\ud800']",
        r"$['\x']",
        "$['a\nb']",
        '$["\\\'"]',
        "$.a-b",
        "$" + ".a" * 500,
    ],
)
def test_other_queries_are_refused_with_a_reason(path: str) -> None:
    assert check_display_path(path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("$.a.b", "x"),
        ("$['c'][0]", "1"),
        ("$.c[-1]", "true"),
        ("$.c[1]", "1.5"),
        ("$.c[9]", None),
        ("$.a", None),
        ("$.no", None),
        ("$.a.b.c", None),
        ("$.e", None),
        ("$.n", None),
        ("$['q\\'\"']", "quoted"),
        ("$.long", "y" * 1_000),
    ],
)
def test_display_names_are_text(path: str, name: str | None) -> None:
    data = {"a": {"b": "x"}, "c": [1, 1.5, True], "e": "", "n": None, "q'\"": "quoted", "long": "y" * 1_001}
    assert display_name(path, data) == name


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), ("x" * 512, "x" * 512), (7, "7"), (-1, "-1"), (1.0, "1"), (10**30, "1" + "0" * 30)],
)
def test_external_ids_are_text_or_whole_numbers(value: Any, text: str) -> None:
    assert external_id_of({"id": value}, "id") == text


@pytest.mark.parametrize(
    "value", ["", "x" * 513, True, 1.5, float("nan"), float("inf"), [], {}, "a\0", "\ud800"]
)
def test_other_external_ids_are_refused(value: Any) -> None:
    found = external_id_of({"a/b": value}, "a/b")
    assert isinstance(found, Fault)
    assert (found.code, found.pointer) == (Code.INVALID_VALUE, "/data/a~1b")


@pytest.mark.parametrize("data", [{}, {"id": None}])
def test_an_external_id_is_required(data: dict[str, Any]) -> None:
    found = external_id_of(data, "id")
    assert isinstance(found, Fault)
    assert (found.code, found.pointer) == (Code.MISSING_FIELD, "/data/id")
