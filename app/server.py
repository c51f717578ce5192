"""The socket: connections that can't be held open without sending, and refusals that are ours from the first byte."""

from __future__ import annotations

import asyncio
import gc
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from app.entrance import entrance
from app.gathering import Gathering, GatheringTransport
from app.http import OWN_HEADERS, around, id_of, to_response
from app.metrics import NO_ROUTE
from app.rest import door, problems
from app.state import METRICS, PROXIES, SETTINGS
from app.telemetry import request_id
from db.errors import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.metrics import Metrics
    from app.proxy import Proxies
    from app.rest.exchange import Answer
    from app.settings import Settings

log = structlog.get_logger("sheaf.server")

# GraphQL by GET puts its document there.
MAX_URL_BYTES = 16_384
MAX_HEADER_BYTES = 8_192
MAX_HEADERS = 100
# How long the rest of a refused body is thrown away, so that the client reads why instead of a reset.
LINGER_S = 2.0
# How many objects may be new before the collector looks for circles among them. By default it looks a dozen times at
# what one answer of 1,000 objects is made of, which is no garbage yet, and takes a tenth of the answer's time.
NEW_OBJECTS = 20_000
TOO_MANY_HEADERS = "Too many headers"


@dataclass(frozen=True)
class _Rules:
    """What a connection goes by."""

    header_timeout_s: float
    metrics: Metrics
    proxies: Proxies
    gathering: Gathering


class Connection(web.RequestHandler):
    """One client's connection.

    aiohttp bounds how long a connection may be idle, not how long the head of a request may trickle in; and what it
    refuses before there is a request it answers in plain text, with a traceback in the log.
    """

    __slots__ = ("_late", "_rules")

    def __init__(self, server: _Server, rules: _Rules, **kw: Any) -> None:
        super().__init__(server, **kw)
        self._rules = rules
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock of the first request."""
        super().connection_made(
            GatheringTransport(cast("asyncio.Transport", transport), self._rules.gathering)
        )
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """Run the clock while a head has begun and isn't complete."""
        if self._close or self._force_close:
            self._receive_while_closing(data)
        else:
            super().data_received(data)
        if self._request_in_progress or self._messages:
            self._stop_clock()
        elif data and self._late is None:
            self._start_clock()

    def _receive_while_closing(self, data: bytes) -> None:
        """Take the rest of a body that a running request waits for, which aiohttp throws away after SIGTERM."""
        request = self._current_request
        if request is None or request.content.is_eof():
            return
        closing = self._close, self._force_close
        self._close = self._force_close = False
        super().data_received(data)
        self._close, self._force_close = self._close or closing[0], self._force_close or closing[1]

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what can't be read, and what went wrong behind the last of our own handlers."""
        request_id.set(id_of(request))
        if status >= 500:
            log.error("bug", path=request.path, exc_info=exc)
        if request.writer.output_size:
            raise ConnectionError("an answer was begun already")
        answer = _answer_to(status, exc, message)
        self._rules.metrics.request(NO_ROUTE, request.method, answer.status, 0)
        client = self._rules.proxies.client_of(request)
        log.info(
            "request_refused",
            status=answer.status,
            client=client,
            reason=" ".join((message or "").split())[:200],
        )
        response = to_response(answer)
        response.force_close()
        return response

    def _start_clock(self) -> None:
        self._late = self._loop.call_later(self._rules.header_timeout_s, self._too_late)

    def _stop_clock(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._late = None
        if self.transport is None or self._request_in_progress:
            return
        detail = f"the head of the request took longer than {self._rules.header_timeout_s:g} s to arrive"
        answer = problems.of_error(problems.TooSlow(detail))
        head = "".join(f"{name}: {value}\r\n" for name, value in [*answer.headers.items(), *OWN_HEADERS])
        status_line = f"HTTP/1.1 {answer.status} Request Timeout\r\n"
        length = f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
        self.transport.write((status_line + head + length).encode() + answer.body)
        self._rules.metrics.request(NO_ROUTE, "none", answer.status, self._rules.header_timeout_s)
        self.force_close()


def _answer_to(status: int, error: BaseException | None, message: str | None) -> Answer:
    if status >= 500:
        return problems.problem(Code.INTERNAL, "an internal error")
    if isinstance(error, LineTooLong):
        limit = error.args[1]
        if limit == MAX_URL_BYTES:
            return problems.problem(Code.TOO_LARGE, f"the URL is longer than {limit:,} bytes", status=414)
        return problems.problem(Code.TOO_LARGE, f"a header is longer than {limit:,} bytes", status=431)
    if (message or "").startswith(TOO_MANY_HEADERS):
        return problems.problem(Code.TOO_LARGE, f"there are more than {MAX_HEADERS} headers", status=431)
    return problems.problem(Code.MALFORMED, "this is no HTTP request that can be read", status=400)


class _Server(web.Server):
    """Makes our connections instead of aiohttp's."""

    def __init__(self, app: web.Application, plain: web.Server, rules: _Rules, **kw: Any) -> None:
        handler = around(app, entrance(app, plain.request_handler), door.route_of)
        super().__init__(handler, request_factory=plain.request_factory, **kw)  # type: ignore[arg-type]  # made by its factory
        self._rules = rules

    def __call__(self) -> Connection:
        """Take a connection."""
        return Connection(self, self._rules, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application behind our connections."""

    def __init__(self, app: web.Application) -> None:
        settings = app[SETTINGS]
        super().__init__(app, access_log=None, shutdown_timeout=settings.shutdown_s)

    async def _make_server(self) -> web.Server:
        # aiohttp has no other place where the class of the connections could be said.
        plain = await super()._make_server()
        settings = self.app[SETTINGS]
        rules = _Rules(settings.header_timeout_s, self.app[METRICS], self.app[PROXIES], Gathering())
        return _Server(
            self.app,
            plain,
            rules,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=settings.keepalive_s,
            lingering_time=LINGER_S,
            max_line_size=MAX_URL_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
            auto_decompress=False,
            access_log=None,
        )


async def serve(app: web.Application, *, lifeline: int | None, listening: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, then let running requests end.

    With a `lifeline`, the end of a pipe, the port is shared with the other processes of whoever holds the pipe's
    other end; when it is closed that is the end, too.
    """
    settings: Settings = app[SETTINGS]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    if lifeline is not None:
        loop.add_reader(lifeline, _cut, loop, lifeline, stop)
    runner = Runner(app)
    await runner.setup()
    try:
        site = web.TCPSite(
            runner, settings.host, settings.port, reuse_port=True if lifeline is not None else None
        )
        await site.start()
        # What was loaded until now is never garbage: the collector needn't look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
        listening()
        await stop.wait()
    finally:
        await runner.cleanup()


def _cut(loop: asyncio.AbstractEventLoop, lifeline: int, stop: asyncio.Event) -> None:
    """Stop when the supervisor is gone; a pipe's end can be read for ever."""
    loop.remove_reader(lifeline)
    log.warning("supervisor_gone")
    stop.set()
