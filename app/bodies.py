"""Bodies of requests: inflated, bounded in size and in time."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

from app.rest.problems import TooSlow
from app.state import SETTINGS
from db.errors import Code, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

PLAIN = frozenset({"", "identity"})
PACKED = frozenset({"gzip", "deflate"})
GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Inflation:
    """Undoes a content coding (RFC 9110 section 8.4.1) chunk by chunk.

    By ourselves, since aiohttp's parser knows no limit but its buffer's, takes a gzip stream that was cut off for
    whole, and answers 400 to a coding that is merely unknown.
    """

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream: zlib._Decompress | None = None

    def inflate(self, data: bytes, room: int) -> bytes:
        """Return what becomes of the next bytes, cut behind the first byte that has no room."""
        parts: list[bytes] = []
        try:
            while data and room >= 0:
                if self._stream is None or (self._stream.eof and self._coding == "gzip"):
                    # A gzip body may be several streams in a row (RFC 1952 section 2.2).
                    self._stream = self._begin(data)
                elif self._stream.eof:
                    raise Refused(Code.MALFORMED, "something stands behind the end of the compressed body")
                part = self._stream.decompress(data, room + 1)
                room -= len(part)
                parts.append(part)
                data = self._stream.unused_data
        except zlib.error as error:
            raise Refused(Code.MALFORMED, f"the body is not {self._coding}: {error}") from error
        return b"".join(parts)

    def end(self) -> None:
        """Refuse a body that was cut off."""
        if self._stream is not None and not self._stream.eof:
            raise Refused(Code.MALFORMED, f"the {self._coding} body ends before its end")

    def _begin(self, data: bytes) -> zlib._Decompress:
        if self._coding == "gzip":
            return zlib.decompressobj(GZIP_WINDOW)
        # "deflate" is zlib's format; some send the bare stream, which zlib's first byte can't begin.
        return zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS)


async def read_body(app: web.Application, request: web.Request) -> bytes:
    """Read a body, inflated, within the limit.

    Raises `Refused` (`too_large`, `unsupported_media_type`, `malformed`), or `TooSlow`.
    """
    settings = app[SETTINGS]
    limit = settings.max_body_bytes
    coding = request.headers.get("Content-Encoding", "").lower()
    if coding not in PLAIN and coding not in PACKED:
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding must be gzip, deflate or identity")
    if (request.content_length or 0) > limit:
        raise Refused(
            Code.TOO_LARGE, f"the body has {request.content_length:,} bytes; the limit is {limit:,}"
        )
    inflation = Inflation(coding) if coding in PACKED else None
    if request.content.is_eof():
        return _whole(request.content.read_nowait(), inflation, limit)
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            return await _arriving(request.content.iter_any(), inflation, limit)
    except TimeoutError as error:
        detail = f"the body took longer than {settings.body_timeout_s:g} s to arrive"
        raise TooSlow(detail) from error


def _whole(body: bytes, inflation: Inflation | None, limit: int) -> bytes:
    if inflation is not None:
        body = inflation.inflate(body, limit)
        _check_size(len(body), limit)
        inflation.end()
    _check_size(len(body), limit)
    return body


async def _arriving(parts: AsyncIterator[bytes], inflation: Inflation | None, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for part in parts:
        chunk = inflation.inflate(part, limit - size) if inflation else part
        size += len(chunk)
        _check_size(size, limit)
        chunks.append(chunk)
    if inflation is not None:
        inflation.end()
    return b"".join(chunks)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise Refused(Code.TOO_LARGE, f"the body has more than {limit:,} bytes, which is the limit")
