"""Rounds of contenders, taken in turns, and what their times say."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

WARM_UP_ROUNDS = 10


@dataclass(frozen=True)
class Contender:
    """One way to do the work: what is made ready before the clock runs, and what is timed."""

    name: str
    make: Callable[[int], bytes]
    """Make the request body of a round."""
    send: Callable[[bytes], Awaitable[bytes]]
    """Send it and read the whole answer; raises for a refusal."""
    times_ms: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median time in milliseconds."""
        return statistics.median(self.times_ms)

    @property
    def p95(self) -> float:
        """The time in milliseconds that 95 % of the rounds don't exceed."""
        return sorted(self.times_ms)[int(len(self.times_ms) * 0.95)]

    def paired_ratio(self, other: Contender) -> float:
        """Return the median of the ratios of each round, which a busy machine disturbs least."""
        return statistics.median(
            mine / theirs for mine, theirs in zip(self.times_ms, other.times_ms, strict=True)
        )


async def in_turns(contenders: Sequence[Contender], *, budget_s: float) -> None:
    """Time one request of each contender after the other, again and again, so that what disturbs one disturbs all."""
    until = time.monotonic() + budget_s
    rounds = 0
    while time.monotonic() < until:
        for contender in contenders:
            body = contender.make(rounds)
            began = time.perf_counter()
            await contender.send(body)
            took_ms = (time.perf_counter() - began) * 1_000
            if rounds >= WARM_UP_ROUNDS:
                contender.times_ms.append(took_ms)
        rounds += 1


def table(contenders: Sequence[Contender], *, items: int) -> str:
    """Return the results as text; ratios are to the first contender: of medians, of minima, of rounds."""
    first = contenders[0]
    headings = ("median ms", "min", "p95", "ratio", "of min", "paired", "items/s")
    lines = ["".join([" " * 26, *(f"{heading:>11}" for heading in headings)])]
    for each in contenders:
        numbers = (
            f"{each.median:.1f}",
            f"{min(each.times_ms):.1f}",
            f"{each.p95:.1f}",
            f"{each.median / first.median:.2f}",
            f"{min(each.times_ms) / min(first.times_ms):.2f}",
            f"{each.paired_ratio(first):.2f}",
            f"{items / each.median * 1_000:,.0f}",
        )
        lines.append("".join([f"{each.name:<26}", *(f"{number:>11}" for number in numbers)]))
    return "\n".join(lines)
