"""Server processes to measure, each with a migrated database of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import limit
from db.migrations import migrate
from tests.postgres import running_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START_LIMIT_S = 20.0
STOP_LIMIT_S = 20.0
PROJECT = Path(__file__).parent.parent
TOKEN = "the-benchmark"  # noqa: S105 - it opens a throw-away database


@dataclass(frozen=True)
class Server:
    """A running server and the token that it takes."""

    url: str
    token: str


@contextmanager
def databases(kind: str) -> Iterator[Callable[[], str]]:
    """Yield a function that makes a migrated database of a kind and returns its URL; all go with the block."""
    if kind == "postgresql":
        with running_postgres() as server:

            def on_the_server() -> str:
                return _migrated(server.create_database())

            yield on_the_server
        return
    with tempfile.TemporaryDirectory(prefix="sheaf-benchmark-") as folder:

        def in_the_folder() -> str:
            return _migrated(f"sqlite:///{tempfile.mkdtemp(dir=folder)}/sheaf.db")

        yield in_the_folder


def _migrated(url: str) -> str:
    asyncio.run(migrate(url))
    return url


@contextmanager
def sheaf(database_url: str, **settings: str) -> Iterator[Server]:
    """Run our server as operators do, its log going to a file."""
    port = _free_port()
    environment = {
        **_environment(database_url),
        "SHEAF_PORT": str(port),
        "SHEAF_ROOT_TOKEN": TOKEN,
        **settings,
    }
    with _running(["app", "serve", "--quiet"], port, environment):
        yield Server(f"http://{limit.HOST}:{port}", TOKEN)


def _environment(database_url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHEAF_")}
    return {**inherited, "SHEAF_DATABASE_URL": database_url}


@contextmanager
def worker(database_url: str) -> Iterator[None]:
    """Run a process that applies uploads."""
    command = [sys.executable, "-m", "app", "worker"]
    process = subprocess.Popen(
        command,
        env=_environment(database_url),
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(STOP_LIMIT_S)


@contextmanager
def the_limit(database_url: str) -> Iterator[Server]:
    """Run the hand-written server."""
    port = _free_port()
    with _running(["benchmarks.limit", database_url, str(port)], port, dict(os.environ)):
        yield Server(f"http://{limit.HOST}:{port}", limit.TOKEN)


@contextmanager
def the_read_limit(database_url: str) -> Iterator[Server]:
    """Run the hand-written server for reads."""
    port = _free_port()
    with _running(["benchmarks.read_limit", database_url, str(port)], port, dict(os.environ)):
        yield Server(f"http://{limit.HOST}:{port}", limit.TOKEN)


@contextmanager
def bare(database_url: str, body: bytes) -> Iterator[Server]:
    """Run aiohttp alone, which reads a row and answers a given body."""
    port = _free_port()
    with _running(["benchmarks.bare", database_url, str(port), body.decode()], port, dict(os.environ)):
        yield Server(f"http://{limit.HOST}:{port}", TOKEN)


@contextmanager
def _running(module: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], env=environment, cwd=PROJECT, stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + START_LIMIT_S
            while not _answers(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{module[0]} did not start:\n{log.read().decode(errors='replace')}")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://{limit.HOST}:{port}/", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server((limit.HOST, 0)) as free:
        port: int = free.getsockname()[1]
        return port
