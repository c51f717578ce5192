"""/metrics of several processes: one scrape is the sum."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from tests.processes import LOOK_EVERY_S, START_LIMIT_S, Process, serving
from tests.telemetry import numbers
from tests.telemetry.numbers import Numbers, one

if TYPE_CHECKING:
    from pathlib import Path

HEALTHY = {"route": "/healthz", "method": "GET", "status": "200"}
ASKED = 40


def told_by(server: Process) -> Numbers:
    """Ask whichever process answers."""
    status, body = server.get("/metrics")
    assert status == 200
    return numbers.read(body.decode())


def requests(server: Process) -> float:
    """Return how many requests to /healthz were counted."""
    return one(told_by(server), "sheaf_http_requests_total", **HEALTHY)


def test_one_scrape_tells_the_sum_of_all_processes(tmp_path: Path, postgresql_url: str) -> None:
    with serving(tmp_path, postgresql_url, "--workers", "2") as server:
        for _ in range(ASKED):
            assert server.get("/healthz")[0] == 200
        # Every scrape may be answered by another process.
        assert {requests(server) for _ in range(10)} == {ASKED}
        told = told_by(server)
        assert one(told, "sheaf_http_request_duration_seconds_count", route="/healthz", method="GET") == ASKED
        assert one(told, "sheaf_database_connections") >= 1


def test_what_a_process_counted_outlives_it(tmp_path: Path, postgresql_url: str) -> None:
    with serving(tmp_path, postgresql_url, "--workers", "2") as server:
        for _ in range(ASKED):
            server.get("/healthz")
        before = server.children()
        assert len(before) == 2
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + START_LIMIT_S
        while len(set(server.children()) - {before[0]}) < 2:
            assert time.monotonic() < deadline, "no new process was started"
            time.sleep(LOOK_EVERY_S)
        assert requests(server) == ASKED
