"""What a schema may say, and what is said of one that may not."""

from __future__ import annotations

from typing import Any

import pytest

from db.definitions import Reading, compile_definition, read_schema

DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
REFERENCE = {"$ref": "schemas/part"}
DETOURS: list[dict[str, Any]] = [
    {"allOf": [REFERENCE]},
    {"anyOf": [REFERENCE]},
    {"oneOf": [REFERENCE]},
    {"not": REFERENCE},
    {"if": REFERENCE},
    {"then": REFERENCE},
    {"else": REFERENCE},
    {"additionalProperties": REFERENCE},
    {"patternProperties": {"^a": REFERENCE}},
    {"prefixItems": [REFERENCE]},
    {"contains": REFERENCE},
    {"propertyNames": REFERENCE},
    {"dependentSchemas": {"a": REFERENCE}},
    {"dependencies": {"a": REFERENCE}},
    {"unevaluatedProperties": REFERENCE},
    {"$defs": {"unused": REFERENCE}},
    {"definitions": {"unused": REFERENCE}},
    {"allOf": [{"properties": {"a": {"items": REFERENCE}}}]},
    {"$defs": {"r": REFERENCE}, "properties": {"a": {"$ref": "#/$defs/r"}}, "allOf": [{"$ref": "#/$defs/r"}]},
]


def names(schema: dict[str, Any]) -> frozenset[str]:
    reading = read_schema(schema)
    assert isinstance(reading, Reading), reading
    compile_definition(
        schema, dict.fromkeys(reading.names, "t"), external_id_field=None, display_name_path=None
    )
    return reading.names


def pointers(schema: Any) -> list[str]:
    faults = read_schema(schema)
    assert isinstance(faults, tuple), faults
    assert all(fault.detail for fault in faults)
    return [fault.pointer for fault in faults]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("end", ["", "#"])
@pytest.mark.parametrize("draft", ["draft-07", "draft/2019-09", "draft/2020-12"])
def test_the_drafts_are_known_by_their_addresses(scheme: str, draft: str, end: str) -> None:
    assert names({"$schema": f"{scheme}://json-schema.org/{draft}/schema{end}"}) == frozenset()


@pytest.mark.parametrize(
    "address", ["http://json-schema.org/draft-06/schema#", "http://json-schema.org/schema#", "x", "", 7, None]
)
def test_other_drafts_are_refused(address: Any) -> None:
    assert pointers({"$schema": address}) == ["/schema/$schema"]


def test_all_faults_against_the_metaschema_are_told() -> None:
    schema = {"type": "text", "properties": {"a/b": {"minimum": "1"}}, "required": "a"}
    assert sorted(pointers(schema)) == ["/schema/properties/a~1b/minimum", "/schema/required", "/schema/type"]


def test_references_are_named_as_written() -> None:
    schema = {
        "properties": {
            "a": {"$ref": "schemas/Part"},
            "b": {"items": {"properties": {"c": {"$ref": "reach:schemas/maker"}}}},
            "d": {"$ref": "#/definitions/d"},
            "e": {"items": {"$ref": "#"}},
        },
        "definitions": {"d": {"properties": {"x": {"$ref": "schemas/p q"}}}},
    }
    assert names(schema) == {"Part", "maker", "p q"}


@pytest.mark.parametrize("schema", DETOURS)
@pytest.mark.parametrize("draft", [None, DRAFT_2019, DRAFT_2020])
def test_references_are_reached_through_properties_and_items_only(
    schema: dict[str, Any], draft: str | None
) -> None:
    schema = schema if draft is None else {"$schema": draft, **schema}
    assert all(pointer.endswith("/$ref") for pointer in pointers(schema))


def test_items_in_an_array_lead_to_no_reference() -> None:
    assert pointers({"items": [REFERENCE]}) == ["/schema/items/0/$ref"]
    assert pointers({"items": [True], "additionalItems": REFERENCE}) == ["/schema/additionalItems/$ref"]


def test_beside_a_ref_draft_7_ignores_all() -> None:
    schema = {"properties": {"a": {"$ref": "#/definitions/d", "properties": {"b": REFERENCE}}}}
    assert pointers({**schema, "definitions": {"d": True}}) == ["/schema/properties/a/properties/b/$ref"]
    assert names({"$schema": DRAFT_2020, **schema, "definitions": {"d": True}}) == {"part"}


@pytest.mark.parametrize("length", [0, 257])
def test_a_reference_names_a_type(length: int) -> None:
    assert pointers({"properties": {"a": {"$ref": "schemas/" + "x" * length}}}) == [
        "/schema/properties/a/$ref"
    ]
    assert names({"properties": {"a": {"$ref": "schemas/" + "x" * 256}}}) == {"x" * 256}


def test_what_looks_like_a_reference_but_is_data_is_left_alone() -> None:
    schema = {
        "properties": {"$ref": {"type": "string"}, "a": {"enum": [{"$ref": "http://example.org"}]}},
        "default": {"$ref": "schemas/x"},
        "examples": [{"$ref": "schemas/x"}],
        "const": {"$ref": "other.json"},
    }
    assert names(schema) == frozenset()


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$recursiveRef"])
@pytest.mark.parametrize("target", ["http://localhost/x", "file:///etc/passwd", "other.json", "/a", "x#/a"])
@pytest.mark.parametrize("holder", ["properties", "$defs"])
def test_no_ref_leads_out_of_the_document(keyword: str, target: str, holder: str) -> None:
    assert pointers({holder: {"a": {keyword: target}}}) == [f"/schema/{holder}/a/{keyword}"]


@pytest.mark.parametrize(
    "target", ["#/definitions/no", "#no", "#/enum/0", "#/properties", "#/items/9", "#/required"]
)
def test_a_local_ref_leads_to_a_schema(target: str) -> None:
    schema = {"properties": {"a": {"$ref": target}}, "enum": [{}], "required": ["a"], "items": [True]}
    assert pointers(schema) == ["/schema/properties/a/$ref"]


def test_local_refs_take_anchors_escapes_and_unknown_keywords() -> None:
    assert names({"definitions": {"a": {"$id": "#x"}}, "properties": {"a": {"$ref": "#x"}}}) == frozenset()
    schema = {"$schema": DRAFT_2020, "$defs": {"a": {"$anchor": "x"}}, "properties": {"a": {"$ref": "#x"}}}
    assert names(schema) == frozenset()
    schema = {
        "definitions": {"a b/c~d": REFERENCE},
        "properties": {"a": {"$ref": "#/definitions/a%20b~1c~0d"}},
    }
    assert names(schema) == {"part"}
    assert names({"parts": {"x": REFERENCE}, "properties": {"a": {"$ref": "#/parts/x"}}}) == {"part"}
    stray = {"parts": {"x": {"type": "no"}}, "properties": {"a": {"$ref": "#/parts/x"}}}
    assert pointers(stray) == ["/schema/parts/x/type"]


def test_an_id_is_allowed_at_the_root_and_changes_nothing() -> None:
    schema = {
        "$id": "https://example.org/a",
        "$schema": DRAFT_2020,
        "properties": {"a": {"$ref": "#/$defs/b"}},
    }
    assert names({**schema, "$defs": {"b": True}}) == frozenset()
    assert pointers({"properties": {"a": {"$id": "https://example.org/b"}}}) == ["/schema/properties/a/$id"]


@pytest.mark.parametrize(
    "pattern", ["(?=a)", "(?!a)", "(?<=a)b", r"(a)\1", "[", "((a{100}){100}){100}", "a" * 5_001]
)
def test_patterns_are_linear_time(pattern: str) -> None:
    schema = {
        "pattern": pattern,
        "$defs": {"unused": {"items": {"pattern": pattern}}},
        "properties": {"a": {"patternProperties": {pattern: True}}},
    }
    for draft in ({}, {"$schema": DRAFT_2020}):
        assert sorted(pointers({**schema, **draft})) == [
            "/schema/$defs/unused/items/pattern",
            "/schema/pattern",
            f"/schema/properties/a/patternProperties/{pattern}",
        ]


@pytest.mark.parametrize(
    "pattern", [r"^\d{3}-\w+$", "(a+)+$", r"^[^\x00]{1,255}$", r"\p{L}+", r"^(?:[a-z]{1,63}\.){2}"]
)
def test_ordinary_patterns_are_welcome(pattern: str) -> None:
    assert names({"pattern": pattern}) == frozenset()


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"not": {"$ref": "#"}},
        {"anyOf": [{"allOf": [{"$ref": "#/anyOf/0"}]}]},
    ],
)
def test_a_schema_must_not_apply_itself_to_the_same_value(schema: dict[str, Any]) -> None:
    assert len(pointers(schema)) == 1


@pytest.mark.parametrize("schema", [None, [], "true", 1, {"title": "\ud800"}, {"\ud800": 1}])
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    assert pointers(schema) == ["/schema/title" if schema == {"title": "\ud800"} else "/schema"]


@pytest.mark.parametrize("schema", [True, False, {}])
def test_the_least_schemas_are_schemas(schema: dict[str, Any] | bool) -> None:
    assert read_schema(schema) == Reading(frozenset())
