"""A server with a database of its own for every test, and a second database where a test compares two."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.contract.examples import furnish
from tests.server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.server import Client, Server


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    """Run a server over an empty catalogue."""
    async with serving(database_url) as server:
        yield server


@pytest.fixture
async def root(server: Server) -> Client:
    """Return the holder of the root token, in a catalogue with an object of every noun."""
    await furnish(server.root)
    return server.root


@pytest.fixture
def twin_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a second database of the same kind."""
    if database_url.startswith("sqlite"):
        path = tmp_path / "twin.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    postgres = request.getfixturevalue("postgres_server")
    url = postgres.create_database(request.getfixturevalue("postgres_template"))
    yield url
    postgres.drop_database(url)


@pytest.fixture
async def twin(twin_url: str) -> AsyncIterator[Client]:
    """Return the holder of another server's root token, in an equal catalogue."""
    async with serving(twin_url) as server:
        await furnish(server.root)
        yield server.root
