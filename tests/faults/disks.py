"""A disk that is full for PostgreSQL in the middle of a load, and has room again when told so."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.postgres import unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import PostgresServer

SMALL = "2m"
LARGE = "256m"
# For where nothing may be mounted: the server says what it says when its disk is full, at the same place.
FULL = """
create function full_disk() returns trigger language plpgsql as $$
begin
    if (select count(*) from resources) > 400 then
        raise exception 'could not extend file: No space left on device' using errcode = 'disk_full';
    end if;
    return null;
end $$;
create trigger full_disk after insert on resources for each statement execute function full_disk();
"""


class Disk(Protocol):
    """A disk that is full soon."""

    def make_room(self) -> None:
        """Let there be room again."""


class _Mounted:
    """A small file system in memory, with the table of resources on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make_room(self) -> None:
        _mount("-o", f"remount,size={LARGE}", self._folder)


class _Simulated:
    """A trigger that raises what a full disk does."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self._server = server
        self._url = url

    def make_room(self) -> None:
        self._server.execute("drop function full_disk cascade", self._url)


@contextmanager
def filling(server: PostgresServer, url: str) -> Iterator[Disk]:
    """Let the disk of the resources be full soon: a small one where this process may mount it, else a simulation."""
    folder = Path(tempfile.mkdtemp(prefix="sheaf-disk-"))
    if not _mount("-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", folder):
        folder.rmdir()
        server.execute(FULL, url)
        yield _Simulated(server, url)
        return
    try:
        if owner := unprivileged():
            os.chown(folder, owner["user"], owner["group"])
        server.execute(f"create tablespace small location '{folder}'")
        server.execute("alter table resources set tablespace small", url)
        yield _Mounted(folder)
        server.drop_database(url)
        server.execute("drop tablespace small")
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        shutil.rmtree(folder)


def _mount(*arguments: str | Path) -> bool:
    if shutil.which("mount") is None:
        return False
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0
