"""PostgreSQL goes away and comes back: clients are told to come again, and the server needs no restart."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tests.faults.disks import filling
from tests.faults.load import Load

if TYPE_CHECKING:
    from tests.postgres import PostgresServer
    from tests.server import Server

DOWN_S = 0.5


async def test_a_restart_is_survived(on_postgresql: Server, postgres_server: PostgresServer) -> None:
    load = Load(on_postgresql.root)
    async with load.running():
        await asyncio.sleep(0.3)
        await asyncio.to_thread(postgres_server.stop)
        await asyncio.sleep(DOWN_S)
        await asyncio.to_thread(postgres_server.start)
        await load.recovered()
    assert load.told()["writes"][503]
    load.check_answers()
    await load.check_rows(on_postgresql.database)


async def test_a_crash_is_survived(on_postgresql: Server, postgres_server: PostgresServer) -> None:
    load = Load(on_postgresql.root)
    async with load.running():
        await asyncio.sleep(0.3)
        await asyncio.to_thread(postgres_server.kill)
        await asyncio.sleep(DOWN_S)
        await asyncio.to_thread(postgres_server.start)
        await load.recovered()
    assert load.told()["writes"][503]
    load.check_answers()
    await load.check_rows(on_postgresql.database)


async def test_connections_that_are_cut_cost_at_most_a_refusal(
    on_postgresql: Server, postgres_server: PostgresServer, postgresql_url: str
) -> None:
    load = Load(on_postgresql.root)
    async with load.running():
        for _ in range(5):
            await asyncio.sleep(0.2)
            assert await asyncio.to_thread(postgres_server.cut_connections, postgresql_url) > 0
    await load.recovered()
    told = load.told()
    assert told["writes"][201]
    assert told["reads"][200]
    load.check_answers()
    await load.check_rows(on_postgresql.database)


async def test_idle_connections_that_were_cut_are_not_used_again(
    on_postgresql: Server, postgres_server: PostgresServer, postgresql_url: str
) -> None:
    load = Load(on_postgresql.root)
    await asyncio.gather(*(load.read() for _ in range(10)))
    assert await asyncio.to_thread(postgres_server.cut_connections, postgresql_url) > 0
    await asyncio.sleep(0.1)
    await asyncio.gather(*(load.read() for _ in range(10)), load.write())
    assert load.told() == {"writes": {201: 1}, "reads": {200: 20}}


async def test_while_the_database_is_away_the_process_is_well_and_says_that_it_is_not_ready(
    on_postgresql: Server, postgres_server: PostgresServer
) -> None:
    anybody = on_postgresql.client(None)
    assert (await anybody.get("/readyz")).status == 200
    await asyncio.to_thread(postgres_server.stop)
    began = time.monotonic()
    ready = await anybody.get("/readyz")
    assert (ready.status, ready.code) == (503, "overloaded")
    assert int(ready.headers["Retry-After"]) >= 1
    assert (await anybody.get("/healthz")).status == 200
    assert (await anybody.get("/metrics")).status == 200
    # Somebody who was never seen can't be looked up; nobody is let in for that.
    stranger = await on_postgresql.client("sheaf_nobody").get("/scopes")
    assert stranger.status == 503
    assert time.monotonic() - began < 10
    await asyncio.to_thread(postgres_server.start)
    assert (await anybody.get("/readyz")).status == 200


async def test_a_token_that_is_revoked_while_nobody_listens_is_worthless_afterwards(
    on_postgresql: Server, postgres_server: PostgresServer, postgresql_url: str
) -> None:
    holder = await on_postgresql.holder("scope_acme")
    assert (await holder.get("/scopes")).status == 200
    postgres_server.stop()
    postgres_server.start()
    postgres_server.execute("delete from tokens", postgresql_url)
    deadline = time.monotonic() + 20
    while (status := (await holder.get("/scopes")).status) != 401:
        assert status in {200, 503}
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_a_full_disk_refuses_writes_whole_and_reads_go_on(
    on_postgresql: Server, postgres_server: PostgresServer, postgresql_url: str
) -> None:
    load = Load(on_postgresql.root, padding=500)
    with filling(postgres_server, postgresql_url) as disk:
        async with load.running():
            deadline = time.monotonic() + 30
            while load.told()["writes"][503] < 5:
                assert time.monotonic() < deadline, load.told()
                await asyncio.sleep(0.05)
        full = [reply for reply in load.writes.values() if reply.status == 503]
        assert "No space left on device" in full[-1].json["detail"]
        assert load.told()["reads"].keys() == {200}
        await load.check_rows(on_postgresql.database)
        await asyncio.to_thread(disk.make_room)
        await load.recovered()
        load.check_answers()
        await load.check_rows(on_postgresql.database)


async def test_more_clients_than_connections_wait_for_each_other(on_postgresql: Server) -> None:
    load = Load(on_postgresql.root)
    await asyncio.gather(*(load.read() for _ in range(100)), *(load.write() for _ in range(20)))
    assert load.told() == {"writes": {201: 20}, "reads": {200: 100}}
    deadline = time.monotonic() + 20
    # What is told after a commit takes a connection too.
    while (left := on_postgresql.database.load()).in_use:
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.01)
    assert left.waiting == 0
