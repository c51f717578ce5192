"""What a compiled schema says of records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.definitions import Definition, compile_definition, read_schema
from db.errors import Code, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"


def compiled(schema: Any) -> Definition:
    reading = read_schema(schema)
    assert not isinstance(reading, tuple), reading
    targets = {name: f"type of {name}" for name in reading.names}
    return compile_definition(schema, targets, external_id_field="id", display_name_path=None)


SCHEMA = {
    "properties": {
        "id": {"type": "string"},
        "size": {"type": "integer", "maximum": 10},
        "when": {"format": "date-time"},
        "kind": {"enum": ["a", "b"]},
        "code": {"pattern": "^[a-z]+$"},
        "parts": {"items": {"properties": {"of/it": {"$ref": "schemas/part"}}}},
    },
    "required": ["id"],
    "additionalProperties": False,
}


def test_valid_data_has_no_faults() -> None:
    assert compiled(SCHEMA).faults({"id": "x", "size": 1, "parts": [{"of/it": 7}, {"of/it": "7"}]}) == ()


@pytest.mark.parametrize(
    ("field", "value", "pointer", "detail"),
    [
        ("size", "x" * 100_000, "/data/size", "size must be of type integer"),
        ("size", 11, "/data/size", "size is greater than the maximum of 10"),
        ("when", "today", "/data/when", "when must be in the format date-time"),
        ("kind", "c", "/data/kind", 'kind must be one of "a", "b"'),
        ("code", "A", "/data/code", "code must match the pattern ^[a-z]+$"),
        (
            "parts",
            [{"of/it": True}],
            "/data/parts/0/of~1it",
            "parts/0/of~1it must be of type integer or string",
        ),
        (
            *("parts", [{"of/it": "x" * 513}], "/data/parts/0/of~1it"),
            "parts/0/of~1it must have a length of at most 512",
        ),
        ("parts", [{"of/it": ""}], "/data/parts/0/of~1it", "parts/0/of~1it must have a length of at least 1"),
        ("more", 1, "/data/more", "more isn't a field of this schema"),
    ],
)
def test_a_fault_names_its_field_and_the_reason(field: str, value: Any, pointer: str, detail: str) -> None:
    assert compiled(SCHEMA).faults({"id": "x", field: value}) == (Fault(Code.INVALID_VALUE, pointer, detail),)


def test_a_missing_field_is_pointed_to() -> None:
    assert compiled(SCHEMA).faults({}) == (Fault(Code.MISSING_FIELD, "/data/id", "id is required"),)
    nested = compiled({"properties": {"a": {"items": {"required": ["b"]}}}})
    lacking = Fault(Code.MISSING_FIELD, "/data/a/1/b", "a/1/b is required")
    assert nested.faults({"a": [{"b": 1}, {}]}) == (lacking,)


def test_a_record_has_at_most_20_faults() -> None:
    definition = compiled({"items": {"type": "string"}})
    assert len(definition.faults([1] * 50)) == 20
    # So many take the validator too long, which then stops at the first.
    assert [fault.pointer for fault in definition.faults([1] * 50_000)] == ["/data/0"]


def test_text_that_is_not_unicode_is_a_fault() -> None:
    assert [fault.pointer for fault in compiled(SCHEMA).faults({"id": "x", "code": "\ud800"})] == ["/data"]


def test_without_a_schema_all_is_welcome() -> None:
    definition = compile_definition(None, {}, external_id_field="id", display_name_path=None)
    data = {"a": 1}
    assert (definition.faults(data), definition.references(data), definition.unknown(data)) == ((), [], [])
    assert definition.without_unknown(data) is data
    assert definition.external_id_field == "id"


def test_beside_a_reference_later_drafts_keep_keywords() -> None:
    schema = {"properties": {"a": {"$ref": "schemas/x", "pattern": "^a", "allOf": [{"maxLength": 3}]}}}
    assert compiled(schema).faults({"a": "bcde"}) == ()
    later = compiled({"$schema": DRAFT_2020, **schema})
    assert [fault.pointer for fault in later.faults({"a": "bcde"})] == ["/data/a", "/data/a"]
    assert later.faults({"a": []}) != ()


def test_references_are_found_at_any_depth() -> None:
    schema = {
        "properties": {
            "one": {"$ref": "schemas/x"},
            "many": {"items": {"$ref": "reach:schemas/Y"}},
            "tree": {"items": {"$ref": "#"}},
        }
    }
    data = {
        "one": 1.0,
        "many": ["b", 2, True, None, 1.5, math.nan, {}, "b"],
        "tree": [{"one": "c"}, {"tree": [{"many": [10**20]}]}],
    }
    found = compiled(schema).references(data)
    assert [(each.pointer, each.target_type_id, each.external_id) for each in found] == [
        ("/one", "type of x", "1"),
        ("/many/0", "type of Y", "b"),
        ("/many/1", "type of Y", "2"),
        ("/many/7", "type of Y", "b"),
        ("/tree/0/one", "type of x", "c"),
        ("/tree/1/tree/0/many/0", "type of Y", str(10**20)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("draft", "anchor", "ref"),
    [
        (DRAFT_2020, {"$dynamicAnchor": "node"}, {"$dynamicRef": "#node"}),
        ("https://json-schema.org/draft/2019-09/schema", {"$recursiveAnchor": True}, {"$recursiveRef": "#"}),
    ],
)
def test_dynamic_recursion_is_followed(draft: str, anchor: dict[str, Any], ref: dict[str, Any]) -> None:
    properties = {"kids": {"items": ref}, "size": {"type": "integer"}}
    definition = compiled({"$schema": draft, **anchor, "properties": properties})
    data = {"kids": [{"kids": [{"more": 1, "size": "x"}]}]}
    assert definition.unknown(data) == ["/kids/0/kids/0/more"]
    assert [fault.pointer for fault in definition.faults(data)] == ["/data/kids/0/kids/0/size"]


@pytest.mark.parametrize(
    ("schema", "unknown"),
    [
        ({}, []),
        ({"additionalProperties": False}, []),
        ({"patternProperties": {"^q": {}}}, []),
        ({"properties": {}}, ["/a", "/b", "/c~1~0"]),
        ({"properties": {"a": {}}, "patternProperties": {"^b$": {}}}, ["/c~1~0"]),
        ({"properties": {"a": {}}, "additionalProperties": False}, ["/b", "/c~1~0"]),
        ({"properties": {"a": {}}, "additionalProperties": True}, []),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, []),
        ({"properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}]}, ["/c~1~0"]),
        ({"properties": {"a": {}}, "anyOf": [True, {"additionalProperties": {}}]}, []),
        ({"properties": {"a": {}}, "not": {"properties": {"b": {}}}}, ["/b", "/c~1~0"]),
        ({"if": {"properties": {"a": {}}}, "then": {"properties": {"b": {}}}, "else": {}}, ["/c~1~0"]),
        ({"definitions": {"d": {"properties": {"c/~": {}}}}, "$ref": "#/definitions/d"}, ["/a", "/b"]),
        ({"properties": {"a": {"items": {"properties": {"x": {}}}}, "b": {}, "c/~": {}}}, ["/a/0/y"]),
        ({"properties": {"a": {"items": [True, {"properties": {}}]}, "b": {}, "c/~": {}}}, []),
        ({"additionalProperties": {"properties": {"x": {}}}}, ["/b/y"]),
    ],
)
def test_unknown_fields_are_dropped(schema: dict[str, Any], unknown: list[str]) -> None:
    data = {"a": [{"x": 1, "y": 2}], "b": {"y": 1}, "c/~": 3}
    definition = compiled(schema)
    assert definition.unknown(data) == unknown
    kept = definition.without_unknown(data)
    assert definition.unknown(kept) == []
    assert (kept is data) == (not unknown)
    assert data == {"a": [{"x": 1, "y": 2}], "b": {"y": 1}, "c/~": 3}


NAMES = st.sampled_from(["a", "b", "c/d", "~"])
ENDS = st.sampled_from(
    [{}, {"$ref": "schemas/x"}, {"$ref": "#"}, {"$ref": "#/definitions/d"}, {"type": "string"}]
)


def _plain(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {}, optional={"properties": st.dictionaries(NAMES, inner, max_size=3), "items": inner}
    ) | st.fixed_dictionaries(
        {"properties": st.dictionaries(NAMES, inner, max_size=3)},
        optional={"additionalProperties": st.booleans(), "patternProperties": st.just({"^[ab]$": True})},
    )


SCHEMAS = st.recursive(ENDS, _plain, max_leaves=8)
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.just(1.0) | st.just("s")
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.just("e"), inner), max_leaves=20
)  # fmt: skip


def naive(root: dict[str, Any], schema: Any, value: Any, pointer: str) -> Iterator[tuple[str, str, Any]]:
    """Walk one schema at a time, following each `$ref` when it is met."""
    while str(schema.get("$ref")).startswith("#"):
        schema = root if schema["$ref"] == "#" else root["definitions"]["d"]
    if "$ref" in schema:
        if type(value) in (str, int, float):
            yield "reference", pointer, f"{value:.0f}" if isinstance(value, float) else f"{value}"
        return
    if isinstance(value, dict):
        for name, part in value.items():
            step = pointer + "/" + name.replace("~", "~0").replace("/", "~1")
            if name in schema.get("properties", {}):
                yield from naive(root, schema["properties"][name], part, step)
            elif not admitted(schema, name):
                yield "unknown", step, None
    elif isinstance(value, list) and "items" in schema:
        for index, part in enumerate(value):
            yield from naive(root, schema["items"], part, f"{pointer}/{index}")


def admitted(schema: dict[str, Any], name: str) -> bool:
    by_pattern = "patternProperties" in schema and name in ("a", "b")
    return "properties" not in schema or schema.get("additionalProperties", False) or by_pattern


@given(properties=st.dictionaries(NAMES, SCHEMAS), shared=st.dictionaries(NAMES, SCHEMAS), data=DATA)
def test_walks_find_what_a_naive_walk_finds(
    properties: dict[str, Any], shared: dict[str, Any], data: Any
) -> None:
    schema = {"properties": properties, "definitions": {"d": {"properties": shared}}}
    reading = read_schema(schema)
    if isinstance(reading, tuple):
        # A reference that is written in the shared part, which nothing leads to.
        assert all(fault.pointer.startswith("/schema/definitions/d/") for fault in reading)
        return
    definition = compiled(schema)
    expected = list(naive(schema, schema, data, ""))
    assert sorted(definition.unknown(data)) == sorted(at for kind, at, _ in expected if kind == "unknown")
    found = [(found.pointer, found.external_id) for found in definition.references(data)]
    assert sorted(found) == sorted((at, text) for kind, at, text in expected if kind == "reference")
    kept = definition.without_unknown(data)
    assert [kind for kind, _, _ in naive(schema, schema, kept, "") if kind == "unknown"] == []
    assert definition.references(kept) == definition.references(data)
