"""Rounds of all contenders in turns, so that what disturbs one disturbs all."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from benchmarks.peers.dialects import CannotBeAsked
from benchmarks.peers.load import is_good

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.peers.contenders import Contender
    from benchmarks.peers.load import Client
    from benchmarks.peers.rows import Size
    from benchmarks.peers.workloads import Workload

WARM_UP_ROUNDS, LEAST_ROUNDS = 5, 5
SLICES = 6
# In less even a quick server may answer nothing.
LEAST_SLICE_S = 0.25


@dataclass
class Times:
    """What one contender needed for one workload."""

    values: list[float] = field(default_factory=list)
    """Of each round: milliseconds, or requests per second."""
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)

    @property
    def p99_ms(self) -> float:
        """The milliseconds that 99 of 100 answers didn't exceed; of fewer answers the longest."""
        return sorted(self.latencies_ms)[int(len(self.latencies_ms) * 0.99)]

    def ratio(self, other: Times) -> float:
        """Return the median of the ratios of each round, which a busy machine disturbs least."""
        return statistics.median(
            mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)
        )


Results = dict[tuple[str, str], "Times | str"]
"""By contender and workload; a text says why there is none."""


class Race:
    """Measures workloads on running servers."""

    def __init__(self, clients: Mapping[str, Client], contenders: list[Contender], size: Size) -> None:
        self._clients = clients
        self._contenders = contenders
        self._size = size
        self._numbers: dict[str, Iterator[int]] = defaultdict(count)

    async def run(self, workload: Workload, seconds: float) -> Results:
        """Compare the answers, then measure for a number of seconds in all."""
        able, results = await self._able(workload)
        measure = self._slices if workload.counts_requests else self._rounds
        return {**results, **await measure(workload, able, seconds)}

    async def _able(self, workload: Workload) -> tuple[list[Contender], Results]:
        """Return who can do it, all with equal answers; `RuntimeError` if they differ."""
        able: list[Contender] = []
        reasons: Results = {}
        expected: list[Any] | None = None
        number = next(self._numbers[workload.name])
        for each in self._contenders:
            try:
                request = workload.make(each.dialect, number, self._size)
            except CannotBeAsked as reason:
                reasons[each.name, workload.name] = str(reason)
                continue
            answer, _ = await self._clients[each.name].ask(request)
            if answer.status >= 300:
                raise RuntimeError(f"{each.name}, {workload.name}: {answer.status} {answer.body[:800]!r}")
            if workload.creates and (look_up := each.dialect.look_up(answer.body)):
                answer, _ = await self._clients[each.name].ask(look_up)
            told = workload.read(each.dialect, answer.body)
            if len(told) != workload.answers or (expected is not None and told != expected):
                raise RuntimeError(f"{each.name}, {workload.name}: {_difference(told, expected)}")
            expected = told
            able.append(each)
        return able, reasons

    async def _rounds(self, workload: Workload, able: list[Contender], seconds: float) -> Results:
        times = {each.name: Times() for each in able}
        until = time.monotonic() + seconds
        done = 0
        while time.monotonic() < until or done < WARM_UP_ROUNDS + LEAST_ROUNDS:
            number = next(self._numbers[workload.name])
            for each in _turned(able, done):
                request = workload.make(each.dialect, number, self._size)
                answer, took_ms = await self._clients[each.name].ask(request)
                if not is_good(answer):
                    raise RuntimeError(f"{each.name}, {workload.name}: {answer.body[:800]!r}")
                if done >= WARM_UP_ROUNDS:
                    times[each.name].values.append(took_ms)
                    times[each.name].latencies_ms.append(took_ms)
            done += 1
        return {(name, workload.name): each for name, each in times.items()}

    async def _slices(self, workload: Workload, able: list[Contender], seconds: float) -> Results:
        times = {each.name: Times() for each in able}
        slice_s = max(LEAST_SLICE_S, seconds / len(able) / SLICES)
        made = {each.name: self._requests(workload, each) for each in able}
        for turn in range(SLICES):
            for each in _turned(able, turn):
                client = self._clients[each.name]
                latencies = await client.ask_much(made[each.name], slice_s, workload.connections)
                # The first one warms up.
                if turn:
                    times[each.name].values.append(len(latencies) / slice_s)
                    times[each.name].latencies_ms += latencies
        return {(name, workload.name): each for name, each in times.items()}

    def _requests(self, workload: Workload, contender: Contender) -> Callable[[], bytes]:
        place, numbers = self._clients[contender.name].place, count(1)
        return lambda: workload.make(contender.dialect, next(numbers), self._size).encoded(place)


def _turned(able: list[Contender], by: int) -> list[Contender]:
    by %= len(able)
    return able[by:] + able[:by]


def _difference(told: list[Any], expected: list[Any] | None) -> str:
    if expected is None or len(told) != len(expected):
        return f"{len(told)} resources, not {'those expected' if expected is None else len(expected)}"
    mine, other = next((mine, other) for mine, other in zip(told, expected, strict=True) if mine != other)
    return f"answered {mine}, the others {other}"
