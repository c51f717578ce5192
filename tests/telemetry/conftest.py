"""A server over a small catalogue, and a reader of its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import factories
from tests.server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.server import Server


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    """Run a server over a small catalogue."""
    async with serving(database_url) as server:
        await factories.catalogue(server.database)
        yield server
