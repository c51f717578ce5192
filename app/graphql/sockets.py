"""Operations over WebSocket, in the protocol graphql-transport-ws.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import WSMsgType, web
from strawberry.types.execution import PreExecutionError

from app.graphql import requests
from app.graphql.lasting import TENANT, Credentials, TooSlow, results
from app.graphql.responses import encoded, request_error, response
from app.http import dress
from app.state import CONNECTIONS, RATE_LIMITER, ROUTE, SETTINGS
from app.telemetry import request_id
from db.errors import Code, Refused, SheafError, Unauthorized, Unavailable
from graphql_schema.errors import internal

if TYPE_CHECKING:
    from aiohttp import WSMessage

log = structlog.get_logger("sheaf.sockets")

PROTOCOL = "graphql-transport-ws"
ROUTE_NAME = "/graphql (WebSocket)"
INIT_LIMIT_S = 10.0
HEARTBEAT_S = 30.0
# How long a client may take to answer our close.
FAREWELL_S = 2.0
MAX_MESSAGE_BYTES = 1024 * 1024
# What waits for a client that doesn't read. Beyond that it loses the connection, not the server its memory.
MAX_UNSENT_BYTES = 1024 * 1024
MAX_REASON_BYTES = 123
UNBOUNDED = 2**62


class Close(IntEnum):
    """Why the server closes a socket."""

    GOING_AWAY = 1001
    TRY_AGAIN = 1013
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    NO_PROTOCOL = 4406
    NOT_INITIALISED = 4408
    TAKEN = 4409
    INITIALISED_TWICE = 4429


class Closing(Exception):
    """What a client did, or didn't, for which its socket is closed."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def wanted(request: web.Request) -> bool:
    """Tell whether a request asks for a socket."""
    return request.method == "GET" and request.headers.get("Upgrade", "").lower() == "websocket"


async def handle(request: web.Request) -> web.StreamResponse:
    """Talk to one client until either side closes."""
    request[ROUTE] = ROUTE_NAME
    # aiohttp doesn't wait until what is sent has left: we bound it, and when one such wait is cancelled so are all.
    # Compression would take more memory for each socket than it saves.
    answer = web.WebSocketResponse(
        protocols=(PROTOCOL,),
        heartbeat=HEARTBEAT_S,
        timeout=FAREWELL_S,
        max_msg_size=MAX_MESSAGE_BYTES,
        compress=False,
        writer_limit=UNBOUNDED,
    )
    socket = _Socket(request, answer)
    with request.app[CONNECTIONS].counted(socket.leave):
        dress(request.app, request, answer)
        await answer.prepare(request)
        await socket.talk()
    return answer


class _Socket:
    """One client's connection and the operations that run on it."""

    def __init__(self, request: web.Request, answer: web.WebSocketResponse) -> None:
        if request.transport is None:
            raise ConnectionResetError
        self._app = request.app
        self._transport = request.transport
        self._answer = answer
        self._credentials: Credentials | None = None
        self._running: dict[str, asyncio.Task[None]] = {}

    async def talk(self) -> None:
        """Take messages until the socket is closed; then end what runs."""
        try:
            await self._take_all()
        except Closing as closing:
            await self._close(closing.code, closing.reason)
        except ConnectionError:
            pass
        finally:
            running = list(self._running.values())
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def leave(self) -> None:
        """Close because the server stops."""
        await self._close(Close.GOING_AWAY, "the server stops")

    async def _close(self, code: Close, reason: str) -> None:
        """Tell the client why, wait a little for its answer, and don't wait for it to read."""
        message = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()
        await self._answer.close(code=code, message=message, drain=False)
        if self._transport.get_write_buffer_size():
            self._transport.abort()

    async def _take_all(self) -> None:
        if self._answer.ws_protocol is None:
            raise Closing(Close.NO_PROTOCOL, f"this speaks {PROTOCOL}")
        try:
            async with asyncio.timeout(INIT_LIMIT_S) as patience:
                async for frame in self._answer:
                    await self._take(_message(frame))
                    if self._credentials is not None:
                        patience.reschedule(None)
        except TimeoutError as error:
            raise Closing(Close.NOT_INITIALISED, "Connection initialisation timeout") from error

    async def _take(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "connection_init":
                await self._initialise(_credentials(message.get("payload")))
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(_name(message), message.get("payload"))
            case "complete":
                if task := self._running.pop(_name(message), None):
                    task.cancel()
            case _:
                raise Closing(Close.BAD_MESSAGE, "there is no message of this type")

    async def _initialise(self, credentials: Credentials) -> None:
        if self._credentials is not None:
            raise Closing(Close.INITIALISED_TWICE, "Too many initialisation requests")
        try:
            await credentials.caller(self._app)
        except Unauthorized as error:
            raise Closing(Close.UNAUTHORIZED, error.detail) from error
        except Unavailable as error:
            raise Closing(Close.TRY_AGAIN, error.detail) from error
        except SheafError as error:
            raise Closing(Close.FORBIDDEN, error.detail) from error
        self._credentials = credentials
        await self._send({"type": "connection_ack"})

    async def _subscribe(self, name: str, payload: object) -> None:
        if self._credentials is None:
            raise Closing(Close.UNAUTHORIZED, "Unauthorized")
        if name in self._running:
            raise Closing(Close.TAKEN, f"Subscriber for {name} already exists")
        if not isinstance(payload, dict):
            raise Closing(Close.BAD_MESSAGE, "subscribe takes a payload with a query")
        limit = self._app[SETTINGS].max_subscriptions
        if len(self._running) >= limit:
            detail = f"{limit:,} operations run on this connection, which is the limit"
            await self._send({"id": name, **_error(Refused(Code.LIMIT_REACHED, detail))})
            return
        self._running[name] = asyncio.create_task(self._run(name, payload, self._credentials))

    async def _run(self, name: str, payload: dict[str, Any], credentials: Credentials) -> None:
        """Run one operation, and say the last word of it unless its client has."""
        try:
            last = await self._answered(name, payload, credentials)
            # The name is free before the client can know.
            self._running.pop(name, None)
            await self._send({"id": name, **last})
        except TooSlow:
            await self._close(Close.TRY_AGAIN, "this client doesn't keep up")
        except ConnectionError:
            pass

    async def _answered(self, name: str, payload: dict[str, Any], credentials: Credentials) -> dict[str, Any]:
        """Send the results of one operation; return its last message."""
        try:
            operation = requests.operation(payload)
            caller = await credentials.caller(self._app)
            self._app[RATE_LIMITER].admit(caller.token_hash)
            async with aclosing(results(self._app, operation, caller, credentials)) as stream:
                async for result in stream:
                    if isinstance(result, PreExecutionError):
                        return {"type": "error", "payload": response(result)["errors"]}
                    await self._send({"id": name, "type": "next", "payload": response(result)})
        except SheafError as error:
            return _error(error)
        except (ConnectionError, TooSlow):
            raise
        except Exception as error:  # noqa: BLE001 - a bug of one operation is told to its client
            return _error(SheafError(Code.INTERNAL, internal(error, request_id.get())))
        return {"type": "complete"}

    async def _send(self, message: dict[str, Any]) -> None:
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("slow_client")
            self._transport.abort()
            raise ConnectionAbortedError
        await self._answer.send_str(encoded(message).decode())


def _error(error: SheafError) -> dict[str, Any]:
    return {"type": "error", "payload": request_error(error)["errors"]}


def _message(frame: WSMessage) -> dict[str, Any]:
    if frame.type is not WSMsgType.TEXT:
        raise Closing(Close.BAD_MESSAGE, "a message must be text")
    try:
        message = requests.decode(frame.data.encode(), "the message")
    except Refused as error:
        raise Closing(Close.BAD_MESSAGE, error.detail) from error
    if not isinstance(message, dict):
        raise Closing(Close.BAD_MESSAGE, "a message must be an object")
    return message


def _name(message: dict[str, Any]) -> str:
    name = message.get("id")
    if not isinstance(name, str) or not name:
        raise Closing(Close.BAD_MESSAGE, "this message must have an id")
    return name


def _credentials(payload: object) -> Credentials:
    """Read the payload of `connection_init`, whose members are spelled like headers, in any case."""
    if not isinstance(payload, dict | None):
        raise Closing(Close.BAD_MESSAGE, "the payload of connection_init must be an object")
    given = {name.lower(): value for name, value in (payload or {}).items()}
    authorization, tenant = given.get("authorization"), given.get(TENANT)
    if not isinstance(authorization, str | None) or not isinstance(tenant, str | None):
        raise Closing(Close.BAD_MESSAGE, f"authorization and {TENANT} must be strings")
    try:
        return Credentials(authorization, tenant)
    except Refused as error:
        raise Closing(Close.FORBIDDEN, error.detail) from error
