"""A server over a small catalogue, on each database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import factories
from tests.server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.server import Server


@pytest.fixture
async def on_postgresql(postgresql_url: str) -> AsyncIterator[Server]:
    """Run a server on PostgreSQL."""
    async with serving(postgresql_url, time_limit_s=5) as server:
        await factories.catalogue(server.database)
        yield server


@pytest.fixture
async def on_sqlite(sqlite_url: str) -> AsyncIterator[Server]:
    """Run a server on SQLite."""
    async with serving(sqlite_url, time_limit_s=5) as server:
        await factories.catalogue(server.database)
        yield server
