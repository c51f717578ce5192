"""What is measured, and how its answers are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.peers.dialects import IN_BATCH, PAGE, Dialect
from benchmarks.peers.rows import SCOPES, TYPES, Size, resource_id
from benchmarks.read import READ

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers.load import Request

SMALL = Size(10_000, 30, 3)
CONNECTIONS = 32
# Steps through the rows that come by all of them before they begin anew.
STRIDE = 7_919


@dataclass(frozen=True)
class Workload:
    """A request of each round; on many connections, if requests per second count."""

    name: str
    title: str
    make: Callable[[Dialect, int, Size], Request]
    read: Callable[[Dialect, bytes], list[Any]]
    answers: int
    connections: int = 1
    creates: bool = False

    @property
    def counts_requests(self) -> bool:
        """Tell whether requests per second are measured, not the time of each."""
        return self.connections > 1


def items(name: str, number: int, count: int) -> list[dict[str, str]]:
    """Return new resources."""
    return [
        {
            "resourceTypeId": f"resource_type_{(number + i) % TYPES}",
            "scopeId": f"scope_{1 + (number + i) % SCOPES}",
            "externalResourceId": f"{name}-{number:06}-{i:04}",
            "displayName": f"Resource {i} of round {number}",
        }
        for i in range(count)
    ]


WORKLOADS = [
    Workload(
        "read",
        f"read {READ:,} with type, scope, 3 tags",
        lambda dialect, _number, _size: dialect.read(),
        lambda dialect, answer: dialect.found(answer),
        READ,
    ),
    Workload(
        "by_id",
        f"one by id, {CONNECTIONS} connections",
        lambda dialect, number, size: dialect.one(resource_id(number * STRIDE % size.resources)),
        lambda dialect, answer: dialect.found(answer),
        1,
        CONNECTIONS,
    ),
    Workload(
        "create",
        f"create {READ:,}",
        lambda dialect, number, _size: dialect.create(items("many", number, READ)),
        lambda dialect, answer: dialect.created(answer),
        READ,
        creates=True,
    ),
    Workload(
        "create_one",
        f"single creates, {CONNECTIONS} connections",
        lambda dialect, number, _size: dialect.create_one(items("one", number, 1)[0]),
        lambda dialect, answer: dialect.created(answer),
        1,
        CONNECTIONS,
        creates=True,
    ),
    Workload(
        "batch",
        f"batch of {IN_BATCH} operations",
        lambda dialect, number, _size: dialect.batch(items("batch", number, IN_BATCH)),
        lambda dialect, answer: dialect.created_in_batch(answer),
        IN_BATCH,
        creates=True,
    ),
]
PAGES = Workload(
    "page",
    f"page of {PAGE} with a tag",
    lambda dialect, number, size: dialect.page(f"tag_{number * STRIDE % size.tags}"),
    lambda dialect, answer: dialect.found(answer),
    PAGE,
)
