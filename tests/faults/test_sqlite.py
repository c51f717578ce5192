"""A SQLite file that is locked, read-only or has no room: refusals, then recovery without a restart."""

from __future__ import annotations

import asyncio
import os
import pwd
import resource
import shutil
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from db.database import sqlite, sqlite_path
from tests import factories
from tests.faults.load import Load
from tests.server import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.server import Server

    WithoutRoom = Callable[[str, pytest.MonkeyPatch], AbstractContextManager[None]]

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("begin immediate")
connection.execute("update scopes set name = 'held'")
print("held", flush=True)
sys.stdin.read()
connection.execute("rollback")
"""


@contextmanager
def held(url: str) -> Iterator[None]:
    """Let another process write to the file, without an end, until the block ends."""
    command = [sys.executable, "-c", HOLD, str(sqlite_path(url))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            process.stdin.close()


async def test_a_file_that_another_process_writes_to_for_long_refuses_writes_and_serves_reads(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    async with serving(sqlite_url) as server:
        await factories.catalogue(server.database)
        load = Load(server.root)
        with held(sqlite_url):
            async with load.running():
                await asyncio.sleep(1.5)
            assert load.told()["writes"].keys() == {503}
            assert load.told()["reads"].keys() == {200}
            assert "locked by another process" in next(iter(load.writes.values())).json["detail"]
        await load.recovered()
        load.check_answers()
        await load.check_rows(server.database)


async def test_a_file_that_another_process_writes_to_for_a_moment_is_waited_for(
    on_sqlite: Server, sqlite_url: str
) -> None:
    load = Load(on_sqlite.root)
    with held(sqlite_url):
        writing = asyncio.ensure_future(load.write())
        await asyncio.sleep(0.5)
        assert not writing.done()
    assert (await writing).status == 201
    await load.check_rows(on_sqlite.database)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be somebody whom file permissions hold back, which root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def permit(path: Path, mode: int) -> None:
    """Change a file's permissions as its owner."""
    user = os.geteuid()
    os.seteuid(os.getuid())
    path.chmod(mode)
    os.seteuid(user)


@pytest.fixture
def reachable(sqlite_template: Path) -> Iterator[Path]:
    """Return a database file in a folder that everybody may use."""
    folder = Path(tempfile.mkdtemp(prefix="sheaf-read-only-"))
    path = folder / "sheaf.db"
    shutil.copyfile(sqlite_template, path)
    folder.chmod(0o777)
    yield path
    shutil.rmtree(folder)


async def test_a_read_only_file_refuses_writes_and_serves_reads_until_it_can_be_written_to(
    reachable: Path,
) -> None:
    url = f"sqlite:///{reachable}"
    async with serving(url) as first:
        await factories.catalogue(first.database)
    permit(reachable, 0o444)
    with as_nobody():
        async with serving(url) as server:
            load = Load(server.root)
            async with load.running():
                await asyncio.sleep(0.5)
            assert load.told()["writes"].keys() == {503}
            assert load.told()["reads"].keys() == {200}
            assert "readonly" in next(iter(load.writes.values())).json["detail"]
            permit(reachable, 0o666)
            await load.recovered()
            load.check_answers()
            await load.check_rows(server.database)


@contextmanager
def few_pages(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let SQLite itself find that there is no room (SQLITE_FULL)."""
    path = sqlite_path(url)
    assert path is not None
    with monkeypatch.context() as patch:
        pages = path.stat().st_size // 4096 + 60
        patch.setattr(sqlite, "PRAGMAS", f"{sqlite.PRAGMAS} pragma max_page_count = {pages};")
        yield


@contextmanager
def small_files(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the kernel refuse to make any file larger (EFBIG, told as SQLITE_IOERR)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (800_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("without_room", [few_pages, small_files])
async def test_a_disk_that_gets_full_in_the_middle_of_a_load_refuses_batches_whole(
    sqlite_url: str, without_room: WithoutRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(sqlite_url) as first:
        await factories.catalogue(first.database)
    async with AsyncExitStack() as stack:
        with without_room(sqlite_url, monkeypatch):
            server = await stack.enter_async_context(serving(sqlite_url))
            load = Load(server.root, padding=500)
            async with load.running():
                await asyncio.sleep(1.5)
            told = load.told()
            assert told["writes"][201]
            assert told["writes"][503]
            assert told["reads"].keys() == {200}
            await load.check_rows(server.database)
        await load.recovered()
        load.check_answers()
        await load.check_rows(server.database)


async def test_a_writer_that_broke_is_opened_anew(on_sqlite: Server) -> None:
    load = Load(on_sqlite.root)
    await load.write()
    writer = on_sqlite.database._writer  # type: ignore[attr-defined]  # SQLite's
    await writer.execute("pragma query_only = on")
    assert (await load.write()).status == 503
    assert (await load.write()).status == 201
    assert on_sqlite.database._writer is not writer  # type: ignore[attr-defined]  # SQLite's
    load.check_answers()
    await load.check_rows(on_sqlite.database)
