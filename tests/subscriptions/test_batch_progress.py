"""`batchProgress`: a batch as it is, then as it gets on, until it is done; only for who reaches it at that moment."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from app.state import HUB
from db import engine, tokens
from db.access import SYSTEM
from db.announcements import BatchMoved, encode
from db.batches import BATCHES, Kind, NewBatch
from db.commands import CancelBatch
from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.uploads.settling import settle_due
from db.uploads.turns import apply_next
from graphql_schema.batch_progress import PAUSE_S
from tests import factories
from tests.server import serving
from tests.subscriptions.clients import PATIENCE_S, connected_as, streaming, watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.server import Server
    from tests.subscriptions.clients import Socket, Stream

WATCH = """subscription Watch($id: ID!) { batchProgress(id: $id) { id status counts { succeeded failed waiting }
    failures { nodes { index } } waiting { nodes { index } } } }"""
# What it lists is read a moment after the batch, which may have got on by then.
COUNTS = "subscription($id: ID!) { batchProgress(id: $id) { status counts { succeeded failed waiting } } }"
SCHEMA = {"properties": {"id": {"type": "string"}, "of": {"$ref": "schemas/part"}}}
QUEUED = ("QUEUED", 0, 0, 0)


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    """Run a server that applies no uploads by itself."""
    async with serving(
        database_url, upload_engine=False, subscription_check_s=0.1, token_cache_s=0.0
    ) as server:
        await prepare(server)
        yield server


async def prepare(server: Server) -> None:
    """Store a small catalogue with a type whose records can be uploaded."""
    await factories.catalogue(server.database)
    kind = NewResourceType(
        id="resource_type_part", scope_id="scope_acme", key="part", name="Part", schema=SCHEMA, external_id_field="id"
    )  # fmt: skip
    await factories.create(server.database, RESOURCE_TYPES, kind)


async def upload(server: Server, body: str, *, total: int, wait_s: int = 0) -> str:
    """Upload records to `scope_engineering`, and return the batch's id."""
    new = NewBatch(
        scope_id="scope_engineering", type_name="part", kind=Kind.INGEST, body=body, total=total, wait_s=wait_s
    )  # fmt: skip
    (row,) = await factories.create(server.database, BATCHES, new)
    batch_id: str = row.id
    return batch_id


async def apply_all(server: Server) -> None:
    """Do all that the engine has to do."""
    while await server.database.write("apply_batch", apply_next):
        pass
    while await server.database.write("settle_waiting_records", settle_due):
        pass


def shown(result: dict[str, Any]) -> tuple[str, int, int, int]:
    """Return the status and the counts that an event tells; what it lists is as many."""
    assert "errors" not in result, result
    batch = result["data"]["batchProgress"]
    counts = batch["counts"]
    for listed, count in (("failures", "failed"), ("waiting", "waiting")):
        assert listed not in batch or len(batch[listed]["nodes"]) == counts[count]
    return batch["status"], counts["succeeded"], counts["failed"], counts["waiting"]


async def told(socket: Socket) -> tuple[str, int, int, int]:
    """Return what the next event over a socket tells."""
    message = await socket.message()
    assert message["type"] == "next", message
    return shown(message["payload"])


async def streamed(stream: Stream) -> tuple[str, int, int, int]:
    """Return what the next event of a stream tells."""
    kind, result = await stream.next()
    assert kind == "next"
    return shown(result)


BODY = '[{"id": "a"}, {"id": "b", "of": "late"}, {"id": "c", "of": 1.5}]'


async def test_a_batch_is_told_as_it_is_then_as_it_gets_on_over_a_socket(server: Server) -> None:
    batch_id = await upload(server, BODY, total=3, wait_s=60)
    async with connected_as(server, "root") as socket:
        await socket.subscribe("1", WATCH, id=batch_id)
        assert await told(socket) == QUEUED
        await apply_all(server)
        assert await told(socket) == ("PENDING", 1, 1, 1)
        await upload(server, '[{"id": "late"}]', total=1)
        await apply_all(server)
        assert await told(socket) == ("PARTIAL_SUCCESS", 2, 1, 0)
        assert await socket.message() == {"id": "1", "type": "complete"}
        await watched(server, 0)


async def test_a_batch_is_told_as_it_is_then_as_it_gets_on_over_a_stream(server: Server) -> None:
    batch_id = await upload(server, BODY, total=3, wait_s=60)
    async with streaming(server, WATCH, id=batch_id) as stream:
        assert await streamed(stream) == QUEUED
        await apply_all(server)
        assert await streamed(stream) == ("PENDING", 1, 1, 1)
        await engine.run(server.database, SYSTEM, CancelBatch(BATCHES, batch_id))
        assert await streamed(stream) == ("CANCELLED", 1, 2, 0)
        assert await stream.next() == ("complete", None)
        assert await stream.ends()
    await watched(server, 0)


async def test_a_batch_that_is_done_is_told_once(server: Server) -> None:
    batch_id = await upload(server, '[{"id": "a"}]', total=1)
    await apply_all(server)
    async with connected_as(server, "root") as socket:
        await socket.subscribe("1", WATCH, id=batch_id)
        assert await told(socket) == ("SUCCESS", 1, 0, 0)
        assert await socket.message() == {"id": "1", "type": "complete"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_engine_of_the_server_moves_batches(database_url: str) -> None:
    async with serving(database_url) as server:
        await prepare(server)
        batch_id = await upload(server, '[{"id": "a"}]', total=1)
        async with connected_as(server, "root") as socket:
            await socket.subscribe("1", WATCH, id=batch_id)
            events = [await told(socket)]
            while events[-1] == QUEUED:
                events.append(await told(socket))
            assert events[-1] == ("SUCCESS", 1, 0, 0)


async def test_many_moves_are_told_a_few_times_a_second(server: Server) -> None:
    waiting = ", ".join(f'{{"id": "w{i}", "of": "late{i}"}}' for i in range(12))
    batch_id = await upload(server, f"[{waiting}]", total=12, wait_s=60)
    async with connected_as(server, "root") as socket:
        await socket.subscribe("1", COUNTS, id=batch_id)
        assert await told(socket) == QUEUED
        events: list[tuple[str, int, int, int]] = []
        began = time.monotonic()
        for i in range(12):
            await upload(server, f'[{{"id": "late{i}"}}]', total=1)
            await apply_all(server)
        moving = time.monotonic() - began
        while not events or events[-1][0] != "SUCCESS":
            events.append(await told(socket))
        assert events[-1] == ("SUCCESS", 12, 0, 0)
        assert [each[1] for each in events] == sorted({each[1] for each in events})
        assert len(events) <= moving / PAUSE_S + 2


async def test_moves_that_change_nothing_or_are_of_others_are_not_told(server: Server) -> None:
    batch_id = await upload(server, '[{"id": "a"}]', total=1)
    async with connected_as(server, "root") as socket:
        await socket.subscribe("1", WATCH, id=batch_id)
        assert await told(socket) == QUEUED
        hub = server.app[HUB]
        for _ in range(1_000):
            hub._hear(encode(BatchMoved("scope_acme", "scope_engineering", batch_id)))
            hub._hear(encode(BatchMoved("scope_acme", "scope_engineering", "batch_other")))
            hub._hear(encode(BatchMoved("scope_other", "scope_engineering", batch_id)))
            await asyncio.sleep(0)
        await apply_all(server)
        assert await told(socket) == ("SUCCESS", 1, 0, 0)
        assert await socket.message() == {"id": "1", "type": "complete"}


async def test_a_move_that_was_not_heard_is_found_by_the_next_check(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = await upload(server, '[{"id": "a"}]', total=1)
    async with connected_as(server, "root") as socket:
        await socket.subscribe("1", WATCH, id=batch_id)
        assert await told(socket) == QUEUED
        for watch in tuple(server.app[HUB]._watches):
            monkeypatch.setattr(watch, "offer", lambda _heard: None)
        await apply_all(server)
        assert await told(socket) == ("SUCCESS", 1, 0, 0)


@pytest.mark.parametrize("wanted", ["batch_nothing", "scope_engineering", "", "\0"])
async def test_what_is_no_batch_is_not_found(server: Server, wanted: str) -> None:
    async with connected_as(server, "root") as socket:
        await socket.subscribe("1", WATCH, id=wanted)
        assert await socket.error() == ["NOT_FOUND"]


async def test_a_batch_out_of_reach_is_not_found(server: Server) -> None:
    batch_id = await upload(server, '[{"id": "a"}]', total=1)
    token = await server.token("scope_sales")
    async with connected_as(server, token) as socket:
        await socket.subscribe("1", WATCH, id=batch_id)
        assert await socket.error() == ["NOT_FOUND"]
    async with streaming(server, WATCH, token=token, id=batch_id) as stream:
        _, result = await stream.next()
    (error,) = result["errors"]
    assert (error["message"], error["extensions"]["code"]) == (f"no batch {batch_id}", "NOT_FOUND")
    reader = await server.token("scope_engineering", role="reader", subject="bob")
    async with connected_as(server, reader) as socket:
        await socket.subscribe("1", WATCH, id=batch_id)
        assert await told(socket) == QUEUED


async def test_a_revoked_token_hears_nothing_more(server: Server) -> None:
    batch_id = await upload(server, '[{"id": "a"}]', total=1)
    token = await server.token("scope_engineering")
    async with connected_as(server, token) as socket:
        await socket.subscribe("1", WATCH, id=batch_id)
        assert await told(socket) == QUEUED
        async with server.database.read("test") as reader:
            (row,) = await tokens.within_reach(reader, SYSTEM)
        await tokens.revoke(server.database, SYSTEM, row.id)
        await apply_all(server)
        assert await socket.error() == ["UNAUTHORIZED"]
        await watched(server, 0)


async def test_who_leaves_is_forgotten(server: Server) -> None:
    batch_id = await upload(server, '[{"id": "a"}]', total=1)
    async with connected_as(server, "root") as socket:
        await socket.subscribe("1", WATCH, id=batch_id)
        assert await told(socket) == QUEUED
        await socket.send("complete", id="1")
        async with asyncio.timeout(PATIENCE_S):
            await watched(server, 0)
        await apply_all(server)
        await socket.send("ping")
        assert await socket.message() == {"type": "pong"}
