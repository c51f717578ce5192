"""Variables: what fits is taken as it came; that, and all else there is, equals what graphql-core makes of it."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse
from graphql.execution.values import VariableValues, get_variable_values
from hypothesis import given
from hypothesis import strategies as st

from graphql_schema.executor.inputs import Variables
from graphql_schema.schema import schema

TEXT = """query (
    $items: [CreateResourceInput!]!, $one: UpdateTagInput, $operations: [BatchOperation!] = [{id: "a"}],
    $records: [JSON!], $ids: [ID!], $first: Int = 3, $times: [DateTime], $order: ResourceOrder, $onError: OnError,
    $flag: Boolean!
) { __typename }"""
(OPERATION,) = parse(TEXT).definitions
assert isinstance(OPERATION, OperationDefinitionNode)
NODES = OPERATION.variable_definitions or ()
VARIABLES = Variables(schema._schema, NODES)
ITEM = {"scopeId": "scope_a", "resourceTypeId": "resource_type_a", "externalResourceId": "a"}
FITTING: dict[str, Any] = {"items": [ITEM], "flag": True}

texts = st.sampled_from(["a", "scope_a", "REJECT_ALL", "2024-01-15T10:30:00Z", "ASC", "ID", "\ud800"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*ITEM, "id", "data", "displayName", "label", "unknown"]), inner)
    ),
    max_leaves=12,
)
items = st.lists(
    st.fixed_dictionaries(
        {"scopeId": texts, "resourceTypeId": texts, "externalResourceId": texts},
        optional={"id": texts | st.none(), "data": values, "displayName": leaves, "unknown": values},
    ),
    max_size=3,
)
names = [node.variable.name.value for node in NODES]
given_variables = st.fixed_dictionaries(
    {"items": items | values, "flag": st.booleans() | values},
    optional={name: values | items for name in names if name not in FITTING},
)


def expected(variables: dict[str, Any]) -> dict[str, Any] | None:
    """Return what graphql-core makes of variables, `None` if it refuses them."""
    coerced = get_variable_values(schema._schema, NODES, variables)
    return coerced.coerced if isinstance(coerced, VariableValues) else None


@given(given_variables)
def test_that_variables_are_what_graphql_core_makes_of_them(variables: dict[str, Any]) -> None:
    coerced = VARIABLES.coerced(variables)
    # By their texts: true isn't 1, and a number may be none.
    assert (None if coerced is None else repr(_sorted(coerced.coerced))) == (
        None if (wanted := expected(variables)) is None else repr(_sorted(wanted))
    )


def _sorted(value: Any) -> Any:
    """Return a value with its members in one order: what came as it is has the client's."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def test_that_what_fits_is_not_copied() -> None:
    coerced = VARIABLES.coerced(FITTING)
    assert coerced is not None
    assert coerced.coerced["items"] is FITTING["items"]
    assert coerced.coerced == expected(FITTING)


@pytest.mark.parametrize("wrong", [{**ITEM, "scopeId": 1}, {**ITEM, "x": 1}, {"scopeId": "a"}, None, "text"])
def test_that_one_faulty_item_is_left_to_graphql_core(wrong: Any) -> None:
    variables = {"items": [ITEM] * 20 + [wrong], "flag": True}
    coerced = VARIABLES.coerced(variables)
    assert (coerced and coerced.coerced) == expected(variables)


def test_that_a_thousand_items_are_checked_in_a_fraction_of_the_time() -> None:
    variables = {"items": [dict(ITEM) for _ in range(1_000)], "flag": True}

    def quickest(function: Any) -> float:
        times = []
        for _ in range(5):
            began = perf_counter()
            assert function(variables) is not None
            times.append(perf_counter() - began)
        return min(times)

    assert quickest(VARIABLES.coerced) * 10 < quickest(expected)


@pytest.mark.parametrize(
    "records", [[], [{"a": None}, 1, "x", [None]], [None], [{}, None], None, {"a": 1}, 5]
)
def test_that_a_value_of_any_form_is_taken_where_only_null_may_not_be(records: Any) -> None:
    variables = {**FITTING, "records": records}
    coerced = VARIABLES.coerced(variables)
    assert (coerced and coerced.coerced) == expected(variables)
