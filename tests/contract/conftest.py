"""A server with a database of its own for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.examples import furnish
from tests.server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
