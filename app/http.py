"""HTTP around every route: request ids, one log line each, bodies within bounds, errors as answers."""

from __future__ import annotations

import asyncio
import random
import re
import time
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, ContentEncodingError
from multidict import CIMultiDict
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from app.cors import Cors
from app.proxy import Proxies
from app.rest import problems
from app.state import AUTHENTICATOR, CORS, DATABASE, METRICS, PROXIES, RATE_LIMITER, ROUTE, SETTINGS
from app.telemetry import AccessLog, RequestLine, request_id
from db.errors import Code, Refused, SheafError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler, Middleware

    from app.metrics import Metrics
    from app.rest.exchange import Answer
    from app.settings import Settings
    from db.access import Principal

log = structlog.get_logger("sheaf.http")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")
ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})
WORTH_COMPRESSING_BYTES = 1024
# What nginx calls a client that hung up before its answer; nobody reads it but the log and the numbers.
HUNG_UP = 499

SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
)
# Instead of aiohttp's, which tells its version and Python's.
SERVER = "sheaf"
OWN_HEADERS = (*SECURITY_HEADERS, ("Server", SERVER))
STRICT_TRANSPORT = "max-age=31536000"


def around(settings: Settings, metrics: Metrics, route_of: Callable[[web.Request], str]) -> Middleware:
    """Return what every request passes: its id, its answer whatever is raised, its log line, its numbers."""
    access = AccessLog(settings.log_level, settings.log_format)
    preflight = Cors(settings.cors_origins).preflight if settings.cors_origins else None
    client_of = Proxies(settings.trusted_proxies).client_of

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        own_id = id_of(request)
        request_id.set(own_id)
        response: web.StreamResponse
        try:
            response = (preflight and preflight(request)) or await handler(request)
        except Exception as error:  # noqa: BLE001 - the last one who can turn it into an answer
            response = _answer_to(error, request, own_id)
        if not response.prepared:
            dress(request, response)
        seconds = time.perf_counter() - began
        metrics.request(request.get(ROUTE) or route_of(request), request.method, response.status, seconds)
        access.write(
            RequestLine(
                request.method,
                request.rel_url.raw_path,
                response.status,
                round(seconds * 1000, 2),
                client_of(request),
                own_id,
            )
        )
        return response

    return handle


def dress(request: web.Request, response: web.StreamResponse) -> None:
    """Give an answer the headers that don't depend on its route; a handler of a stream does so before it begins."""
    headers = response.headers
    if "X-Request-Id" not in headers:
        headers["X-Request-Id"] = request_id.get()
        headers["Server"] = SERVER
        if "Content-Security-Policy" not in headers:
            headers.extend(SECURITY_HEADERS)
    settings = request.app[SETTINGS]
    if settings.cors_origins:
        request.app[CORS].tell(request.headers.get("Origin"), headers)
    # We speak no TLS ourselves, so only a proxy can have.
    if settings.trusted_proxies and request.app[PROXIES].is_secure(request):
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT


def id_of(request: web.BaseRequest) -> str:
    """Return the id that a request brought, else a new one."""
    sent = request.headers.get("X-Request-Id")
    if sent and REQUEST_ID.match(sent):
        return sent
    return f"{random.getrandbits(128):032x}"


def _answer_to(error: Exception, request: web.Request, own_id: str) -> web.Response:
    """Turn whatever a handler raised into an answer; what we didn't foresee is logged once."""
    match error:
        case SheafError():
            response = to_response(problems.of_error(error))
            if isinstance(error, problems.TooSlow):
                response.force_close()
            return response
        case web.HTTPException():
            return to_response(_http_error(error))
        case web.RequestPayloadError() | BadHttpMessage() | ContentEncodingError():
            return to_response(problems.problem(Code.MALFORMED, f"the body can't be read: {error}"))
        case ConnectionError() if request.transport is None or request.transport.is_closing():
            return web.Response(status=HUNG_UP)
        case _:
            log.error("bug", method=request.method, path=request.rel_url.raw_path, exc_info=error)
            detail = f"an internal error; its request id is {own_id}"
            return to_response(problems.problem(Code.INTERNAL, detail))


def _http_error(error: web.HTTPException) -> Answer:
    """Say what aiohttp itself refuses in our words."""
    match error:
        case web.HTTPRequestEntityTooLarge():
            return problems.problem(Code.TOO_LARGE, "the body is larger than the limit")
        case web.HTTPMethodNotAllowed():
            return problems.of_error(problems.MethodNotAllowed(error.method, sorted(error.allowed_methods)))
        case web.HTTPNotFound():
            return problems.problem(Code.NOT_FOUND, "there is no such route")
        case _:
            return problems.problem(Code.MALFORMED, error.reason)


def to_response(answer: Answer) -> web.Response:
    """Turn an answer into aiohttp's, compressed where the client takes that and it pays."""
    # All at once: adding them one by one afterwards costs four times as much.
    headers = CIMultiDict((*OWN_HEADERS, ("X-Request-Id", request_id.get()), *answer.headers.items()))
    response = web.Response(status=answer.status, headers=headers, body=answer.body)
    if len(answer.body) > WORTH_COMPRESSING_BYTES:
        response.enable_compression()
    return response


async def read_body(request: web.Request) -> bytes:
    """Read a body, inflated, within the limit; raises `Refused` (`too_large`, `unsupported_media_type`)."""
    limit = request.app[SETTINGS].max_body_bytes
    if request.headers.get("Content-Encoding", "").lower() not in ENCODINGS:
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding must be gzip, deflate or identity")
    if (request.content_length or 0) > limit:
        raise Refused(
            Code.TOO_LARGE, f"the body has {request.content_length:,} bytes; the limit is {limit:,}"
        )
    if request.content.is_eof():
        body = request.content.read_nowait()
        _check_size(len(body), limit)
        return body
    chunks: list[bytes] = []
    size = 0
    seconds = request.app[SETTINGS].body_timeout_s
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                _check_size(size, limit)
                chunks.append(chunk)
    except TimeoutError as error:
        raise problems.TooSlow(f"the body took longer than {seconds:g} s to arrive") from error
    return b"".join(chunks)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise Refused(Code.TOO_LARGE, f"the body has more than {limit:,} bytes, which is the limit")


async def caller_of(request: web.Request, *, narrowed: bool = True) -> Principal:
    """Return who sent a request, narrowed to the tenant it names unless that doesn't matter.

    Raises `Unauthorized`, `NotFound` for the tenant, or `Throttled` when the caller sends too many.
    """
    tenant = request.headers.get("reach-tenant-id") if narrowed else None
    if tenant is not None and not tenant.isprintable():
        raise Refused(Code.INVALID_VALUE, "reach-tenant-id holds characters that no id has")
    caller = await request.app[AUTHENTICATOR].principal(request.headers.get("Authorization"), tenant)
    request.app[RATE_LIMITER].admit(caller.token_hash)
    return caller


async def show_metrics(request: web.Request) -> web.Response:
    """Tell this process's numbers, or the sum over the processes that share the port."""
    metrics = request.app[METRICS]
    metrics.look_at(request.app[DATABASE])
    response = web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
    response.enable_compression()
    return response
