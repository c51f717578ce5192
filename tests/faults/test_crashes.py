"""The server itself is killed in the middle of a load: what was confirmed is there, and nothing is half there."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from db.database import open_database
from db.tables import resources
from tests import factories
from tests.faults.load import BATCH, batch
from tests.processes import HOST, ROOT_TOKEN, START_LIMIT_S, Process, serving

if TYPE_CHECKING:
    from pathlib import Path


WRITERS = 3
CONFIRMED_FIRST = 10


class Writer(threading.Thread):
    """Sends one batch after another until the server is gone."""

    def __init__(self, number: int, port: int) -> None:
        super().__init__(daemon=True)
        self._number = number
        self._port = port
        self.sent: list[str] = []
        self.confirmed: list[str] = []

    def run(self) -> None:
        """Send until that fails."""
        connection = HTTPConnection(HOST, self._port, timeout=START_LIMIT_S)
        headers = {"Authorization": f"Bearer {ROOT_TOKEN}", "Content-Type": "application/json"}
        try:
            while True:
                name = f"{self._number}-{len(self.sent)}"
                self.sent.append(name)
                connection.request("POST", "/resources/batch", json.dumps(batch(name)), headers)
                response = connection.getresponse()
                response.read()
                assert response.status == 201
                self.confirmed.append(name)
        except (OSError, HTTPException):
            connection.close()


def write_until_killed(server: Process) -> list[Writer]:
    """Let clients write, and kill the server while they do."""
    writers = [Writer(number, server.port) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    deadline = time.monotonic() + START_LIMIT_S
    while sum(len(writer.confirmed) for writer in writers) < CONFIRMED_FIRST:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(server.pid, signal.SIGKILL)
    for writer in writers:
        writer.join(START_LIMIT_S)
    return writers


async def stored(url: str) -> Counter[str]:
    """Return how many resources of each batch are stored."""
    database = open_database(url)
    try:
        async with database.read("test") as reader:
            rows = await reader.fetch(select(resources.c.external_resource_id), {})
    finally:
        await database.close()
    return Counter(name.partition("/")[0] for (name,) in rows)


@pytest.fixture
async def furnished(database_url: str) -> str:
    """Return the URL of a small catalogue."""
    database = open_database(database_url)
    await factories.catalogue(database)
    await database.close()
    return database_url


async def test_a_kill_loses_nothing_that_was_confirmed_and_leaves_no_half_batch(
    furnished: str, tmp_path: Path
) -> None:
    with serving(tmp_path, furnished) as server:
        writers = write_until_killed(server)
    with serving(tmp_path, furnished) as again:
        assert again.get("/readyz")[0] == 200
        found = await stored(furnished)
    for writer in writers:
        for name in writer.confirmed:
            assert found[name] == BATCH
        # The last one was on its way.
        assert set(writer.sent) - set(writer.confirmed) == {writer.sent[-1]}
        assert found[writer.sent[-1]] in {0, BATCH}
