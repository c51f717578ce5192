"""A real server on an empty database, and the demo as a person runs it."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from demo.catalogue import SCOPE

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parent.parent.parent
HOST = "127.0.0.1"
TOKEN = "the-root-token-of-this-test"
START_LIMIT_S = 60.0


@dataclass(frozen=True)
class Served:
    """A running server that nobody else knows."""

    port: int
    environment: dict[str, str]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    def ask(self, query: str) -> dict[str, Any]:
        """Return the data of a GraphQL query that has no errors."""
        headers = {
            "Authorization": f"Bearer {TOKEN}",
            "Content-Type": "application/json",
            "reach-tenant-id": SCOPE,
        }
        with closing(http.client.HTTPConnection(HOST, self.port, timeout=60)) as connection:
            connection.request("POST", "/graphql", orjson.dumps({"query": query}), headers)
            said: dict[str, Any] = orjson.loads(connection.getresponse().read())
        assert "errors" not in said, said
        data: dict[str, Any] = said["data"]
        return data


def installed() -> dict[str, metadata.Distribution]:
    """Return the installed distributions by their normalised names, as `metadata.distribution` finds them."""
    names = {re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower() for each in metadata.distributions()}
    return {name: metadata.distribution(name) for name in names}


def run_demo(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demo to its end."""
    command = [sys.executable, "-m", "demo", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def totals_of_projects(printed: str) -> tuple[int, ...]:
    """Return how many projects were accepted, are stored, wait and failed, as the demo prints it."""
    row = r"^projects +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) +[\d.]+ +[\d,]+ *$"
    (found,) = re.findall(row, printed, re.MULTILINE)
    return tuple(int(number.replace(",", "")) for number in found)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((HOST, 0)) as free:
        port: int = free.getsockname()[1]
        return port


def environment_for(folder: Path, port: int) -> dict[str, str]:
    """Return the environment of a server, or a demo, with its own database and port."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHEAF_")}
    return {
        **inherited,
        "SHEAF_DATABASE_URL": f"sqlite:///{folder}/sheaf.db",
        "SHEAF_PORT": str(port),
        "SHEAF_ROOT_TOKEN": TOKEN,
        "NO_COLOR": "1",
    }


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve an empty database."""
    port = free_port()
    folder = tmp_path_factory.mktemp("demo")
    environment = environment_for(folder, port)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--quiet"],
            cwd=PROJECT,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(port, process, folder / "log")
            yield Served(port, environment)
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="session")
def summary(served: Served) -> str:
    """Load into an empty server, and return what the demo printed."""
    done = run_demo(served.environment, "--url", served.url)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def loaded(served: Served, summary: str) -> Served:
    """Return the server once it is loaded."""
    return served


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once a server listens."""
    deadline = time.monotonic() + START_LIMIT_S
    while not listens(port):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port."""
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True
