"""A client that costs little, since it shares the machine with the server: raw HTTP/1.1 on uvloop."""

from __future__ import annotations

import asyncio
import math
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


class Slice:
    """What happens on many connections in a while."""

    def __init__(self, make: Callable[[], bytes], seconds: float, connections: int) -> None:
        self._make = make
        self._seconds = seconds
        self._warming = self._busy = connections
        self._until = math.inf
        self.finished = asyncio.Event()
        self.times_ms: list[float] = []
        self.wrong: list[Answer] = []

    def done(self, connection: Connection) -> None:
        """Take an answer and ask again, unless time is up."""
        now = time.perf_counter()
        if self.finished.is_set():
            return
        answer = Answer(0, b"connection lost") if connection.lost else connection.answer()
        if not is_good(answer):
            self.wrong.append(answer)
        elif now < self._until:
            self._count(now, connection.began)
            connection.send(self._make())
            return
        self._busy -= 1
        if not self._busy:
            self.finished.set()

    def _count(self, now: float, began: float) -> None:
        if self._warming > 0:
            self._warming -= 1
            if not self._warming:
                self._until = now + self._seconds
            return
        self.times_ms.append((now - began) * 1_000)


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
        """Keep connections busy for a while and return the milliseconds of each answer in it; raise for a refusal.

        The while begins when there are as many answers as connections, so that opening these doesn't count.
        """
        slice_ = Slice(make, seconds, connections)
        opened = [await self._connect(slice_.done) for _ in range(connections)]
        for each in opened:
            each.send(make())
        async with asyncio.timeout(seconds + ANSWER_LIMIT_S):
            await slice_.finished.wait()
        for each in opened:
            each.close()
        if slice_.wrong:
            told = slice_.wrong[0]
            raise RuntimeError(f"{len(slice_.wrong)} refused, the first: {told.status} {told.body[:500]!r}")
        return slice_.times_ms

    def close(self) -> None:
        """End the connection."""
        if self._single is not None:
            self._single.close()

    async def _connect(self, done: Callable[[Connection], None]) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(done), "127.0.0.1", self.place.port)
        return connection


def is_good(answer: Answer) -> bool:
    """Tell whether a server did what it was asked for."""
    # Servers of GraphQL say 200 for almost everything; `"errors": []` of an item is none.
    return 200 <= answer.status < 300 and b'"errors":[{' not in answer.body
