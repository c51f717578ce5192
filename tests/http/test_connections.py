"""Connections: heads and bodies that trickle or never end, what is no request at all, and what every answer carries."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import pytest

from app.server import MAX_HEADER_BYTES, MAX_HEADERS, MAX_URL_BYTES

if TYPE_CHECKING:
    from tests.http.conftest import Start
    from tests.server import Server

HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
POST = (
    b"POST /scopes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def parts(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a raw answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


def refused(answer: bytes, status: int, code: str) -> str:
    """Check that an answer is a problem document, and return its detail."""
    told, headers, body = parts(answer)
    problem = json.loads(body)
    assert headers["Content-Type"] == "application/problem+json"
    assert SECURITY.items() <= headers.items()
    assert headers["Server"] == "sheaf"
    assert (told, problem["status"], problem["code"]) == (status, status, code)
    assert b"Traceback" not in answer
    detail: str = problem["detail"]
    return detail


async def trickle(server: Server, data: bytes, *, every_s: float) -> tuple[bytes, float]:
    """Send bytes one by one, and return what comes back until the server hangs up, and after how long."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    began = time.monotonic()

    async def send() -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await asyncio.sleep(every_s)

    sending = asyncio.ensure_future(send())
    try:
        async with asyncio.timeout(20):
            answer = await reader.read()
    finally:
        sending.cancel()
        writer.close()
    return answer, time.monotonic() - began


async def test_a_head_that_trickles_in_is_given_up(start: Start) -> None:
    async with start(header_timeout_s=0.3) as server:
        answer, seconds = await trickle(server, HEAD * 100, every_s=0.02)
        assert "took longer than 0.3 s" in refused(answer, 408, "malformed")
        assert 0.2 < seconds < 10


async def test_a_connection_that_sends_nothing_is_given_up(start: Start) -> None:
    async with start(header_timeout_s=0.3) as server:
        answer, seconds = await trickle(server, b"", every_s=0)
        assert parts(answer)[0] == 408
        assert 0.2 < seconds < 10


async def test_the_clock_runs_for_the_second_request_of_a_connection_too(start: Start) -> None:
    async with start(header_timeout_s=0.5) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD + b"\r\n")
        assert (await reader.readuntil(b'{"status":"ok"}')).startswith(b"HTTP/1.1 200 ")
        # Idle it may be, for the time of the other setting.
        await asyncio.sleep(0.8)
        writer.write(HEAD)
        async with asyncio.timeout(10):
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_handler_may_take_longer_than_a_head(start: Start) -> None:
    async with start(header_timeout_s=0.2, body_timeout_s=5) as server:
        _, writer = connection = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(POST)
        await asyncio.sleep(0.6)
        writer.write(b" " * 98 + b"{}")
        answer = await connection[0].readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        writer.close()


async def test_an_idle_connection_is_closed(start: Start) -> None:
    async with start(keepalive_s=0.3, header_timeout_s=10) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD + b"\r\n")
        began = time.monotonic()
        async with asyncio.timeout(10):
            answer = await reader.read()
        assert answer.endswith(b'{"status":"ok"}')
        assert time.monotonic() - began > 0.2
        writer.close()


async def test_a_body_that_trickles_in_is_given_up_and_stores_nothing(start: Start) -> None:
    async with start(body_timeout_s=0.3) as server:
        before = await server.root.everything()
        answer, seconds = await trickle(server, POST + b"x" * 90, every_s=0.005)
        assert "took longer than 0.3 s" in refused(answer, 408, "malformed")
        assert seconds < 10
        assert await server.root.everything() == before


async def test_a_client_that_hangs_up_in_the_middle_of_its_body_is_no_bug(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    async with start() as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(POST + b"[")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()
        async with asyncio.timeout(10):
            while '"status":499' not in (told := capsys.readouterr().err):
                assert "Traceback" not in told
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "request_line",
    [
        b"nonsense",
        b"GET / FOO",
        b"GET",
        b"GET / HTTP/9.9",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\xff\xfe HTTP/1.1",
        b"BREW /scopes HTTP/1.1",
    ],
    ids=["nonsense", "protocol", "short", "version", "tls", "bytes", "method"],
)
async def test_what_is_no_request_gets_a_clean_answer(
    start: Start, request_line: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    async with start() as server:
        refused(await server.raw(request_line + b"\r\nHost: x\r\n\r\n"), 400, "malformed")
        # And the next one is served.
        assert (await server.client(None).get("/healthz")).status == 200
    told = capfd.readouterr()
    assert "Traceback" not in told.out + told.err


async def test_a_url_or_header_that_is_too_long_is_told_so(start: Start) -> None:
    async with start() as server:
        url = b"GET /" + b"a" * MAX_URL_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n"
        assert "16,384" in refused(await server.raw(url), 414, "too_large")
        header = HEAD + b"X-Long: " + b"a" * (MAX_HEADER_BYTES + 1) + b"\r\n\r\n"
        assert "8,192" in refused(await server.raw(header), 431, "too_large")
        many = HEAD + b"X: y\r\n" * MAX_HEADERS + b"\r\n"
        assert "100" in refused(await server.raw(many), 431, "too_large")


async def test_what_is_just_within_the_limits_of_a_head_is_served(start: Start) -> None:
    async with start() as server:
        close = b"Connection: close\r\n\r\n"
        query = b"GET /healthz?" + b"a" * (MAX_URL_BYTES - 20) + b" HTTP/1.1\r\nHost: x\r\n" + close
        assert parts(await server.raw(query))[0] == 200
        header = HEAD + b"X-Long: " + b"a" * MAX_HEADER_BYTES + b"\r\n" + close
        assert parts(await server.raw(header))[0] == 200
        many = HEAD + b"X: y\r\n" * (MAX_HEADERS - 2) + close
        assert parts(await server.raw(many))[0] == 200


async def test_every_answer_carries_the_security_headers(start: Start) -> None:
    async with start() as server:
        for reply in (
            await server.root.get("/scopes"),
            await server.root.get("/scopes/scope_nowhere"),
            await server.client(None).get("/scopes"),
            await server.client(None).get("/nowhere"),
            await server.client(None).get("/healthz"),
            await server.client(None).get("/metrics"),
            await server.client(None).get("/openapi.json"),
            await server.client(None).get("/schema.graphql"),
            await server.client(None).get("/"),
            await server.client(None).get("/", Accept="text/html"),
            await server.client(None).get("/explorer/nothing"),
            await server.root.post("/graphql", {"query": "{ __typename }"}),
            await server.root.post("/scopes", {}),
        ):
            assert SECURITY.items() <= dict(reply.headers).items()
            assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
            assert reply.headers["Server"] == "sheaf"
            assert len(reply.headers["X-Request-Id"]) == 32


async def test_many_connections_that_say_nothing_leave_room_for_one_that_does(start: Start) -> None:
    async with start(header_timeout_s=1) as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(200)]
        assert (await server.client(None).get("/healthz")).status == 200
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*(reader.read() for reader, _ in silent))
        assert {parts(answer)[0] for answer in answers} == {408}
        for _, writer in silent:
            writer.close()
