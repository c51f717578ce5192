"""HTTP around every route: request ids, one log line each, errors as answers."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from multidict import istr
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from app.metrics import NO_ROUTE
from app.rest import problems, refusals
from app.state import AUTHENTICATOR, CORS, DATABASE, METRICS, PROXIES, RATE_LIMITER, ROUTE, SETTINGS
from app.telemetry import AccessLog, RequestLine, request_id
from db.errors import Code, NotFound, Refused, SheafError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler

    from app.cors import Cors
    from app.rest.exchange import Answer
    from db.access import Principal

log = structlog.get_logger("sheaf.http")

REQUEST_ID = re.compile(r"[\x21-\x7e]{1,200}\Z")
WORTH_COMPRESSING_BYTES = 1024
# What nginx calls a client that hung up before its answer; nobody reads it but the log and the numbers.
HUNG_UP = 499

# Their names are hashed once.
X_REQUEST_ID = istr("X-Request-Id")
CONTENT_SECURITY_POLICY = istr("Content-Security-Policy")
SECURITY_HEADERS = (
    (istr("X-Content-Type-Options"), "nosniff"),
    (istr("X-Frame-Options"), "DENY"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (istr("Cross-Origin-Resource-Policy"), "same-origin"),
    (istr("Referrer-Policy"), "no-referrer"),
)
# Instead of aiohttp's, which tells its version and Python's.
SERVER = (istr("Server"), "sheaf")
# A cache must not give a compressed answer to whoever can't read it.
VARYING = (istr("Vary"), "Accept-Encoding")
OWN_HEADERS = (*SECURITY_HEADERS, SERVER)
STRICT_TRANSPORT = "max-age=31536000"


def around(app: web.Application, answer: Handler, route_of: Callable[[web.Request], str]) -> Handler:
    """Return what every request passes: its id, its answer whatever is raised, its log line, its numbers."""
    settings, count, client_of = app[SETTINGS], app[METRICS].request, app[PROXIES].client_of
    write = AccessLog(settings.log_level, settings.log_format).write
    if settings.cors_origins:
        answer = _preflighted(app[CORS], answer)

    async def handle(request: web.Request) -> web.StreamResponse:
        began = time.perf_counter()
        own_id = id_of(request)
        request_id.set(own_id)
        response: web.StreamResponse
        try:
            response = await answer(request)
        except Exception as error:  # noqa: BLE001 - the last one who can turn it into an answer
            response = _answer_to(error, request, own_id)
        if not response.prepared:
            dress(app, request, response)
        seconds = time.perf_counter() - began
        count(request.get(ROUTE) or route_of(request), request.method, response.status, seconds)
        path, ms = request.rel_url.raw_path, round(seconds * 1000, 2)
        write(RequestLine(request.method, path, response.status, ms, client_of(request), own_id))
        return response

    return handle


def _preflighted(cors: Cors, answer: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        if (preflight := cors.preflight(request)) is None:
            return await answer(request)
        # It asks about a route, and takes none.
        request[ROUTE] = NO_ROUTE
        return preflight

    return handle


def dress(app: web.Application, request: web.Request, response: web.StreamResponse) -> None:
    """Give an answer the headers that don't depend on its route; a handler of a stream does so before it begins."""
    headers = response.headers
    if X_REQUEST_ID not in headers:
        headers[X_REQUEST_ID] = request_id.get()
        headers.extend((SERVER,) if CONTENT_SECURITY_POLICY in headers else OWN_HEADERS)
    settings = app[SETTINGS]
    if settings.cors_origins:
        app[CORS].tell(request.headers.get("Origin"), headers)
    # We speak no TLS ourselves, so only a proxy can have.
    if settings.trusted_proxies and app[PROXIES].is_secure(request):
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT


def id_of(request: web.BaseRequest) -> str:
    """Return the id that a request brought, else a new one."""
    sent = request.headers.get("X-Request-Id")
    if sent and REQUEST_ID.match(sent):
        return sent
    return f"{random.getrandbits(128):032x}"


def _answer_to(error: Exception, request: web.Request, own_id: str) -> web.Response:
    """Turn whatever a handler raised into an answer; what we didn't foresee is logged once."""
    path = request.rel_url.raw_path
    match error:
        case SheafError():
            told = error
        case web.HTTPException():
            told = _http_error(error)
        case web.RequestPayloadError() | BadHttpMessage():
            told = Refused(Code.MALFORMED, f"the body can't be read: {error}")
        case ConnectionError() if request.transport is None or request.transport.is_closing():
            return web.Response(status=HUNG_UP)
        case _:
            log.error("bug", method=request.method, path=path, exc_info=error)
            told = SheafError(Code.INTERNAL, f"an internal error; its request id is {own_id}")
    response = to_response(refusals.of_error(path, told))
    if isinstance(told, problems.TooSlow):
        response.force_close()
    return response


def _http_error(error: web.HTTPException) -> SheafError:
    """Say what aiohttp itself refuses in our words."""
    match error:
        case web.HTTPRequestEntityTooLarge():
            return Refused(Code.TOO_LARGE, "the body is larger than the limit")
        case web.HTTPMethodNotAllowed():
            return problems.MethodNotAllowed(error.method, sorted(error.allowed_methods))
        case web.HTTPNotFound():
            return NotFound("there is no such route")
        case _:
            return Refused(Code.MALFORMED, error.reason)


def to_response(answer: Answer) -> web.Response:
    """Turn an answer into aiohttp's, compressed where the client takes that and it pays."""
    # All at once: adding them one by one afterwards costs four times as much.
    headers = (*OWN_HEADERS, (X_REQUEST_ID, request_id.get()), *answer.headers.items())
    compressed = len(answer.body) > WORTH_COMPRESSING_BYTES
    if compressed:
        headers = (*headers, VARYING)
    response = web.Response(status=answer.status, headers=headers, body=answer.body)
    if compressed:
        response.enable_compression()
    return response


async def caller_of(app: web.Application, request: web.Request, *, narrowed: bool = True) -> Principal:
    """Return who sent a request, narrowed to the tenant it names unless that doesn't matter.

    Raises `Unauthorized`, `NotFound` for the tenant, or `Throttled` when the caller sends too many.
    """
    tenant = request.headers.get("reach-tenant-id") if narrowed else None
    if tenant is not None and not tenant.isprintable():
        raise Refused(Code.INVALID_VALUE, "reach-tenant-id holds characters that no id has")
    caller = await app[AUTHENTICATOR].principal(request.headers.get("Authorization"), tenant)
    app[RATE_LIMITER].admit(caller.token_hash)
    return caller


async def show_metrics(request: web.Request) -> web.Response:
    """Tell this process's numbers, or the sum over the processes that share the port."""
    metrics = request.app[METRICS]
    metrics.look_at(request.app[DATABASE])
    headers = (("Content-Type", CONTENT_TYPE_PLAIN_0_0_4), VARYING)
    response = web.Response(body=metrics.text(), headers=headers)
    response.enable_compression()
    return response
