"""A server's memory stays where it is, whatever is asked of it."""

from __future__ import annotations

import gzip
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from app.settings import Settings
from tests.processes import HOST, ROOT_TOKEN, START_LIMIT_S, Process, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIB = 1024**2
CLIENTS = 8
SENDERS = 2
GROWTH_BYTES = 24 * MIB
TOO_LARGE = Settings().max_body_bytes + 1

GETS = (
    "/healthz",
    "/scopes",
    "/scopes/scope_nowhere",
    "/resources?limit=1000",
    "/nowhere",
    "/metrics",
    "/tags?bogus=1",
)
HEAD = (
    "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    "Content-Type: application/json\r\n{more}\r\n"
)


def head(path: str, *, method: str = "GET", more: str = "") -> bytes:
    """Return the head of a request."""
    return HEAD.format(method=method, path=path, token=ROOT_TOKEN, more=more).encode()


def answer(connection: socket.socket) -> int:
    """Read an answer whose length is told, and return its status."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536) or b"\r\n\r\n"
    told, _, body = received.partition(b"\r\n\r\n")
    lines = told.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65_536)
    return int(lines[0].split()[1])


def get_many(port: int, count: int) -> set[int]:
    """Send so many GETs on one connection."""
    with socket.create_connection((HOST, port), timeout=START_LIMIT_S) as connection:
        statuses = set()
        for path in islice(cycle(GETS), count):
            connection.sendall(head(path))
            statuses.add(answer(connection))
        return statuses


def declared() -> Iterator[bytes]:
    """Yield a request whose body says that it is too large, and is."""
    yield head("/scopes/batch", method="POST", more=f"Content-Length: {TOO_LARGE}\r\n")
    yield from (b" " * MIB for _ in range(TOO_LARGE // MIB))


def chunked() -> Iterator[bytes]:
    """Yield a request whose body doesn't say how large it is."""
    yield head("/scopes/batch", method="POST", more="Transfer-Encoding: chunked\r\n")
    yield from (b"%x\r\n%b\r\n" % (MIB, b" " * MIB) for _ in range(TOO_LARGE // MIB + 1))
    yield b"0\r\n\r\n"


def chunked_together(others: Barrier) -> Iterator[bytes]:
    """Yield such a request that goes on when the server holds nearly all of the others' bodies, too."""
    for number, part in enumerate(chunked()):
        if number == TOO_LARGE // MIB - 1:
            others.wait(START_LIMIT_S)
        yield part


def inflated() -> Iterator[bytes]:
    """Yield a request whose body gets too large when it is inflated."""
    body = gzip.compress(b" " * TOO_LARGE, compresslevel=1)
    more = f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n"
    yield head("/scopes/batch", method="POST", more=more) + body


def refused(port: int, request: Callable[[], Iterator[bytes]]) -> int:
    """Send a request on a connection of its own until the server has had enough, and return the status."""
    with socket.create_connection((HOST, port), timeout=START_LIMIT_S) as connection:
        try:
            for part in request():
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            return 413  # it hung up on the rest of what it had refused
        return answer(connection)


def ask(server: Process, count: int) -> None:
    """Send so many GETs with several clients."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        for statuses in pool.map(partial(get_many, server.port), [count // CLIENTS] * CLIENTS):
            assert statuses == {200, 400, 404}


def send(server: Process, request: Callable[[], Iterator[bytes]], count: int) -> None:
    """Send so many bodies that are refused."""
    with ThreadPoolExecutor(SENDERS) as pool:
        assert set(pool.map(refused, [server.port] * count, [request] * count)) == {413}


def check_flat(server: Process, work: Callable[[int], None], *, warm_up: int, count: int) -> None:
    """Check that memory grows no more by many repetitions than allowed, once it has what it needs."""
    # Room for the largest bodies of all senders at the same moment, which may not meet by themselves until later.
    send(server, partial(chunked_together, Barrier(SENDERS)), SENDERS)
    work(warm_up)
    before = server.memory_bytes()
    work(count)
    grown = server.memory_bytes() - before
    assert grown < GROWTH_BYTES, f"{before / MIB:.0f} MiB, then {grown / MIB:.1f} more"
    assert server.get("/healthz")[0] == 200


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_memory_stays_flat_over_a_hundred_thousand_requests(tmp_path: Path, sqlite_url: str) -> None:
    with serving(tmp_path, sqlite_url, log_level="warning") as server:
        check_flat(server, partial(ask, server), warm_up=8_000, count=100_000)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("request_body", [declared, chunked, inflated])
def test_memory_stays_flat_over_a_thousand_refused_bodies(
    tmp_path: Path, sqlite_url: str, request_body: Callable[[], Iterator[bytes]]
) -> None:
    with serving(tmp_path, sqlite_url, log_level="warning") as server:
        check_flat(server, partial(send, server, request_body), warm_up=20, count=1_000)


def test_memory_grows_little_by_requests_and_refused_bodies(tmp_path: Path, sqlite_url: str) -> None:
    def work(count: int) -> None:
        ask(server, count)
        for body in (declared, chunked, inflated):
            send(server, body, count // 100)

    with serving(tmp_path, sqlite_url, log_level="warning") as server:
        check_flat(server, work, warm_up=800, count=1_600)
