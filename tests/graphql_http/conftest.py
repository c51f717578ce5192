"""A server over a small catalogue on SQLite: how operations are sent doesn't depend on the database."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests import factories
from tests.server import Server, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    Start = Callable[..., AbstractAsyncContextManager[Server]]


@pytest.fixture
def start(sqlite_url: str) -> Start:
    """Return a function that runs a server with settings of the test's own."""

    @asynccontextmanager
    async def started(**settings: Any) -> AsyncIterator[Server]:
        async with serving(sqlite_url, **settings) as server:
            await factories.catalogue(server.database)
            yield server

    return started


@pytest.fixture
async def server(start: Start) -> AsyncIterator[Server]:
    """Run a server with the settings that nobody changed."""
    async with start() as server:
        yield server
