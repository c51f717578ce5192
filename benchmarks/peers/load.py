"""A client that costs little, since it shares the machine with the server: raw HTTP/1.1 on uvloop."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ANSWER_LIMIT_S = 60


class Place(NamedTuple):
    """Where a server listens, and the token that it takes."""

    port: int
    token: str = ""
    headers: tuple[str, ...] = ()


class Request(NamedTuple):
    """What is asked."""

    path: str
    body: bytes | None = None

    def encoded(self, place: Place) -> bytes:
        """Return the request as it is sent."""
        head = [
            f"{'GET' if self.body is None else 'POST'} {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{place.port}",
            "Accept: application/json",
            *([f"Authorization: Bearer {place.token}"] if place.token else []),
            *place.headers,
        ]
        body = self.body or b""
        if self.body is not None:
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*head, "\r\n"]).encode() + body


class Answer(NamedTuple):
    """A status and a body."""

    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """A connection that takes one request at a time and tells when its answer is there."""

    def __init__(self, done: Callable[[Connection], None]) -> None:
        self._done = done
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._missing = -1
        self._chunked = False
        self.lost = False
        self.began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        # uvloop's isn't a subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        del exc
        self.lost = True
        self._done(self)

    def send(self, request: bytes) -> None:
        """Send a request."""
        assert self._transport is not None
        self._parts, self._missing = [], -1
        self.began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Collect an answer."""
        self._parts.append(data)
        if self._missing < 0:
            self._read_head()
        elif not self._chunked:
            self._missing -= len(data)
        if self._missing == 0 or (self._chunked and b"".join(self._parts[-2:]).endswith(b"0\r\n\r\n")):
            self._done(self)

    def answer(self) -> Answer:
        """Return the whole answer."""
        head, _, body = b"".join(self._parts).partition(b"\r\n\r\n")
        return Answer(int(head[9:12]), b"".join(_chunks(body)) if self._chunked else body)

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _read_head(self) -> None:
        whole = b"".join(self._parts)
        head, end, body = whole.partition(b"\r\n\r\n")
        if not end:
            return
        self._parts = [whole]
        lines = head.lower().split(b"\r\n")
        self._chunked = any(line.startswith(b"transfer-encoding:") for line in lines)
        length = next((line[15:] for line in lines if line.startswith(b"content-length:")), b"0")
        self._missing = 1 if self._chunked else int(length) - len(body)


def _chunks(body: bytes) -> Iterator[bytes]:
    at = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].partition(b";")[0], 16)
        if not size:
            return
        yield body[end + 2 : end + 2 + size]
        at = end + size + 4


class Client:
    """Asks one server, on one connection or on many."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._single: Connection | None = None
        self._answered = asyncio.Event()

    async def ask(self, request: Request) -> tuple[Answer, float]:
        """Send a request and return the answer and its milliseconds."""
        if self._single is None or self._single.lost:
            self._single = await self._connect(lambda _: self._answered.set())
        self._answered.clear()
        sent = request.encoded(self.place)
        self._single.send(sent)
        async with asyncio.timeout(ANSWER_LIMIT_S):
            await self._answered.wait()
        took_ms = (time.perf_counter() - self._single.began) * 1_000
        if self._single.lost:
            raise RuntimeError(f"no answer to {sent[:300]!r}")
        return self._single.answer(), took_ms

    async def ask_much(self, make: Callable[[], bytes], seconds: float, connections: int) -> list[float]:
        """Keep connections busy for a while and return each answer's milliseconds; raise for a refusal."""
        times: list[float] = []
        wrong: list[Answer] = []
        finished = asyncio.Event()
        until = time.perf_counter() + seconds
        busy = connections

        def done(connection: Connection) -> None:
            nonlocal busy
            now = time.perf_counter()
            answer = Answer(0, b"connection lost") if connection.lost else connection.answer()
            if _is_good(answer):
                times.append((now - connection.began) * 1_000)
                if now < until:
                    connection.send(make())
                    return
            else:
                wrong.append(answer)
            busy -= 1
            if not busy:
                finished.set()

        all_of_them = [await self._connect(done) for _ in range(connections)]
        for each in all_of_them:
            each.send(make())
        async with asyncio.timeout(seconds + ANSWER_LIMIT_S):
            await finished.wait()
        for each in all_of_them:
            each._done = lambda _: None  # noqa: SLF001 - closing it is no loss
            each.close()
        if wrong:
            raise RuntimeError(f"{len(wrong)} refused, the first: {wrong[0].status} {wrong[0].body[:500]!r}")
        return times

    def close(self) -> None:
        """End the connection."""
        if self._single is not None:
            self._single.close()

    async def _connect(self, done: Callable[[Connection], None]) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(done), "127.0.0.1", self.place.port)
        return connection


def _is_good(answer: Answer) -> bool:
    # Servers of GraphQL say 200 for almost everything; `"errors": []` of an item is none.
    return 200 <= answer.status < 300 and b'"errors":[{' not in answer.body
