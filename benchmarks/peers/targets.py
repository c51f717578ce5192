"""What was aimed at beside what was reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.contenders import LIMIT, OURS, REST

if TYPE_CHECKING:
    from benchmarks.peers.report import Measured

AHEAD = {
    "create": {"mercurius": 2.0, "postgraphile": 2.0, "stock": 7.0, "parse": 12.0},
    "read": {"": 1.6, "stock": 14.0},
    "by_id": {"": 1.6},
    "create_one": {"": 1.4},
}
"""How many times this server's time others must need at least; an empty name means each."""
BEHIND = {"create": 1.25, "read": 1.3}
"""How many times the limit's time this server may need."""
LEAST_PER_S = {"by_id": 12_000, "create_one": 9_000}
MOST_P99_MS = {"by_id": 6.0}
MOST_START_S, MOST_MIB = 1.0, 150


def table(measured: Measured) -> str:
    """Return the targets with what was reached."""
    lines = [
        *_against_others(measured),
        *_figures(measured),
        ("start to first answer", f"at most {MOST_START_S:g} s", measured.starts[OURS], MOST_START_S, False),
    ]
    if (memory := measured.memory[OURS]) is not None:
        lines.append(("memory after the load", f"at most {MOST_MIB} MiB", memory, MOST_MIB, False))
    shown = [
        f"| {what} | {target} | {reached:,.2f} | {'yes' if (reached >= bound) == is_least else 'no'} |"
        for what, target, reached, bound, is_least in lines
    ]
    return "\n".join(["| this server | target | reached | met |", "| --- | --- | ---: | --- |", *shown])


Line = tuple[str, str, float, float, bool]
"""What, the target in words, what was reached, the bound, whether that is the least."""


def _against_others(measured: Measured) -> list[Line]:
    lines: list[Line] = []
    for workload in measured.workloads:
        for door in (OURS, REST):
            what = f"{workload.title}, {'REST' if door == REST else 'GraphQL'}"
            slower = {
                each.name: (ratio, each.title)
                for each in measured.contenders
                if each.name not in (OURS, REST) and (ratio := measured.slower(each.name, workload, door))
            }
            limit, _ = slower.pop(LIMIT, (None, ""))
            most = BEHIND.get(workload.name)
            if limit and most:
                lines.append((what, f"at most {most:g} x the time of the limit", 1 / limit, most, False))
            for name, least in AHEAD.get(workload.name, {}).items():
                if name in slower or (not name and slower):
                    ratio, title = slower[name] if name else min(slower.values())
                    told = title if name else f"each peer, {title} the nearest,"
                    lines.append((what, f"{told} needs at least {least:g} x its time", ratio, least, True))
    return lines


def _figures(measured: Measured) -> list[Line]:
    lines: list[Line] = []
    for workload in measured.workloads:
        for door in (OURS, REST):
            times = measured.times(door, workload)
            what = f"{workload.title}, {'REST' if door == REST else 'GraphQL'}"
            if times and (least := LEAST_PER_S.get(workload.name)):
                lines.append((what, f"at least {least:,} requests/s", times.median, least, True))
            if times and (most := MOST_P99_MS.get(workload.name)):
                lines.append((what, f"p99 at most {most:g} ms", times.p99_ms, most, False))
    return lines
