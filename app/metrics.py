"""The numbers behind /metrics: no label holds a tenant, an id, or anything else that a client could multiply."""

from __future__ import annotations

import asyncio
import itertools
import os
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)

from db.errors import Unavailable
from db.uploads.progress import queue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from db.database import Database
    from db.uploads.progress import Queue

log = structlog.get_logger("sheaf.metrics")

# Where the processes of `serve --workers` keep their numbers, so that any of them can tell the sum.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"
OTHER_METHOD = "other"
LOOK_EVERY_S = 1.0
LOOKS_PER_QUEUE = 5
MOST_LOOKS = 100

# A second series beside each, which says when it began: nobody asks for that.
disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped


class Metrics:
    """What this process counts; also the observer and the meter of its database."""

    def __init__(self, *, slow_statement_ms: float) -> None:
        self._slow_s = slow_statement_ms / 1000
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "sheaf_http_requests",
            "Requests answered, by route; `none` is any path that has no route",
            ["route", "method", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "sheaf_http_request_duration_seconds",
            "Time from a request's head to its answer",
            ["route", "method"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._items = Counter(
            "sheaf_batch_items",
            "Items of commands, by noun and outcome",
            ["noun", "outcome"],
            registry=registry,
        )
        self._transactions = Histogram(
            "sheaf_transaction_duration_seconds",
            "Time that attempts of named transactions took; `failed` ones left nothing stored",
            ["name", "outcome"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._slow = Counter(
            "sheaf_slow_statements", "Statements slower than SHEAF_SLOW_STATEMENT_MS", registry=registry
        )
        self._gauges = _Gauges(registry)
        # Children by their labels: looking one up in the library takes a lock and a tuple of strings.
        self._by_request: dict[
            tuple[str, str, int], tuple[Callable[[], object], Callable[[float], object]]
        ] = {}
        self._by_transaction: dict[tuple[str, bool], Callable[[float], object]] = {}
        self._by_item: dict[tuple[str, str], Callable[[float], object]] = {}

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        known = self._by_request.get((route, method, status))
        if known is None:
            named = method if method in METHODS else OTHER_METHOD
            known = self._by_request.get((route, named, status))
            if known is None:
                counter = self._requests.labels(route, named, str(status))
                known = (counter.inc, self._request_seconds.labels(route, named).observe)
                self._by_request[route, named, status] = known
        count, observe = known
        count()
        observe(seconds)

    def transaction(self, name: str, seconds: float, *, failed: bool) -> None:
        """Count an attempt of a transaction."""
        observe = self._by_transaction.get((name, failed))
        if observe is None:
            outcome = "failed" if failed else "committed"
            observe = self._by_transaction[name, failed] = self._transactions.labels(name, outcome).observe
        observe(seconds)

    def statement(self, transaction: str, sql: str, seconds: float) -> None:
        """Warn of a slow statement; the log adds the id of the request it belongs to."""
        if seconds >= self._slow_s:
            self._slow.inc()
            log.warning(
                "slow_statement",
                transaction=transaction,
                sql=" ".join(sql.split()),
                ms=round(seconds * 1000, 1),
            )

    def items(self, noun: str, outcomes: Mapping[str, int]) -> None:
        """Count the items of a command."""
        for outcome, count in outcomes.items():
            increase = self._by_item.get((noun, outcome))
            if increase is None:
                increase = self._by_item[noun, outcome] = self._items.labels(noun, outcome).inc
            increase(count)

    def look_at(self, database: Database) -> None:
        """Take down how busy the database's connections are."""
        self._gauges.set_load(database)

    async def keep_looking(self, database: Database) -> None:
        """Take down what changes by itself: connections and the loop each second, the queue less often."""
        for look in itertools.count():
            began = time.monotonic()
            await asyncio.sleep(LOOK_EVERY_S)
            self._gauges.lag.set(max(time.monotonic() - began - LOOK_EVERY_S, 0))
            self._gauges.set_load(database)
            if look % LOOKS_PER_QUEUE == 0:
                with suppress(Unavailable):
                    async with database.read("look_at_queue", brief=True) as reader:
                        self._gauges.set_queue(await queue(reader))

    def text(self) -> bytes:
        """Return all numbers in Prometheus' text format, summed over the processes that share the port."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self.registry)
        for _ in range(MOST_LOOKS):
            shared = CollectorRegistry()
            multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # untyped
            # A process that makes a file of numbers leaves it empty for a moment.
            with suppress(struct.error):
                return generate_latest(shared)
            time.sleep(0.001)
        raise Unavailable("the numbers of another process can't be read now")


class _Gauges:
    """What goes up and down."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._connections = Gauge(
            "sheaf_database_connections",
            "Open connections to the database",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._in_use = Gauge(
            "sheaf_database_connections_in_use",
            "Connections that a request works with",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._waiting = Gauge(
            "sheaf_database_connections_waiting",
            "Requests that wait for a connection",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._writers = Gauge(
            "sheaf_database_writers_waiting",
            "Writes that wait for SQLite's one writer",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._queued = Gauge(
            "sheaf_upload_queue_records",
            "Records of accepted uploads that wait for their turn",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._queue_age = Gauge(
            "sheaf_upload_queue_oldest_seconds",
            "For how long the oldest accepted upload has waited for its turn",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._waiting_records = Gauge(
            "sheaf_upload_waiting_records",
            "Records that wait for what they refer to",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.lag = Gauge(
            "sheaf_event_loop_lag_seconds",
            "How late the event loop last was; with several processes, the latest of them",
            multiprocess_mode="livemax",
            registry=registry,
        )

    def set_queue(self, queued: Queue) -> None:
        """Take down what the upload engine has before it."""
        self._queued.set(queued.records)
        self._queue_age.set(queued.oldest_s)
        self._waiting_records.set(queued.waiting)

    def set_load(self, database: Database) -> None:
        """Take down how busy the connections are."""
        load = database.load()
        self._connections.set(load.connections)
        self._in_use.set(load.in_use)
        self._waiting.set(load.waiting)
        self._writers.set(load.writers_waiting)


def forget(pid: int, folder: str) -> None:
    """Drop what a process that has ended said of its present state; what it counted stays in the sums."""
    multiprocess.mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]  # untyped
