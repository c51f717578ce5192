"""Reads what /metrics tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from tests.server import Server

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Numbers:
    """Return the value of every series by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def of(server: Server) -> Numbers:
    """Ask a server for its numbers."""
    reply = await server.client(None).get("/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return read(reply.body.decode())


def one(numbers: Numbers, series: str, /, **labels: str) -> float:
    """Return the value of a series, 0 if it isn't there."""
    return numbers.get((series, frozenset(labels.items())), 0)


def labels(numbers: Numbers, name: str) -> list[dict[str, str]]:
    """Return the labels of all series of a name."""
    return [dict(given) for known, given in numbers if known == name]
