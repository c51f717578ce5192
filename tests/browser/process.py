"""The server as a process of its own, as `make serve` starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
HOST = "127.0.0.1"
ROOT_TOKEN = "root-token-of-the-browser-tests"
START_LIMIT_S = 60
STOP_LIMIT_S = 20
LOOK_EVERY_S = 0.05


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """Serve an empty SQLite file in a folder until the block ends, and give the server's URL."""
    port = free_port()
    log = folder / "server.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHEAF_")}
    environment |= {
        "SHEAF_PORT": str(port),
        "SHEAF_DATABASE_URL": f"sqlite:///{folder / 'sheaf.db'}",
        "SHEAF_ROOT_TOKEN": ROOT_TOKEN,
    }
    command = [sys.executable, "-m", "app", "serve", "--quiet"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            wait_until_ready(process, port, log)
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """Return a port that nobody listens to now."""
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once the server answers; raise `AssertionError` with its log if it ends or takes too long."""
    deadline = time.monotonic() + START_LIMIT_S
    while not is_ready(port):
        in_time = process.poll() is None and time.monotonic() < deadline
        assert in_time, f"the server doesn't start:\n{log.read_text(encoding='utf-8')}"
        time.sleep(LOOK_EVERY_S)


def is_ready(port: int) -> bool:
    """Tell whether the server answers and has its database."""
    connection = HTTPConnection(HOST, port, timeout=START_LIMIT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
