"""Operations whose results are server-sent events: GraphQL over SSE, distinct connections mode.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web
from strawberry.types.graphql import OperationType

from app.graphql import requests
from app.graphql.lasting import TENANT, Credentials, TooSlow, results
from app.graphql.responses import encoded, request_error, response
from app.http import caller_of, dress
from app.state import CONNECTIONS, ROUTE
from app.telemetry import request_id
from db.errors import SheafError
from graphql_schema.errors import internal
from graphql_schema.schema import ANY_OPERATION

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from db.access import Principal

log = structlog.get_logger("sheaf.streams")

EVENT_STREAM = "text/event-stream"
ROUTE_NAME = "/graphql (event stream)"
HEARTBEAT_S = 15.0
# How long a client may take to read what is sent. Then it loses the connection, not the server its memory.
SEND_LIMIT_S = 10.0
HEADERS = {
    "Content-Type": f"{EVENT_STREAM}; charset=utf-8",
    "Cache-Control": "no-store",
    # Proxies of the kind of nginx would collect events until there are enough.
    "X-Accel-Buffering": "no",
}
COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata: \n\n"
END = b""


def wanted(request: web.Request) -> bool:
    """Tell whether a request asks for an event stream, and for nothing else before it."""
    first = request.headers.get("Accept", "").partition(",")[0]
    return first.partition(";")[0].strip().lower() == EVENT_STREAM


async def handle(request: web.Request) -> web.StreamResponse:
    """Send the results of one operation until it is complete, the client leaves, or the server stops."""
    request[ROUTE] = ROUTE_NAME
    caller = await caller_of(request.app, request) if "Authorization" in request.headers else None
    answer = web.StreamResponse(headers=HEADERS)
    stopping = asyncio.Event()

    async def leave() -> None:
        stopping.set()

    with request.app[CONNECTIONS].counted(leave):
        dress(request.app, request, answer)
        await answer.prepare(request)
        try:
            async with aclosing(_events(request, caller)) as events:
                await _send_all(answer, events, stopping)
        except ConnectionError:
            pass
        except (TooSlow, TimeoutError):
            log.warning("slow_client")
            _abort(request)
        except Exception as error:  # noqa: BLE001 - an answer that was begun can't become another
            internal(error, request_id.get())
            _abort(request)
    return answer


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _send_all(
    answer: web.StreamResponse, events: AsyncGenerator[bytes, None], stopping: asyncio.Event
) -> None:
    """Write events as they come, and comments meanwhile, so that both sides notice when the other is gone."""
    leaving = asyncio.ensure_future(stopping.wait())
    coming: asyncio.Future[bytes] = asyncio.ensure_future(anext(events, END))
    text = COMMENT
    try:
        while not leaving.done() and text != END:
            async with asyncio.timeout(SEND_LIMIT_S):
                await answer.write(text)
            either: set[asyncio.Future[Any]] = {coming, leaving}
            await asyncio.wait(either, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
            text = COMMENT
            if coming.done():
                text = coming.result()
                coming = asyncio.ensure_future(anext(events, END))
    finally:
        for task in (coming, leaving):
            task.cancel()
        await asyncio.gather(coming, leaving, return_exceptions=True)


async def _events(request: web.Request, caller: Principal | None) -> AsyncGenerator[bytes, None]:
    """Yield the text of each event; what keeps an operation from running is told by an event, too."""
    credentials = Credentials(request.headers.get("Authorization"), request.headers.get(TENANT))
    try:
        by_get = request.method == "GET"
        operation = requests.from_query(request) if by_get else await requests.from_body(request)
        allowed = (OperationType.QUERY,) if by_get else ANY_OPERATION
        async with aclosing(results(request.app, operation, caller, credentials, allowed)) as answers:
            async for result in answers:
                yield _next(response(result))
    except SheafError as error:
        yield _next(request_error(error))
    yield COMPLETE


def _next(result: dict[str, Any]) -> bytes:
    return b"event: next\ndata: " + encoded(result) + b"\n\n"
