"""Errors: a code for each, places kept, and nothing of the server's inside."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType
from structlog.testing import capture_logs

from db.access import SYSTEM
from db.errors import Unavailable
from graphql_schema.context import Context
from graphql_schema.schema import execute
from tests import factories
from tests.graphql_schema.client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.database import Database, Reader


def break_reads(
    database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception, after: int = 0
) -> None:
    """Let all reads but the first ones fail."""
    healthy, opened = database.read, 0

    @asynccontextmanager
    async def read(name: str, *, brief: bool = False) -> AsyncIterator[Reader]:
        nonlocal opened
        opened += 1
        if opened > after:
            raise error
        async with healthy(name, brief=brief) as reader:
            yield reader

    monkeypatch.setattr(database, "read", read)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (None, "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ scopes( }", "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ scopes { nodes } }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ scopes(first: "1") { totalCount } }', "GRAPHQL_VALIDATION_FAILED"),
        ('{ resources(updatedSince: "yesterday") { totalCount } }', "GRAPHQL_VALIDATION_FAILED"),
        ("mutation { createScopes(input: [{}]) { count } }", "GRAPHQL_VALIDATION_FAILED"),
        ("mutation { createScopes(input: [{name: null}]) { count } }", "GRAPHQL_VALIDATION_FAILED"),
        (
            """mutation { createResources(input: [{scopeId: "s", resourceTypeId: "t", externalResourceId: "e",
                 data: {n: 1e999}}]) { count } }""",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("query A { __typename } query B { __typename }", "BAD_USER_INPUT"),
        ("fragment F on Query { __typename }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_a_document_that_cant_be_executed_has_a_code_and_no_data(
    acme: Database, document: str | None, code: str
) -> None:
    for caller in (SYSTEM, None):
        result = await Client(acme, caller).execute(document)
        assert isinstance(result, PreExecutionError)
        assert result.data is None
        assert result.errors
        assert {(error.extensions or {})["code"] for error in result.errors} == {code}


@pytest.mark.parametrize(
    ("declared", "value"),
    [("$x: Int!", "1"), ("$x: Int!", None), ("$x: Int!", 2**31), ("$x: DateTime!", "yesterday"),
     ("$x: DateTime!", "2024-13-01T00:00:00Z"), ("$x: DateTime!", "2024-01-01T00:00:00"), ("$x: DateTime!", 5),
     ("$x: OnError!", "MAYBE"), ("$x: [ID!]!", [None]), ("$x: DeleteInput!", {"id": "a", "nope": 1}),
     ("$x: DeleteInput!", {})],
)  # fmt: skip
async def test_a_variable_of_the_wrong_type_is_bad_user_input(
    client: Client, declared: str, value: object
) -> None:
    kind = declared.removeprefix("$x: ")
    uses = {
        "Int!": "scopes(first: $x) { totalCount }",
        "DateTime!": "resources(updatedSince: $x) { totalCount }",
        "OnError!": "deleteTags(input: [], onError: $x) { count }",
        "[ID!]!": "nodes(ids: $x) { id }",
        "DeleteInput!": "deleteTags(input: [$x]) { count }",
    }
    operation = "mutation" if "delete" in uses[kind] else "query"
    result = await client.execute(f"{operation}({declared}) {{ {uses[kind]} }}", x=value)
    assert result.data is None
    assert result.errors
    assert [(error.extensions or {})["code"] for error in result.errors] == ["BAD_USER_INPUT"]


async def test_a_null_variable_for_an_argument_that_cant_be_null_is_bad_user_input(client: Client) -> None:
    document = "mutation($x: Boolean = true) { deleteTags(input: [], dryRun: $x) { count } }"
    assert await client.refused(document, x=None) == ["BAD_USER_INPUT"]


async def test_an_operation_is_chosen_by_its_name(client: Client) -> None:
    document = "query A { a: __typename } query B { b: __typename }"
    result = await client.execute(document, "B")
    assert (result.data, result.errors) == ({"b": "Query"}, None)
    result = await client.execute(document, "C")
    assert result.errors
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}


async def test_a_kind_of_operation_that_isnt_allowed_isnt_executed(acme: Database) -> None:
    before = await factories.stored(acme)
    document = 'mutation { deleteTags(input: [{id: "tag_low"}]) { count } }'
    result = await execute(document, None, None, Context(acme, SYSTEM), allowed=[OperationType.QUERY])
    assert isinstance(result, PreExecutionError)
    assert result.errors
    assert result.errors[0].extensions == {"code": "METHOD_NOT_ALLOWED"}
    assert await factories.stored(acme) == before


async def test_a_database_that_is_busy_says_when_to_come_back(
    acme: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await factories.caller_in(acme, "scope_acme")
    break_reads(acme, monkeypatch, Unavailable("all database connections are busy", retry_after_s=7))
    for document in ("{ a: scopes { nodes { id } } }", '{ a: scope(id: "scope_acme") { id } }'):
        for client in (Client(acme, caller), Client(acme)):
            result = await client.execute(document)
            assert result.errors
            [error] = result.errors
            assert error.message == "all database connections are busy"
            assert error.extensions == {"code": "OVERLOADED", "retryAfter": 7}
            assert error.path is not None
            assert error.path[0] == "a"
            assert error.locations
            assert await client.data("{ __typename }") == {"__typename": "Query"}


async def test_what_is_stored_is_told_even_if_nothing_can_be_read_then(
    acme: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_reads(acme, monkeypatch, Unavailable("gone"), after=1)
    result = await Client(acme).execute(
        """mutation { createScopes(input: [{id: "scope_x", name: "X", parentScopeId: "scope_acme"}])
             { count committed results { scope { id parent { id } } } } }"""
    )
    scope = {"id": "scope_x", "parent": None}
    assert result.data == {"createScopes": {"count": 1, "committed": True, "results": [{"scope": scope}]}}
    assert result.errors
    assert [(error.extensions or {})["code"] for error in result.errors] == ["OVERLOADED"]


async def test_a_fault_of_ours_is_masked_and_logged_once(
    acme: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await factories.resources(acme, "a", "b", "c")
    # The root and the list can be read, the edge of its three rows can't.
    break_reads(acme, monkeypatch, ZeroDivisionError("secret"), after=2)
    with capture_logs() as logs:
        result = await Client(acme).execute("{ resources { nodes { id resourceType { id } } } }")
    assert result.data == {
        "resources": {"nodes": [{"id": f"resource_{name}", "resourceType": None} for name in "abc"]}
    }
    assert result.errors
    assert [error.path for error in result.errors] == [
        ["resources", "nodes", i, "resourceType"] for i in range(3)
    ]
    for error in result.errors:
        assert error.message == "internal error, request id request-1"
        assert error.extensions == {"code": "INTERNAL", "requestId": "request-1"}
        assert "secret" not in str(error.formatted)
    [entry] = logs
    assert entry["event"] == "graphql_error"
    assert entry["log_level"] == "error"
    assert entry["request_id"] == "request-1"
    assert isinstance(entry["exc_info"], ZeroDivisionError)


async def test_mistakes_of_clients_are_not_logged(client: Client) -> None:
    with capture_logs() as logs:
        await client.refused("{ nonsense }")
        await client.refused("{ scopes(first: -1) { totalCount } }")
        await client.refused("query($x: Int!) { scopes(first: $x) { totalCount } }", x="a")
    assert logs == []
