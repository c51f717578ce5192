"""A server with a small catalogue, and somebody who watches all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import factories
from tests.server import serving
from tests.subscriptions.clients import connected_as

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.server import Server
    from tests.subscriptions.clients import Socket


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    """Run a server over a small catalogue; it judges the tokens of quiet subscriptions often."""
    async with serving(database_url, subscription_check_s=0.1, token_cache_s=0.0) as server:
        await factories.catalogue(server.database)
        yield server


@pytest.fixture
async def watcher(server: Server) -> AsyncIterator[Socket]:
    """Return the holder of the root token, who watches `scope_acme` and all below it."""
    async with connected_as(server, "root") as socket:
        await socket.watch("scope_acme", below=True)
        yield socket
