"""What is wrong before anything runs is a request error: its response has no `data`, and says where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from graphql_schema.execution import Executor
from tests.graphql_http.exchanges import PATH, RESPONSE, ask, codes

if TYPE_CHECKING:
    import pytest

    from tests.server import Server

DOCUMENT = "query($id: ID!) { scope(id: $id) { id } }"


async def test_variables_that_do_not_fit_are_a_request_error_without_data(server: Server) -> None:
    """GraphQL (October 2021) 6.1.2 and 7.1: coercing variables raises a request error, whose response has no data."""
    for variables in ({}, {"id": None}, {"id": 1.5}):
        for client in (server.root, server.root.saying(Accept=RESPONSE)):
            reply = await ask(client, DOCUMENT, **variables)
            assert codes(reply.json) == ["BAD_USER_INPUT"]
            assert "data" not in reply.json, variables


async def test_the_parameter_that_is_no_json_is_named(server: Server) -> None:
    for name in ("variables", "extensions"):
        reply = await server.root.get(f"{PATH}?query={quote('{ __typename }')}&{name}=%7B")
        assert (reply.status, codes(reply.json)) == (400, ["MALFORMED"])
        assert reply.json["errors"][0]["message"].startswith(name), reply.json


async def test_of_a_list_the_faulty_operation_is_named(server: Server) -> None:
    reply = await server.root.post(PATH, [{"query": "{ __typename }"}, {"query": 1}])
    assert reply.status == 400
    assert "1" in reply.json["errors"][0]["message"], reply.json


async def test_a_wrong_variable_has_one_code_in_subscriptions_too(server: Server) -> None:
    reply = await server.root.post(
        PATH,
        {"query": "subscription($s: ID!) { resourcesChanged(scopeId: $s) { kind } }"},
        Accept="text/event-stream",
    )
    assert b'"code":"BAD_USER_INPUT"' in reply.body


async def test_a_fault_of_ours_that_is_no_fields_is_500(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret")

    monkeypatch.setattr(Executor, "pace", broken)
    for client in (server.root, server.root.saying(Accept=RESPONSE)):
        reply = await ask(client, "{ __typename }")
        assert (reply.status, codes(reply.json)) == (500, ["INTERNAL"])
        assert "secret" not in reply.body.decode()
