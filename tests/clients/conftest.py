"""Node with the clients of npm, and a server with a small catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.install_clients import install
from tests.contract.examples import furnish
from tests.server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.server import Server

TAGS = 5


@pytest.fixture(scope="session")
def node() -> dict[str, str]:
    """Return the environment in which `node` runs and finds the clients; they are installed unless they are."""
    return install()


@pytest.fixture
async def server(sqlite_url: str) -> AsyncIterator[Server]:
    """Run a server over a catalogue with two tags in one group, and none in another."""
    async with serving(sqlite_url) as server:
        await furnish(server.root)
        group = {"id": "tag_group_batch", "scopeId": "scope_acme", "key": "batch", "name": "Batch"}
        await server.root.created("/tag-groups", group)
        tags = [
            {
                "id": f"tag_n{index}",
                "scopeId": "scope_acme",
                "tagGroupId": "tag_group_priority",
                "identifier": f"n{index}",
                "label": f"N {index}",
            }
            for index in range(TAGS)
        ]
        await server.root.created("/tags/batch", tags)
        yield server
