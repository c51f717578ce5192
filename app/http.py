"""HTTP around every route: request ids, one log line each, bodies within bounds, errors as answers."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, ContentEncodingError

from app.rest import problems
from app.state import AUTHENTICATOR, DATABASE, SETTINGS
from app.telemetry import request_id
from db.errors import Code, Refused, SheafError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.rest.exchange import Answer
    from db.access import Principal

log = structlog.get_logger("sheaf.access")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")
ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})
WORTH_COMPRESSING_BYTES = 1024


@web.middleware
async def around(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Give the request its id, turn what it raises into an answer, and log it."""
    sent = request.headers.get("X-Request-Id", "")
    own_id = sent if REQUEST_ID.match(sent) else uuid.uuid4().hex
    request_id.set(own_id)
    began = time.perf_counter()
    try:
        response = await handler(request)
    except SheafError as error:
        response = to_response(problems.of_error(error))
    except web.HTTPException as error:
        response = to_response(_http_error(error))
    except (web.RequestPayloadError, BadHttpMessage, ContentEncodingError) as error:
        response = to_response(problems.problem(Code.MALFORMED, f"the body can't be read: {error}"))
    except Exception:
        log.exception("bug", method=request.method, path=request.path)
        response = to_response(
            problems.problem(Code.INTERNAL, f"an internal error; its request id is {own_id}")
        )
    if not response.prepared:
        response.headers["X-Request-Id"] = own_id
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
    milliseconds = round((time.perf_counter() - began) * 1000, 2)
    log.info("request", method=request.method, path=request.path, status=response.status, ms=milliseconds)
    return response


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
    response = web.Response(status=answer.status, headers=answer.headers, body=answer.body)
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
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > limit:
            raise Refused(Code.TOO_LARGE, f"the body has more than {limit:,} bytes, which is the limit")
        chunks.append(chunk)
    return b"".join(chunks)


async def caller_of(request: web.Request) -> Principal:
    """Return who sent a request; raises `Unauthorized`."""
    tenant = request.headers.get("reach-tenant-id")
    if tenant is not None and not tenant.isprintable():
        raise Refused(Code.INVALID_VALUE, "reach-tenant-id holds characters that no id has")
    return await request.app[AUTHENTICATOR].principal(request.headers.get("Authorization"), tenant)


async def healthy(_request: web.Request) -> web.Response:
    """Say that the process runs."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Say that the database answers; its migrations were checked at the start."""
    await request.app[DATABASE].ping()
    return web.json_response({"status": "ready"})
