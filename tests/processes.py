"""`sheaf serve` as a process of its own, with what it logs and how much memory it takes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[1]
HOST = "127.0.0.1"
ROOT_TOKEN = "root"
START_LIMIT_S = 60
STOP_LIMIT_S = 20
LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Process:
    """A running server."""

    port: int
    pid: int
    log: Path

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Send GET on a connection of its own, and return status and body."""
        connection = HTTPConnection(HOST, self.port, timeout=START_LIMIT_S)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {ROOT_TOKEN}", **headers})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the log's lines of an event."""
        told = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in told if line["event"] == event]

    def wait_for(self, event: str, **members: object) -> dict[str, Any]:
        """Return the log's first line of an event that has such members; lines may come a moment later."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            for line in self.lines(event):
                if line.items() >= members.items():
                    return line
            time.sleep(LOOK_EVERY_S)
        raise AssertionError(f"no {event} with {members} in the log:\n{self.log.read_text()}")

    def memory_bytes(self) -> int:
        """Return how much of the machine's memory the process holds."""
        told = subprocess.check_output(["ps", "-o", "rss=", "-p", str(self.pid)], text=True)
        return int(told) * 1024

    def children(self) -> list[int]:
        """Return the ids of the processes that it started."""
        told = subprocess.run(
            ["pgrep", "-P", str(self.pid)], capture_output=True, text=True, check=False
        ).stdout
        return [int(line) for line in told.split()]


@contextmanager
def serving(folder: Path, database_url: str, *arguments: str, **settings: str) -> Iterator[Process]:
    """Run a server until the block ends; its settings are named without their prefix, in small letters."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHEAF_")}
    environment |= {
        "SHEAF_PORT": str(port),
        "SHEAF_DATABASE_URL": database_url,
        "SHEAF_ROOT_TOKEN": ROOT_TOKEN,
    }
    environment |= {f"SHEAF_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "app", "serve", "--quiet", *arguments]
    log = folder / "server.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output, stderr=output) as process,
    ):
        running = Process(port, process.pid, log)
        try:
            _wait_until_ready(running, process)
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """Return a port that nobody listens to now."""
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_until_ready(running: Process, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            if running.get("/readyz")[0] == 200:
                return
        except (OSError, HTTPException):
            pass
        in_time = process.poll() is None and time.monotonic() < deadline
        assert in_time, f"the server doesn't start:\n{running.log.read_text()}"
        time.sleep(LOOK_EVERY_S)
