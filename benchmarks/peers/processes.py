"""The processes that are measured: started, watched, ended."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.peers.load import Answer, Client, Place
from benchmarks.servers import PROJECT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from benchmarks.peers.load import Request

START_LIMIT_S = 60.0
STOP_LIMIT_S = 10.0
PAUSE_S = 0.005
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Command(NamedTuple):
    """How a server is started, which puts in the address of its database and its port."""

    words: Callable[[str, int], list[str]]
    environment: Callable[[str, int], dict[str, str]] = lambda _url, _port: {}
    token: str = ""
    headers: tuple[str, ...] = ()


class Running(NamedTuple):
    """A server that answers."""

    client: Client
    pid: int
    start_s: float

    @property
    def memory_mib(self) -> float | None:
        """What the process and its children hold in memory; None where the system doesn't say."""
        if not Path("/proc/self/statm").exists():
            return None
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in _family(self.pid))
        return pages * PAGE_BYTES / 1024**2


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


@asynccontextmanager
async def running(
    command: Command, url: str, first: Request, is_answer: Callable[[Answer], bool]
) -> AsyncIterator[Running]:
    """Run a server from its first right answer on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    client = Client(Place(port, command.token, command.headers))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHEAF_")}
    with tempfile.TemporaryFile() as log:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: ASYNC220 - nothing else is to be done
            command.words(url, port),
            cwd=PROJECT,
            env={**inherited, "NODE_ENV": "production", **command.environment(url, port)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            while not is_answer(answer := await _answer(client, first)):
                if process.poll() is not None or time.monotonic() > began + START_LIMIT_S:
                    log.seek(0)
                    told = log.read().decode(errors="replace")[-3000:]
                    raise RuntimeError(f"{command.words(url, port)[1:3]} did not start: {answer!r}\n{told}")
                await asyncio.sleep(PAUSE_S)
            yield Running(client, process.pid, time.monotonic() - began)
        finally:
            client.close()
            _end(process)


async def _answer(client: Client, first: Request) -> Answer:
    try:
        answer, _ = await client.ask(first)
    except (OSError, RuntimeError) as reason:
        return Answer(0, str(reason).encode())
    return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
