"""`sheaf serve`: one process, or several that share the port."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from app import server
from app.auth import root_token
from app.cli.welcome import welcome
from app.main import create_app
from app.metrics import SHARED_FOLDER, forget
from app.telemetry import configure_logging
from db.database import sqlite_path
from db.migrations import migrate

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from app.settings import Settings

# No setting, so not called like one. It holds the end of a pipe that is open as long as the supervisor lives.
CHILD = "_SHEAF_CHILD"
LOOK_EVERY_S = 0.2


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve", help="migrate the database, then serve REST, GraphQL and the explorer"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="server processes (SHEAF_WORKERS)")
    parser.add_argument("--quiet", action="store_true", help="print no addresses, token and examples")
    parser.add_argument(
        "--no-upload-engine",
        action="store_true",
        help="leave uploads to `sheaf worker` (SHEAF_UPLOAD_ENGINE=false)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT."""
    if arguments.workers is not None:
        settings = replace(settings, workers=arguments.workers)
    if arguments.no_upload_engine:
        settings = replace(settings, upload_engine=False)
    lifeline = os.environ.pop(CHILD, None)
    if settings.workers > 1 and sqlite_path(settings.database_url):
        raise ValueError("SQLite serves one process: --workers needs a PostgreSQL database")
    if settings.workers < 1:
        raise ValueError("--workers must be 1 or more")
    configure_logging(settings.log_level, settings.log_format)
    if lifeline is not None:
        return _serve(settings, lifeline=int(lifeline), quiet=True)
    held = _hold(settings)
    try:
        asyncio.run(migrate(settings.database_url))
        if settings.workers == 1:
            return _serve(settings, lifeline=None, quiet=arguments.quiet)
        return _supervise(settings, quiet=arguments.quiet)
    finally:
        if held:
            held.close()


def _hold(settings: Settings) -> TextIO | None:
    """Keep a second server off a SQLite file; the lock goes with the process, however it ends."""
    path = sqlite_path(settings.database_url)
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(path.name + ".serving").open("w", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ValueError(f"another server serves {path}; SQLite serves one process") from None
    return file


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - not on every machine
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _serve(settings: Settings, *, lifeline: int | None, quiet: bool) -> int:
    def listening() -> None:
        if not quiet:
            print(welcome(settings, root_token(settings)), flush=True)

    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(server.serve(create_app(settings), lifeline=lifeline, listening=listening))
    return 0


def _supervise(settings: Settings, *, quiet: bool) -> int:
    """Run the workers; start anew one that dies, hand on SIGTERM, and wait for all."""
    token = root_token(settings)
    environment = {
        **os.environ,
        "SHEAF_WORKERS": str(settings.workers),
        "SHEAF_UPLOAD_ENGINE": str(settings.upload_engine).lower(),
        "SHEAF_ROOT_TOKEN": token,
    }
    with tempfile.TemporaryDirectory(prefix="sheaf-metrics-") as folder:
        environment[SHARED_FOLDER] = folder
        workers = _Workers([sys.executable, "-m", "app", "serve"], environment)
        signal.signal(signal.SIGTERM, workers.stop)
        signal.signal(signal.SIGINT, workers.stop)
        if not quiet:
            print(welcome(settings, token), flush=True)
        workers.run(settings.workers)
    return 0


class _Workers:
    """Server processes that are started anew when they die, and end together."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment
        # Nobody writes to it. Its end tells the workers that we are gone, even if we could say nothing any more.
        self._lifeline, self._held = os.pipe()
        self._children: list[subprocess.Popen[bytes]] = []
        self._stopping = False

    def stop(self, *_: object) -> None:
        """Hand on SIGTERM."""
        self._stopping = True
        for child in self._children:
            child.terminate()

    def run(self, count: int) -> None:
        """Keep so many running until `stop`, then wait for all."""
        while len(self._children) < count:
            self._children.append(self._start())
        while not self._stopping or any(child.poll() is None for child in self._children):
            time.sleep(LOOK_EVERY_S)
            for position, child in enumerate(self._children):
                if child.poll() is not None and not self._stopping:
                    self._replace(position)

    def _replace(self, position: int) -> None:
        forget(self._children[position].pid, self._environment[SHARED_FOLDER])
        time.sleep(1)  # a worker that can't start must not spin
        self._children[position] = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**self._environment, CHILD: str(self._lifeline)}
        child = subprocess.Popen(self._command, env=environment, pass_fds=(self._lifeline,))  # noqa: S603 - ourselves
        # A signal may have come before the child was known.
        if self._stopping:
            child.terminate()
        return child
