"""Several processes on one PostgreSQL: what is stored in one is heard in all, also after PostgreSQL was away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from db.access import SYSTEM
from db.database import open_database
from db.errors import Unavailable
from tests import factories
from tests.server import serving
from tests.subscriptions.clients import connected_as, streamed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.postgres import PostgresServer
    from tests.server import Server


@pytest.fixture
async def servers(postgresql_url: str) -> AsyncIterator[tuple[Server, Server]]:
    """Run two servers over one catalogue."""
    async with serving(postgresql_url) as one, serving(postgresql_url) as other:
        await factories.catalogue(one.database)
        yield one, other


async def test_what_one_process_stores_is_heard_in_all(servers: tuple[Server, Server]) -> None:
    one, other = servers
    async with connected_as(one, "root") as here, streamed(other, "scope_acme", below=True) as there:
        await here.watch("scope_acme", below=True)
        for name, server in (("a", one), ("b", other)):
            await factories.resources(server.database, name)
            event = ("scope_engineering", "CREATED", [f"resource_{name}"], False)
            assert await here.event() == event
            assert await there.event() == event


async def test_what_a_process_without_listeners_stores_is_heard(
    servers: tuple[Server, Server], postgresql_url: str
) -> None:
    async with connected_as(servers[0], "root") as socket:
        await socket.watch("scope_engineering")
        database = open_database(postgresql_url)
        await factories.resources(database, "a")
        # What waits to be told is told before it closes.
        await database.close()

        assert (await socket.event())[2] == ["resource_a"]


async def test_events_are_told_again_after_postgresql_was_away(
    servers: tuple[Server, Server], postgres_server: PostgresServer
) -> None:
    one, other = servers
    async with connected_as(one, "root") as here:
        await here.watch("scope_acme", below=True)
        await asyncio.to_thread(postgres_server.stop)
        with pytest.raises(Unavailable):
            await other.database.ping()
        await asyncio.to_thread(postgres_server.start)

        # Nobody says when the listener is back. What came before it is lost, as a hint may be.
        heard = asyncio.create_task(here.event())
        turn = 0
        async with asyncio.timeout(30):
            while not heard.done():
                turn += 1
                await factories.resources(other.database, f"r{turn}", caller=SYSTEM)
                await asyncio.wait([heard], timeout=0.1)
        assert (await heard)[:2] == ("scope_engineering", "CREATED")
