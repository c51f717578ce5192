"""The server is killed again and again during uploads: every record it took on is stored once, and none twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
import time
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from db.database import open_database
from db.tables import batch_payloads, batches, resources, waiting_records, waiting_stakes, waiting_targets
from tests.db.uploads.uploading import SCOPE, types
from tests.processes import HOST, ROOT_TOKEN, START_LIMIT_S, Process, serving

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 3
SOAK_ROUNDS = 20
RECORDS = 25
PARTNERS = 2
LONGEST_LIFE_S = 1.2
DONE_LIMIT_S = 60
PATH = "/api/resources/product/batch?onconflict=reject&dependencyWaitTimeout=3600"


class Partner(threading.Thread):
    """Uploads batches each of which refers to the next one, until the server is gone."""

    def __init__(self, name: str, first: int, port: int) -> None:
        super().__init__(daemon=True)
        self.name = name
        self.next = first
        self._port = port
        self.accepted: list[str] = []

    def run(self) -> None:
        """Upload until that fails; a batch that may not have been accepted is sent again to the next server."""
        connection = HTTPConnection(HOST, self._port, timeout=START_LIMIT_S)
        try:
            while True:
                self.accepted.append(self.send(connection, last=False))
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()

    def send(self, connection: HTTPConnection, *, last: bool) -> str:
        """Upload the next batch, whose records wait for those of the one after it, and return its id."""
        key = f"{self.name}-{self.next}"
        headers = {
            "Authorization": f"Bearer {ROOT_TOKEN}",
            "Content-Type": "application/json",
            "reach-tenant-id": SCOPE,
            # So that what was accepted before an answer could be sent isn't accepted twice.
            "Idempotency-Key": key,
        }
        records: list[dict[str, Any]] = [{"sku": f"{key}-{i}"} for i in range(RECORDS)]
        if not last:
            for i, record in enumerate(records):
                record["part_of"] = f"{self.name}-{self.next + 1}-{i}"
        connection.request("POST", PATH, json.dumps({"resources": records}), headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 202, answer
        self.next += 1
        batch_id: str = answer["data"]["batchId"]
        return batch_id


def upload_until_killed(server: Process, first: list[int]) -> list[Partner]:
    """Let partners upload, and kill the server at some moment."""
    partners = [Partner(f"p{number}", first[number], server.port) for number in range(PARTNERS)]
    for partner in partners:
        partner.start()
    time.sleep(random.random() * LONGEST_LIFE_S)
    os.kill(server.pid, signal.SIGKILL)
    for partner in partners:
        partner.join(START_LIMIT_S)
    return partners


async def left(url: str) -> tuple[int, int]:
    """Return how many batches aren't done, and how many records wait."""
    database = open_database(url)
    try:
        async with database.read("test") as reader:
            undone = select(func.count()).select_from(batches).where(batches.c.completed_at.is_(None))
            waiting = select(func.count()).select_from(waiting_records)
            return (await reader.fetch(undone, {}))[0][0], (await reader.fetch(waiting, {}))[0][0]
    finally:
        await database.close()


async def account(url: str, accepted: set[str], records: set[str]) -> None:
    """Check that every batch was applied once and in whole, and that nothing is left over."""
    database = open_database(url)
    try:
        async with database.read("test") as reader:
            found = await reader.fetch(
                select(
                    batches.c.id, batches.c.status, batches.c.total, batches.c.succeeded, batches.c.failed
                ),
                {},
            )
            assert {row[0] for row in found} == accepted
            assert {tuple(row[1:]) for row in found} == {("success", RECORDS, RECORDS, 0)}
            names = await reader.fetch(select(resources.c.external_resource_id), {})
            assert sorted(name for (name,) in names) == sorted(records)
            for table in (batch_payloads, waiting_records, waiting_stakes, waiting_targets):
                assert (await reader.fetch(select(func.count()).select_from(table), {}))[0][0] == 0
    finally:
        await database.close()


async def round_of_kills(url: str, folder: Path) -> None:
    """Kill servers during uploads, then let the last one finish, and account for every record."""
    first = [0] * PARTNERS
    accepted: set[str] = set()
    for _ in range(KILLS):
        with serving(folder, url) as server:
            for number, partner in enumerate(upload_until_killed(server, first)):
                first[number] = partner.next
                accepted.update(partner.accepted)
    with serving(folder, url) as server:
        for number in range(PARTNERS):
            partner = Partner(f"p{number}", first[number], server.port)
            connection = HTTPConnection(HOST, server.port, timeout=START_LIMIT_S)
            # The first of these may have been accepted before.
            accepted.update(partner.send(connection, last=last) for last in (False, True))
            connection.close()
            first[number] = partner.next
        deadline = time.monotonic() + DONE_LIMIT_S
        while await left(url) != (0, 0):
            assert time.monotonic() < deadline, await left(url)
            await asyncio.sleep(0.1)
    records = {
        f"p{number}-{batch}-{i}"
        for number in range(PARTNERS)
        for batch in range(first[number])
        for i in range(RECORDS)
    }
    await account(url, accepted, records)


@pytest.fixture
async def with_types(database_url: str) -> str:
    """Return the URL of a database with the types of products and makers."""
    database = open_database(database_url)
    await types(database)
    await database.close()
    return database_url


async def test_a_kill_loses_no_accepted_record_and_applies_none_twice(
    with_types: str, tmp_path: Path
) -> None:
    await round_of_kills(with_types, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(SOAK_ROUNDS))
async def test_twenty_rounds_of_kills(with_types: str, tmp_path: Path, number: int) -> None:
    del number
    await round_of_kills(with_types, tmp_path)
