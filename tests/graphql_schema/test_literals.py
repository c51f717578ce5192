"""Values that stand in the document itself, with variables in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.graphql_schema.client import Client

CREATE = """
mutation(%s) {
  createScopes(input: [{ parentScopeId: "scope_acme", name: "New", meta: %s }]) {
    results { scope { meta } errors { code } }
  }
}
"""

TAG_OF_RESOURCE = {"tagId": "tag_high", "resourceId": "resource_a"}


@pytest.mark.parametrize(
    ("declared", "literal", "given", "stored"),
    [
        ("$n: Int", "{ a: $n, b: [1, $n] }", {"n": 5}, {"a": 5, "b": [1, 5]}),
        ("$n: Int", "{ a: $n, b: [$n] }", {"n": None}, {"a": None, "b": [None]}),
        ("$n: JSON", "{ a: $n }", {"n": {"x": [None]}}, {"a": {"x": [None]}}),
        ("$n: OnError", "{ a: $n, b: MERGE }", {"n": "REJECT_FAILED"}, {"a": "REJECT_FAILED", "b": "MERGE"}),
        ("$n: ResourceTagInput", "{ a: $n }", {"n": TAG_OF_RESOURCE}, {"a": TAG_OF_RESOURCE}),
        # As the specification has it of input objects and lists: a member is left out, an item is null.
        ("$n: Int", "{ a: $n, b: { c: $n, d: 1 } }", {}, {"b": {"d": 1}}),
        ("$n: DateTime", "{ a: [1, $n, { b: $n }] }", {}, {"a": [1, None, {}]}),
    ],
)
async def test_json_may_have_variables_in_it_given_or_not(
    client: Client, declared: str, literal: str, given: dict[str, Any], stored: object
) -> None:
    data = await client.data(CREATE % (declared, literal), **given)
    assert data["createScopes"]["results"] == [{"scope": {"meta": stored}, "errors": []}]


@pytest.mark.parametrize(
    ("literal", "message"),
    [
        ('"2024-01-15"', "DateTime must be a time with an offset (RFC 3339)"),
        ('["2024-01-15T10:30:00Z"]', "DateTime must be a time with an offset (RFC 3339)"),
        ("5", "DateTime must be a time with an offset (RFC 3339)"),
        ('"2024-02-30T10:30:00Z"', "DateTime can't be 2024-02-30T10:30:00Z: day is out of range for month."),
        (
            '"0001-01-01T00:00:00+14:00"',
            "DateTime can't be 0001-01-01T00:00:00+14:00: date value out of range.",
        ),
    ],
)
async def test_a_time_that_is_none_is_told_with_its_place(client: Client, literal: str, message: str) -> None:
    result = await client.execute(f"{{ resources(createdSince: {literal}) {{ totalCount }} }}")
    assert result.errors
    [error] = [error.formatted for error in result.errors]
    assert error["message"].startswith(message)
    assert error["locations"] == [{"line": 1, "column": 27}]
    assert error["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


async def test_a_number_of_thousands_of_digits_is_told_without_what_python_thinks_of_it(
    client: Client,
) -> None:
    result = await client.execute(f"{{ resources(first: {'9' * 5_000}) {{ totalCount }} }}")
    assert result.errors
    assert [error.message for error in result.errors] == ["Int cannot represent a value of so many digits."]
    assert [error.extensions for error in result.errors] == [{"code": "GRAPHQL_VALIDATION_FAILED"}]
