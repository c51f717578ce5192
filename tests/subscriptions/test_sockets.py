"""The protocol graphql-transport-ws: its messages, its close codes, and its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from app.state import AUTHENTICATOR, HUB
from tests import factories
from tests.server import serving
from tests.subscriptions.clients import (
    PROTOCOL,
    WATCH,
    connected,
    connected_as,
    left,
    tell_until_all_left,
    transport_of,
    watched,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.access import Principal
    from tests.server import Server

MODULE = "app.graphql.sockets"
TWICE = "subscription { resourcesChanged(scopeId: 1) { more } other: resourcesChanged(scopeId: 1) { more } }"
NEVER = "subscription { resourcesChanged(scopeId: 1) @skip(if: true) { more } }"


@pytest.fixture
async def server(sqlite_url: str) -> AsyncIterator[Server]:
    """Run a server over a small catalogue: what is tested here is the same with any database."""
    async with serving(sqlite_url, max_subscriptions=3, max_streams=2, token_cache_s=0.0) as server:
        await factories.catalogue(server.database)
        yield server


@pytest.mark.parametrize(
    "payload",
    [
        {"Authorization": "Bearer root"},
        {"authorization": "bearer root"},
        {"AUTHORIZATION": "Bearer root", "reach-tenant-id": "scope_acme"},
        {"authorization": "Bearer root", "Reach-Tenant-Id": None, "other": [1]},
    ],
)
async def test_a_token_lets_in(server: Server, payload: dict[str, Any]) -> None:
    async with connected(server) as socket:
        await socket.initialise(payload)


@pytest.mark.parametrize("payload", [None, {}, {"authorization": "Bearer wrong"}, {"authorization": "root"}])
async def test_who_brings_no_valid_token_is_closed_with_4401(server: Server, payload: object) -> None:
    async with connected(server) as socket:
        await socket.send("connection_init", payload=payload)
        code, reason = await socket.closing()
        assert code == 4401
        assert "token" in reason or "Authorization" in reason


@pytest.mark.parametrize("tenant", ["nobody", "\0", "ä" * 200])
async def test_who_names_a_tenant_out_of_reach_is_closed_with_4403(server: Server, tenant: str) -> None:
    async with connected(server) as socket:
        await socket.send(
            "connection_init", payload={"authorization": "Bearer root", "reach-tenant-id": tenant}
        )
        assert (await socket.closing())[0] == 4403


async def test_who_initialises_twice_is_closed_with_4429(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        await socket.send("connection_init", payload={"authorization": "Bearer root"})
        assert await socket.closing() == (4429, "Too many initialisation requests")


async def test_who_subscribes_before_being_let_in_is_closed_with_4401(server: Server) -> None:
    async with connected(server) as socket:
        await socket.subscribe("1", "{ __typename }")
        assert await socket.closing() == (4401, "Unauthorized")


async def test_who_does_not_initialise_in_time_is_closed_with_4408(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}.INIT_LIMIT_S", 0.2)
    async with connected(server) as socket:
        # What else a client says doesn't count.
        await socket.send("ping")
        assert await socket.message() == {"type": "pong"}
        assert await socket.closing() == (4408, "Connection initialisation timeout")


async def test_who_was_let_in_may_be_quiet(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.INIT_LIMIT_S", 0.1)
    async with connected_as(server, "root") as socket:
        await asyncio.sleep(0.3)
        await socket.send("ping")
        assert await socket.message() == {"type": "pong"}


async def test_a_name_that_is_taken_closes_with_4409_until_it_is_free(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        await socket.watch("scope_acme")
        await socket.send("complete", id="1")
        await watched(server, 0)
        await socket.watch("scope_acme")
        await socket.subscribe("1", "{ __typename }")
        assert await socket.closing() == (4409, "Subscriber for 1 already exists")
    await watched(server, 0)


@pytest.mark.parametrize(
    "text",
    [
        "", "no JSON", "[]", "null", '"ping"', "{}", '{"type": 1}', '{"type": "start"}', '{"type": "subscribe"}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "1"}', '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "complete"}', '{"type": "connection_init", "payload": []}',
        '{"type": "connection_init", "payload": {"authorization": 1}}', "[" * 100_000,
    ],
)  # fmt: skip
async def test_what_is_no_message_closes_with_4400(server: Server, text: str) -> None:
    async with connected_as(server, "root") as socket:
        await socket.wire.send_str(text)
        assert (await socket.closing())[0] == 4400


async def test_a_binary_message_closes_with_4400(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        await socket.wire.send_bytes(b'{"type": "ping"}')
        assert (await socket.closing())[0] == 4400


async def test_a_message_that_is_too_long_closes_with_1009(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        await socket.wire.send_str(" " * (1024 * 1024 + 1))
        assert (await socket.closing())[0] == 1009


@pytest.mark.parametrize("protocols", [[], ["graphql-ws"]])
async def test_another_protocol_closes_with_4406(server: Server, protocols: list[str]) -> None:
    async with connected(server, protocols=protocols) as socket:
        assert await socket.closing() == (4406, f"this speaks {PROTOCOL}")


async def test_a_handshake_that_is_none_is_refused(server: Server) -> None:
    answer = await server.raw(
        b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_post_is_no_handshake(server: Server) -> None:
    reply = await server.root.post(
        "/graphql", {"query": "{ __typename }"}, Connection="Upgrade", Upgrade="websocket"
    )
    assert (reply.status, reply.json["data"]) == (200, {"__typename": "Query"})


async def test_queries_and_mutations_have_one_result(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        await socket.subscribe("q", "query ($id: ID!) { scope(id: $id) { name } }", id="scope_sales")
        result = await socket.message()
        assert (result["id"], result["type"]) == ("q", "next")
        assert result["payload"]["data"] == {"scope": {"name": "Sales"}}
        assert await socket.message() == {"id": "q", "type": "complete"}

        delete = 'mutation { deleteScopes(input: [{id: "scope_sales"}]) { count } }'
        await socket.subscribe("m", delete)
        assert (await socket.message())["payload"]["data"] == {"deleteScopes": {"count": 1}}
        assert await socket.message() == {"id": "m", "type": "complete"}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "subscription { resourcesChanged { more } }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "subscription {"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": ""}, "GRAPHQL_PARSE_FAILED"),
        ({"query": 1}, "MALFORMED"),
        ({"query": WATCH, "variables": []}, "MALFORMED"),
        ({"query": WATCH, "operationName": "Other"}, "BAD_USER_INPUT"),
        ({"query": WATCH + "query Other { __typename }"}, "BAD_USER_INPUT"),
        ({"query": "subscription { " + "a " * 20_000 + "}"}, "LIMIT_REACHED"),
        (
            {
                "query": "subscription { resourcesChanged(scopeId: 1) { "
                + " ".join(f"a{i}: more" for i in range(101))
                + " } }"
            },
            "LIMIT_REACHED",
        ),
        ({"query": TWICE}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": NEVER}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": WATCH, "variables": {"scope": None}}, "BAD_USER_INPUT"),
        ({"query": WATCH, "variables": {"scope": "\ud800"}}, "NOT_FOUND"),
        ({"documentId": "unknown"}, "PERSISTED_QUERY_NOT_FOUND"),
    ],
)
async def test_what_can_not_be_executed_ends_with_an_error(
    server: Server, payload: dict[str, Any], code: str
) -> None:
    async with connected_as(server, "root") as socket:
        await socket.send("subscribe", id="1", payload=payload)
        assert await socket.error() == [code]
        # The name is free again, and the connection as good as before.
        await socket.watch("scope_acme")


@pytest.mark.parametrize("limits", [{"max_depth": 1}, {"max_tokens": 10}])
async def test_the_limits_of_a_request_hold_for_a_subscription(
    sqlite_url: str, limits: dict[str, int]
) -> None:
    async with serving(sqlite_url, **limits) as server:
        await factories.catalogue(server.database)
        async with connected_as(server, "root") as socket:
            await socket.subscribe("1", WATCH, scope="scope_acme")
            assert await socket.error() == ["LIMIT_REACHED"]
    assert server.app[HUB].watches == 0


async def test_more_operations_than_the_limit_end_with_an_error(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        for name in ("1", "2", "3"):
            await socket.watch("scope_acme", name=name)
        await socket.subscribe("4", WATCH, scope="scope_acme")
        assert await socket.error("4") == ["LIMIT_REACHED"]
        await socket.send("complete", id="2")
        await watched(server, 2)
        await socket.watch("scope_acme", name="4")


async def test_more_connections_than_the_limit_are_refused_with_503(server: Server) -> None:
    async with connected_as(server, "root"), connected_as(server, "root"):
        reply = await server.root.get(
            "/graphql",
            Connection="Upgrade",
            Upgrade="websocket",
            Sec_WebSocket_Version="13",
            Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==",
        )
        assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "overloaded", "5")
    await left(server)
    async with connected_as(server, "root"):
        pass


async def test_an_operation_takes_a_token_that_is_still_valid(server: Server) -> None:
    token = await server.token("scope_sales")
    async with connected_as(server, token) as socket:
        await server.root.delete("/scopes/scope_sales")
        await socket.subscribe("1", "{ __typename }")
        assert await socket.error() == ["UNAUTHORIZED"]


async def test_a_client_that_leaves_leaves_nothing_behind(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        await socket.watch("scope_acme")
    await watched(server, 0)
    await left(server)


async def test_a_connection_that_breaks_leaves_nothing_behind(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        await socket.watch("scope_acme")
        transport_of(socket.wire._response).abort()
        await watched(server, 0)
        await left(server)


async def test_a_server_that_stops_closes_with_1001(sqlite_url: str) -> None:
    async with serving(sqlite_url) as server:
        await factories.catalogue(server.database)
        async with connected_as(server, "root") as socket, connected(server) as stranger:
            await socket.watch("scope_acme")
            stopping = asyncio.create_task(server.app.shutdown())
            assert await socket.closing() == (1001, "the server stops")
            assert (await stranger.closing())[0] == 1001
            await stopping
        await watched(server, 0)


async def test_a_client_that_falls_behind_loses_its_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.events.MAX_UNREAD", 2)
    authenticator, gate = server.app[AUTHENTICATOR], asyncio.Event()
    known = authenticator.principal

    async def in_its_time(authorization: str | None, tenant: str | None) -> Principal:
        await gate.wait()
        return await known(authorization, tenant)

    async with connected_as(server, "root") as socket:
        await socket.watch("scope_acme", below=True)
        monkeypatch.setattr(authenticator, "principal", in_its_time)
        for i in range(5):
            await factories.resources(server.database, f"r{i}")
        await asyncio.sleep(0.2)
        gate.set()

        # What it had taken already.
        assert (await socket.event())[2] == ["resource_r0"]
        assert await socket.closing() == (1013, "this client doesn't keep up")
    await watched(server, 0)
    await left(server)


async def test_a_client_that_does_not_read_loses_its_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}.MAX_UNSENT_BYTES", 64 * 1024)
    async with connected_as(server, "root") as socket:
        await socket.watch("scope_acme", below=True)
        transport = transport_of(socket.wire._response)
        transport.pause_reading()
        await tell_until_all_left(server)
        await watched(server, 0)
        # So that this client, too, sees that it is over.
        transport.resume_reading()
