"""What is meant to cost much costs little, and is told in the words of the limit that it meets."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from tests import processes
from tests.graphql_http.attacks import ATTACKS, BATCHES, SIZES, Attack
from tests.graphql_http.exchanges import PATH, codes, send

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server import Server

# Of computing, not of waiting: how much else the machine does is no matter. Most take a fiftieth of it.
MOST_SECONDS = 5.0
MOST_BYTES = 400 * 1024 * 1024
LARGE = (*SIZES, BATCHES[1])


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_an_attack_costs_little_and_is_told_what_it_meets(server: Server, attack: Attack) -> None:
    before = await server.root.everything()
    body = json.dumps(attack.request).encode()
    began = time.process_time()
    reply = await send(server.root, body)
    took = time.process_time() - began
    answers = reply.json if isinstance(reply.json, list) else [reply.json]
    for answer in answers:
        assert set(codes(answer)) == ({attack.code} if attack.code else set())
        assert len(answer.get("errors", [])) <= 101
        limits = {error["extensions"].get("limit") for error in answer.get("errors", [])}
        assert attack.limit is None or limits == {attack.limit}
    assert took < MOST_SECONDS
    assert await server.root.everything() == before


def test_memory_stays_bounded_whatever_was_sent(sqlite_url: str, tmp_path: Path) -> None:
    with processes.serving(tmp_path, sqlite_url) as process:
        post(process, {"query": "{ __typename }"})
        most = 0
        for attack in LARGE:
            post(process, attack.request)
            most = max(most, process.memory_bytes())
        assert most < MOST_BYTES
        answer = json.loads(post(process, {"query": "{ limits { depth } }"}))
        assert answer["data"] == {"limits": {"depth": 15}}
        assert process.lines("bug") == process.lines("graphql_error") == []


def post(process: processes.Process, request: object) -> bytes:
    """Send a request on a connection of its own, and return the body of the answer."""
    connection = HTTPConnection(processes.HOST, process.port, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {processes.ROOT_TOKEN}", "Content-Type": "application/json"}
        connection.request("POST", PATH, json.dumps(request).encode(), headers)
        return connection.getresponse().read()
    finally:
        connection.close()
