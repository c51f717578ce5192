"""Bodies: compressed both ways, bounded after inflation."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from app.bodies import Inflation

if TYPE_CHECKING:
    from tests.http.conftest import Start

LIMIT = 100_000
NAMED = {"Content_Type": "application/json"}


def scope(padding: int = 0) -> bytes:
    """Return a scope to create, with so many spaces around it."""
    return json.dumps({"parentScopeId": "scope_acme", "name": "New"}).encode() + b" " * padding


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes), ("GZip", gzip.compress)],
    ids=["gzip", "deflate", "identity", "letters"],
)
async def test_a_compressed_body_is_read(start: Start, encoding: str, encode: type[bytes]) -> None:
    async with start() as server:
        reply = await server.root.send("POST", "/scopes", encode(scope()), **NAMED, Content_Encoding=encoding)
        assert (reply.status, reply.json["name"]) == (201, "New")


async def test_the_limit_counts_what_was_inflated(start: Start) -> None:
    async with start(max_body_bytes=LIMIT) as server:
        fits = scope(LIMIT - len(scope()))
        for body, status in ((fits, 201), (fits + b" ", 413)):
            plain = await server.root.send("POST", "/scopes", body, **NAMED)
            packed = await server.root.send(
                "POST", "/scopes", gzip.compress(body), **NAMED, Content_Encoding="gzip"
            )
            assert (plain.status, packed.status) == (status, status)


async def test_a_bomb_is_refused_without_being_inflated_whole(start: Start) -> None:
    bomb = gzip.compress(b" " * 300_000_000, compresslevel=1)
    async with start(max_body_bytes=LIMIT) as server:
        before = await server.root.everything()
        began = time.process_time()
        reply = await server.root.send(
            "POST", "/scopes/batch", bomb[:90_000], **NAMED, Content_Encoding="gzip"
        )
        assert (reply.status, reply.code) == (413, "too_large")
        assert f"{LIMIT:,}" in reply.json["detail"]
        assert time.process_time() - began < 3
        assert await server.root.everything() == before


@pytest.mark.parametrize(
    "body",
    [
        b"\x1f\x8bnonsense",
        b"plain",
        gzip.compress(scope())[:-20],
        gzip.compress(scope())[:-8],
        gzip.compress(scope())[:-1],
        gzip.compress(scope())[:-8] + bytes(8),
        gzip.compress(scope()) + b"more",
    ],
    ids=["nonsense", "plain", "cut off", "no trailer", "a byte short", "another sum", "something behind it"],
)
async def test_a_body_that_is_not_what_it_says_is_malformed(start: Start, body: bytes) -> None:
    async with start() as server:
        before = await server.root.everything()
        reply = await server.root.send("POST", "/scopes", body, **NAMED, Content_Encoding="gzip")
        assert (reply.status, reply.code) == (400, "malformed")
        assert await server.root.everything() == before


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "x"])
async def test_another_encoding_is_refused(start: Start, encoding: str) -> None:
    async with start() as server:
        reply = await server.root.send("POST", "/scopes", scope(), **NAMED, Content_Encoding=encoding)
        assert (reply.status, reply.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(scope()[:20]) + gzip.compress(scope()[20:])),
        ("deflate", zlib.compress(scope(), wbits=-zlib.MAX_WBITS)),
    ],
    ids=["two gzip streams", "bare deflate"],
)
async def test_a_compressed_body_may_come_in_pieces_and_be_several_streams(
    start: Start, encoding: str, body: bytes
) -> None:
    for size in (1, 7, len(body)):
        inflation = Inflation(encoding)
        pieces = [inflation.inflate(body[i : i + size], LIMIT) for i in range(0, len(body), size)]
        inflation.end()
        assert b"".join(pieces) == scope()
    async with start() as server:
        reply = await server.root.send("POST", "/scopes", body, **NAMED, Content_Encoding=encoding)
        assert (reply.status, reply.json["name"]) == (201, "New")


async def test_a_large_answer_is_compressed_for_whoever_takes_it(start: Start) -> None:
    async with start() as server:
        items = [{"parentScopeId": "scope_acme", "name": f"Scope {i}"} for i in range(50)]
        await server.root.created("/scopes/batch", items)
        packed = await server.root.get("/scopes", Accept_Encoding="gzip")
        plain = await server.root.get("/scopes", Accept_Encoding="identity")
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain.headers
        assert int(packed.headers["Content-Length"]) * 2 < len(plain.body)
        assert packed.json == plain.json
