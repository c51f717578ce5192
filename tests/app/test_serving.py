"""`sheaf serve`, as processes: what it prints, how it ends, and who may serve beside it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import time
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from tests.app.processes import free_port
from tests.server import ROOT_TOKEN, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.app.conftest import Refusal
    from tests.app.processes import Running, Sheaf


def post(running: Running, path: str, value: object, token: str = ROOT_TOKEN) -> int:
    """Send JSON, and return the status."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = Request(running.url + path, json.dumps(value).encode(), headers)  # noqa: S310 - our own address
    with urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
        status: int = answer.status
    return status


def test_it_prints_where_it_listens_and_a_root_token_that_is_made_once(sheaf: Sheaf, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/data/sheaf.db"
    kept = tmp_path / "data" / "root-token"
    tokens = []
    for name in ("Acme", "Globex"):
        running = sheaf.serve(database_url=url)
        token = kept.read_text().strip()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        printed = running.printed.read_text()
        for told in (running.url, f"{running.url}/graphql", token, "curl -X POST", "/resource-types/batch"):
            assert told in printed
        assert post(running, "/scopes", {"name": name}, token) == 201
        running.send(signal.SIGTERM)
        assert running.end() == 0
        tokens.append(token)
    assert tokens[0] == tokens[1]
    assert len(tokens[0]) == len("sheaf_") + 43


def test_a_second_server_on_one_sqlite_file_is_refused_until_the_first_is_gone(
    sheaf: Sheaf, sqlite_url: str, refusal: Refusal
) -> None:
    first = sheaf.serve(database_url=sqlite_url, root_token="root")
    path = sqlite_url.removeprefix("sqlite:///")
    line = refusal("serve", database_url=sqlite_url, port=str(free_port()))
    assert line == f"sheaf: another server serves {path}; SQLite serves one process"
    assert post(first, "/scopes", {"name": "Still here"}) == 201
    first.send(signal.SIGKILL)
    first.end()
    second = sheaf.serve(database_url=sqlite_url, root_token="root")
    assert post(second, "/scopes", {"name": "Took over"}) == 201


async def test_sigterm_takes_no_new_requests_and_lets_running_ones_finish(
    sheaf: Sheaf, database_url: str
) -> None:
    running = sheaf.serve(database_url=database_url, root_token="root")
    body = json.dumps({"id": "scope_late", "name": "Late"}).encode()
    head = (
        "POST /scopes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(head.encode() + body[:10])
    await writer.drain()
    idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", running.port)
    await asyncio.sleep(0.3)
    running.send(signal.SIGTERM)
    assert await asyncio.wait_for(idle_reader.read(), 10) == b""
    assert not await asyncio.to_thread(running.answers)
    assert running.process.poll() is None
    writer.write(body[10:])
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
    assert await asyncio.to_thread(running.end) == 0
    for each in (writer, idle_writer):
        each.close()
    async with serving(database_url) as server:
        assert (await server.root.read("/scopes/scope_late"))["name"] == "Late"


def test_workers_share_a_port_are_replaced_when_they_die_and_end_together(
    sheaf: Sheaf, postgresql_url: str
) -> None:
    running = sheaf.serve("--workers", "2", database_url=postgresql_url, root_token="root")
    before = running.workers()
    assert len(before) == 2
    assert [post(running, "/scopes", {"name": f"Scope {i}"}) for i in range(10)] == [201] * 10
    os.kill(before[0], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while (now := running.workers()) == before or len(now) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert before[1] in now
    running.wait_until_it_listens()
    assert post(running, "/scopes", {"name": "After"}) == 201
    running.send(signal.SIGTERM)
    assert running.end() == 0
    assert not running.answers()


def test_workers_end_with_a_supervisor_that_is_killed(sheaf: Sheaf, postgresql_url: str) -> None:
    running = sheaf.serve("--workers", "2", database_url=postgresql_url, root_token="root")
    workers = running.workers()
    assert len(workers) == 2
    running.send(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while running.answers() or any(is_running(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that has ended may wait to be asked for its status."""
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip()[:1] not in {"", "Z"}
