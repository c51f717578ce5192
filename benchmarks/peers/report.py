"""What was measured, as tables for people."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers import plot, targets
from benchmarks.peers.contenders import OURS
from benchmarks.peers.rounds import Results, Times

if TYPE_CHECKING:
    from benchmarks.peers.contenders import Contender
    from benchmarks.peers.workloads import Workload

DOCS = Path(__file__).parents[2] / "docs"
PAGE, PLOT = DOCS / "benchmarks.md", DOCS / "images" / "peers.svg"
BEGIN, END = "<!-- made by python -m benchmarks.peers: begin -->", "<!-- end -->"
NONE = "-"


@dataclass(frozen=True)
class Measured:
    """A whole run."""

    contenders: list[Contender]
    workloads: list[Workload]
    results: Results
    starts: dict[str, float]
    memory: dict[str, float | None]
    rows: int
    seconds: float
    postgresql: str
    day: str
    load: float

    def times(self, contender: str, workload: Workload) -> Times | None:
        """Return what a contender needed, None if it had no part in it."""
        found = self.results.get((contender, workload.name))
        return found if isinstance(found, Times) else None

    def slower(self, contender: str, workload: Workload, than: str = OURS) -> float | None:
        """Return how many times this server's time a contender needs, None if there is nothing to compare."""
        ours = self.times(than, workload)
        theirs = self.times(contender, workload)
        if ours is None or theirs is None:
            return None
        # Fewer requests per second mean more time for each.
        return ours.ratio(theirs) if workload.counts_requests else theirs.ratio(ours)


def table(headings: list[str], lines: list[list[str]]) -> str:
    """Return a table in Markdown whose first column is text."""
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [headings, rule, *lines])


def medians(measured: Measured) -> str:
    """Return the table of medians and ratios."""
    headings = ["server", *(f"{each.title}, {unit(each)}" for each in measured.workloads)]
    lines = []
    for each in measured.contenders:
        line = [each.title]
        for workload in measured.workloads:
            times = measured.times(each.name, workload)
            slower = measured.slower(each.name, workload)
            ratio = f" ({slower:.2f} x)" if slower is not None and each.name != OURS else ""
            line.append(NONE if times is None else f"{number(times.median)}{ratio}")
        lines.append(line)
    return table(headings, lines)


def tails(measured: Measured) -> str:
    """Return the table of what is no median: p99, start-up, memory."""
    headings = [
        "server",
        *(f"{each.title}, p99 ms" for each in measured.workloads),
        "start to first answer, s",
        "memory after the load, MiB",
    ]
    lines = []
    for each in measured.contenders:
        found = [measured.times(each.name, workload) for workload in measured.workloads]
        memory = measured.memory[each.name]
        lines.append(
            [
                each.title,
                *(NONE if times is None else number(times.p99_ms) for times in found),
                f"{measured.starts[each.name]:.2f}",
                NONE if memory is None else f"{memory:,.0f}",
            ]
        )
    return table(headings, lines)


def unit(workload: Workload) -> str:
    """Return what a workload is measured in."""
    return "requests/s" if workload.counts_requests else "ms"


def number(value: float) -> str:
    """Return a number with about three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def left_out(measured: Measured) -> str:
    """Return why what isn't measured isn't."""
    reasons = [
        f"{each.title}, {workload.title}: {reason}"
        for each in measured.contenders
        for workload in measured.workloads
        if isinstance(reason := measured.results[each.name, workload.name], str)
    ]
    return f"Not measured: {'; '.join(reasons)}." if reasons else ""


def told(measured: Measured) -> str:
    """Return the tables and what is to be known about them."""
    rounds = ", ".join(
        f"{each.title}: {len(times.values)}"
        for each in measured.workloads
        if (times := measured.times(measured.contenders[0].name, each))
    )
    where = (
        f"Measured on {measured.day}: {os.cpu_count()} cores, {platform.system()}, Python"
        f" {platform.python_version()}, PostgreSQL {measured.postgresql}; servers, database and client on the same"
        f" cores, {measured.seconds:g} s for each workload in all. The load of the machine was {measured.load:.1f}"
        f" before the first server started, so only ratios count. Rounds: {rounds}."
        f" The pages come from {measured.rows:,} resources."
    )
    parts = [where, medians(measured), left_out(measured), tails(measured)]
    if OURS in measured.starts:
        parts.append(targets.table(measured))
    return "\n\n".join(part for part in parts if part)


def write(measured: Measured) -> None:
    """Put the tables into their place in the documentation, and the plot beside it."""
    PLOT.write_text(plot.svg(measured))
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{told(measured)}\n\n{END}{after}")
    print(f"\nwrote {PAGE.relative_to(DOCS.parent)} and {PLOT.relative_to(DOCS.parent)}")
