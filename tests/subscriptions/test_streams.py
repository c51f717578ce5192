"""GraphQL over server-sent events, distinct connections mode."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientError

from tests import factories
from tests.server import serving
from tests.subscriptions.clients import (
    WATCH,
    connected,
    left,
    streamed,
    streaming,
    tell_until_all_left,
    transport_of,
    watched,
)

if TYPE_CHECKING:
    from tests.server import Server

MODULE = "app.graphql.streams"
SCOPE = "query ($id: ID!) { scope(id: $id) { name } }"


async def test_events_come_as_they_happen(server: Server) -> None:
    async with streamed(server, "scope_acme", below=True) as stream:
        await factories.resources(server.database, "a")
        assert await stream.event() == ("scope_engineering", "CREATED", ["resource_a"], False)
        await factories.resources(server.database, "b", scope_id="scope_sales")
        assert await stream.event() == ("scope_sales", "CREATED", ["resource_b"], False)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_query_has_one_result_and_is_complete(server: Server, method: str) -> None:
    async with streaming(server, SCOPE, method=method, id="scope_sales") as stream:
        kind, result = await stream.next()
        assert (kind, result["data"]) == ("next", {"scope": {"name": "Sales"}})
        assert await stream.next() == ("complete", None)
        assert await stream.ends()


async def test_a_subscription_may_come_by_get(server: Server) -> None:
    async with streaming(server, WATCH, method="GET", scope="scope_engineering") as stream:
        await watched(server, 1)
        await factories.resources(server.database, "a")
        assert (await stream.event())[2] == ["resource_a"]


async def told(server: Server, query: str, **options: Any) -> list[str]:
    """Return the codes of the errors with which a stream begins and ends."""
    async with streaming(server, query, **options) as stream:
        kind, result = await stream.next()
        assert kind == "next"
        assert (await stream.next(), await stream.ends()) == (("complete", None), True)
    return [error["extensions"]["code"] for error in result["errors"]]


async def test_a_mutation_by_get_is_refused_and_changes_nothing(server: Server) -> None:
    before = await server.root.everything()
    delete = 'mutation { deleteScopes(input: [{id: "scope_platform"}]) { count } }'
    assert await told(server, delete, method="GET") == ["METHOD_NOT_ALLOWED"]
    assert await server.root.everything() == before


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ " + "a: scopes { totalCount } " * 101 + "}", "LIMIT_REACHED"),
    ],
)
async def test_what_can_not_be_executed_is_told_by_an_event(server: Server, query: str, code: str) -> None:
    assert await told(server, query) == [code]


async def test_a_body_that_can_not_be_read_is_told_by_an_event(server: Server) -> None:
    client = server.root.saying(Accept="text/event-stream")
    reply = await client.send("POST", "/graphql", b"{", Content_Type="application/json")
    assert reply.status == 200
    assert b'event: next\ndata: {"errors":[{"message":' in reply.body
    assert b'"code":"MALFORMED"' in reply.body
    assert reply.body.endswith(b"\n\nevent: complete\ndata: \n\n")


async def test_nobody_may_watch_without_a_token(server: Server) -> None:
    assert await told(server, WATCH, token=None, scope="scope_acme") == ["UNAUTHORIZED"]


async def test_a_token_that_is_not_valid_is_refused_with_401(server: Server) -> None:
    client = server.client("wrong").saying(Accept="text/event-stream")
    reply = await client.post("/graphql", {"query": "{ __typename }"})
    assert (reply.status, reply.code) == (401, "unauthorized")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_a_subscription_without_a_stream_is_refused(server: Server) -> None:
    reply = await server.root.post("/graphql", {"query": WATCH, "variables": {"scope": "scope_acme"}})
    (error,) = reply.json["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "Accept: text/event-stream" in error["message"]
    await watched(server, 0)


async def test_nothing_may_keep_a_stream(server: Server) -> None:
    async with streaming(server, "{ __typename }") as stream:
        assert stream.response.headers["Cache-Control"] == "no-store"
        assert stream.response.headers["X-Accel-Buffering"] == "no"
        assert "Content-Encoding" not in stream.response.headers


async def test_a_quiet_stream_says_that_it_lives(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.HEARTBEAT_S", 0.05)
    async with streamed(server, "scope_acme", below=True) as stream:
        await asyncio.sleep(0.5)
        await factories.resources(server.database, "a")
        assert (await stream.event())[2] == ["resource_a"]
        assert stream.comments >= 3


async def test_a_client_that_leaves_leaves_nothing_behind(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}.HEARTBEAT_S", 0.05)
    async with streamed(server, "scope_acme"):
        pass
    await watched(server, 0)
    await left(server)


async def test_a_server_that_stops_ends_its_streams(sqlite_url: str) -> None:
    async with serving(sqlite_url) as server:
        await factories.catalogue(server.database)
        async with streamed(server, "scope_acme") as stream:
            await server.app.shutdown()
            # Without `complete`: the client should come again.
            assert (await stream.response.content.read()).replace(b":\n\n", b"") == b""
        await watched(server, 0)


async def test_a_client_that_takes_too_little_loses_its_connection(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would be cut off for being slow to read only after this test.
    monkeypatch.setattr(f"{MODULE}.SEND_LIMIT_S", 600.0)
    monkeypatch.setattr("db.events.MAX_UNREAD", 2)
    async with serving(sqlite_url) as server:
        await factories.catalogue(server.database)
        async with streamed(server, "scope_acme") as stream:
            await tell_until_all_left(server)
            with pytest.raises(ClientError):
                await stream.response.read()


async def test_a_client_that_does_not_read_loses_its_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}.SEND_LIMIT_S", 0.2)
    # It would be cut off for what waits behind it, too.
    monkeypatch.setattr("db.events.MAX_UNREAD", 1_000_000)
    async with streamed(server, "scope_acme", below=True) as stream:
        transport_of(stream.response).pause_reading()
        await tell_until_all_left(server)
        await watched(server, 0)


async def test_streams_count_against_the_limit_of_connections(sqlite_url: str) -> None:
    async with serving(sqlite_url, max_streams=1) as server:
        await factories.catalogue(server.database)
        async with connected(server):
            client = server.root.saying(Accept="text/event-stream")
            reply = await client.post("/graphql", {"query": "{ __typename }"})
            assert (reply.status, reply.code) == (503, "overloaded")
