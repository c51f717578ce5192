"""Runs the command line the way a person does, and looks at it from outside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

PROJECT = Path(__file__).parents[2]
PATIENCE_S = 60


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def environment(settings: dict[str, str]) -> dict[str, str]:
    """Return this process's environment with no other settings than those given."""
    # The first start leaves its byte code for all later ones.
    dropped = {name for name in os.environ if "SHEAF_" in name} | {"PYTHONDONTWRITEBYTECODE"}
    others = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**others, **{f"SHEAF_{name.upper()}": value for name, value in settings.items()}}


@dataclass
class Running:
    """A server that was started."""

    process: subprocess.Popen[bytes]
    port: int
    printed: Path
    logged: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def wait_until_it_listens(self) -> None:
        """Return once it answers."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.answers():
            assert self.process.poll() is None, self.logged.read_text()
            assert time.monotonic() < deadline, self.logged.read_text()
            time.sleep(0.05)

    def answers(self) -> bool:
        """Tell whether it answers."""
        try:
            with urlopen(f"{self.url}/healthz", timeout=5) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except (URLError, ConnectionError):
            return False

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Return the exit status, once it ended by itself."""
        return self.process.wait(PATIENCE_S)

    def workers(self) -> list[int]:
        """Return its child processes."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        if listed.exists():
            return [int(pid) for pid in listed.read_text().split()]
        table = subprocess.check_output(["ps", "-axo", "pid=,ppid="], text=True).split("\n")
        pairs = [line.split() for line in table if line]
        return [int(pid) for pid, parent in pairs if int(parent) == self.process.pid]


@dataclass
class Sheaf:
    """The command line, with files of its own."""

    folder: Path
    started: list[Running] = field(default_factory=list)

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "app", *arguments],
            cwd=PROJECT,
            env=environment(settings),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def serve(self, *arguments: str, **settings: str) -> Running:
        """Start a server, and return once it listens."""
        port = int(settings.setdefault("port", str(free_port())))
        number = len(self.started)
        printed, logged = self.folder / f"printed-{number}", self.folder / f"logged-{number}"
        with printed.open("wb") as out, logged.open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve", *arguments],
                cwd=PROJECT,
                env=environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        running = Running(process, port, printed, logged)
        self.started.append(running)
        running.wait_until_it_listens()
        return running

    def end_all(self) -> None:
        """End what is left."""
        for running in self.started:
            left = running.workers() if running.process.poll() is None else []
            running.process.kill()
            running.process.wait()
            for pid in left:
                os.kill(pid, signal.SIGKILL)
