"""Clients that watch: one over a socket, one over an event stream, and what both hear."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType

from app.state import CONNECTIONS, HUB
from db.announcements import MAX_IDS, ResourcesChanged, encode
from db.outcomes import Outcome
from tests.server import ROOT_TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientResponse, ClientWebSocketResponse

    from tests.server import Server

PROTOCOL = "graphql-transport-ws"
WATCH = """
subscription Watch($scope: ID!, $below: Boolean) {
  resourcesChanged(scopeId: $scope, withDescendants: $below) { scopeId kind ids more }
}
"""
PATIENCE_S = 20

Event = tuple[str, str, list[str], bool]
"""The scope, kind, ids and `more` of an event."""


def event_of(result: dict[str, Any]) -> Event:
    """Return the event that a result holds; nothing was wrong with it."""
    assert "errors" not in result, result
    changed = result["data"]["resourcesChanged"]
    return changed["scopeId"], changed["kind"], changed["ids"], changed["more"]


async def watched(server: Server, count: int) -> None:
    """Wait until the server has as many watches."""
    async with asyncio.timeout(PATIENCE_S):
        while server.app[HUB].watches != count:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)


async def left(server: Server) -> None:
    """Wait until the server holds no connection open."""
    async with asyncio.timeout(PATIENCE_S):
        while len(server.app[CONNECTIONS]):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)


@dataclass
class Socket:
    """A client that speaks graphql-transport-ws."""

    server: Server
    wire: ClientWebSocketResponse

    async def send(self, kind: str, **members: Any) -> None:
        """Send one message."""
        await self.wire.send_json({"type": kind, **members})

    async def initialise(self, payload: object) -> None:
        """Say who this is, and be let in."""
        await self.send("connection_init", payload=payload)
        assert await self.message() == {"type": "connection_ack"}

    async def message(self) -> dict[str, Any]:
        """Return the next message."""
        frame = await self.wire.receive(PATIENCE_S)
        assert frame.type is WSMsgType.TEXT, frame
        message: dict[str, Any] = json.loads(frame.data)
        return message

    async def closing(self) -> tuple[int, str]:
        """Return the code and the reason with which the server closes, which it does without another word."""
        frame = await self.wire.receive(PATIENCE_S)
        assert frame.type is WSMsgType.CLOSE, frame
        return frame.data, frame.extra or ""

    async def subscribe(self, name: str, query: str, **variables: Any) -> None:
        """Ask for an operation."""
        await self.send("subscribe", id=name, payload={"query": query, "variables": variables})

    async def watch(self, scope: str, *, below: bool = False, name: str = "1") -> None:
        """Watch a scope, and return once that has begun."""
        count = self.server.app[HUB].watches + 1
        await self.subscribe(name, WATCH, scope=scope, below=below)
        await watched(self.server, count)

    async def event(self, name: str = "1") -> Event:
        """Return the next event, which is that of one subscription."""
        message = await self.message()
        assert (message["type"], message["id"]) == ("next", name), message
        return event_of(message["payload"])

    async def error(self, name: str = "1") -> list[str]:
        """Return the codes of the errors with which an operation ends now."""
        message = await self.message()
        assert (message["type"], message["id"]) == ("error", name), message
        return [error["extensions"]["code"] for error in message["payload"]]


def transport_of(response: ClientResponse) -> asyncio.Transport:
    """Return the transport behind a connection that stays open."""
    assert response.connection is not None
    transport = response.connection.transport
    assert isinstance(transport, asyncio.Transport)
    return transport


@asynccontextmanager
async def connected(server: Server, **options: Any) -> AsyncIterator[Socket]:
    """Open a socket that hasn't said anything."""
    options = {"protocols": [PROTOCOL], **options}
    async with server.session.ws_connect(f"{server.url}/graphql", **options) as wire:
        yield Socket(server, wire)


@asynccontextmanager
async def connected_as(server: Server, token: str, tenant: str | None = None) -> AsyncIterator[Socket]:
    """Open a socket, and say who this is."""
    async with connected(server) as socket:
        payload = {"authorization": f"Bearer {token}"}
        await socket.initialise({**payload, "reach-tenant-id": tenant} if tenant else payload)
        yield socket


@dataclass
class Stream:
    """A client that reads server-sent events."""

    response: ClientResponse
    comments: int = field(default=0)

    async def next(self) -> tuple[str, Any]:
        """Return the kind and the data of the next event; comments are counted."""
        while True:
            async with asyncio.timeout(PATIENCE_S):
                block = (await self.response.content.readuntil(b"\n\n")).decode()
            if block != ":\n\n":
                break
            self.comments += 1
        kind, data = block.removesuffix("\n\n").split("\n")
        text = data.removeprefix("data: ")
        return kind.removeprefix("event: "), json.loads(text) if text else None

    async def event(self) -> Event:
        """Return the next event of the subscription."""
        kind, result = await self.next()
        assert kind == "next", (kind, result)
        return event_of(result)

    async def ends(self) -> bool:
        """Tell whether the server sends no more than this."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.response.content.read() == b""


@asynccontextmanager
async def streaming(
    server: Server, query: str, *, token: str | None = ROOT_TOKEN, method: str = "POST", **variables: Any
) -> AsyncIterator[Stream]:
    """Ask for an operation whose results are events."""
    headers = {"Accept": "text/event-stream"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    asked: dict[str, Any] = {"json": {"query": query, "variables": variables}}
    if method == "GET":
        asked = {"params": {"query": query, "variables": json.dumps(variables)}}
    async with server.session.request(method, f"{server.url}/graphql", headers=headers, **asked) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        yield Stream(response)


@asynccontextmanager
async def streamed(
    server: Server, scope: str, *, below: bool = False, token: str = ROOT_TOKEN
) -> AsyncIterator[Stream]:
    """Watch a scope over a stream, once that has begun."""
    count = server.app[HUB].watches + 1
    async with streaming(server, WATCH, token=token, scope=scope, below=below) as stream:
        await watched(server, count)
        yield stream


async def tell_until_all_left(server: Server) -> None:
    """Make the server tell of changes, as if many were stored, until no connection is open any more."""
    ids = tuple(f"resource_{i:0128}" for i in range(MAX_IDS))
    payload = encode(ResourcesChanged("scope_acme", "scope_acme", Outcome.UPDATED, ids))
    async with asyncio.timeout(2 * PATIENCE_S):
        while len(server.app[CONNECTIONS]):
            for _ in range(50):
                server.app[HUB]._hear(payload)
            await asyncio.sleep(0.005)
