"""A server that applies uploads, and a partner whose scope has a tenant below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server import serving
from tests.uploads.clients import CUSTOMER, NOTE, Uploads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.server import Server


async def furnish(server: Server) -> None:
    """Create two roots, one with two tenants."""
    scopes = [
        {"id": "scope_acme", "name": "Acme"},
        {"id": "scope_tenant", "parentScopeId": "scope_acme", "name": "Tenant", "externalId": "tenant"},
        {"id": "scope_other", "parentScopeId": "scope_acme", "name": "Other"},
        {"id": "scope_globex", "name": "Globex"},
    ]
    await server.root.created("/scopes/batch", scopes)


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    """Run a server that applies uploads itself."""
    async with serving(database_url) as server:
        await furnish(server)
        yield server


@pytest.fixture
async def idle(database_url: str) -> AsyncIterator[Server]:
    """Run a server that only accepts uploads."""
    async with serving(database_url, upload_engine=False) as server:
        await furnish(server)
        yield server


@pytest.fixture
async def acme(server: Server) -> Uploads:
    """Return the partner, who has defined customers, and notes that refer to them and to each other."""
    acme = Uploads(await server.holder("scope_acme"))
    await acme.define("customer", CUSTOMER)
    await acme.define("note", NOTE)
    return acme
