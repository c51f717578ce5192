"""What a load came to, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from demo.client import Loaded

if TYPE_CHECKING:
    from rich.console import Console

    from demo.uploads import Uploaded

SHOWN_MISSING = 10
WORDS = frozenset({"status", "which are"})
FATES = {"stored": "successful", "waiting": "pending", "failed": "failed"}


def noun(path: str) -> str:
    """Return what the objects of a route are called."""
    return path.strip("/").replace("-", " ")


def show_loaded(console: Console, loaded: dict[str, Loaded]) -> None:
    """Print what became of the objects of each batch route."""
    outcomes = ("created", "updated", "unchanged")
    table = _table("objects", *outcomes, "seconds", "objects/s")
    total = Loaded()
    for told in loaded.values():
        total.outcomes.update(told.outcomes)
        total.seconds += told.seconds
    for name, told in [*((noun(path), told) for path, told in loaded.items()), ("all", total)]:
        counts = [f"{told.outcomes[outcome]:,}" for outcome in outcomes]
        table.add_row(
            name, f"{told.objects:,}", *counts, f"{told.seconds:.3f}", _rate(told.objects, told.seconds)
        )
    console.print()
    console.print(table)


def show_uploaded(console: Console, uploaded: Uploaded) -> None:
    """Print what became of the dependency graph, what waits for what, and whether the metadata says the same."""
    console.print()
    table = _table("status", "accepted", *FATES, "seconds", "records/s")
    for number, batch in enumerate(uploaded.batches, 1):
        counts = (batch["progress"][f"{fate}Records"] for fate in ("total", *FATES.values()))
        table.add_row(f"batch {number}", batch["status"], *map(_count, counts))
    fates = map(_count, map(uploaded.count, FATES.values()))
    rate = _rate(uploaded.accepted, uploaded.seconds)
    table.add_row("projects", "", _count(uploaded.accepted), *fates, f"{uploaded.seconds:.3f}", rate)
    console.print(table)
    _show_missing(console, uploaded)
    if uploaded.agrees:
        names = f"exactly the {len(uploaded.storable):,} projects whose requirements are all there are stored"
        console.print(f"\nAs the metadata has it: {names}")


def _show_missing(console: Console, uploaded: Uploaded) -> None:
    if not uploaded.missing:
        return
    table = _table("waiting", "which are")
    for name, count in sorted(uploaded.missing.items(), key=lambda each: (-each[1], each[0]))[:SHOWN_MISSING]:
        waiting = sorted(each for each, wanted in uploaded.waiting.items() if name in wanted)
        table.add_row(name, f"{count:,}", ", ".join(waiting))
    console.print("\nWhat is waited for and isn't installed:\n")
    console.print(table)
    if (more := len(uploaded.missing) - SHOWN_MISSING) > 0:
        console.print(f"and {more:,} more names")
    behind = sum(1 for wanted in uploaded.waiting.values() if not uploaded.missing.keys() & set(wanted))
    console.print(f"Behind these wait {behind:,} more, for projects that wait themselves")


def _table(*headings: str) -> Table:
    table = Table("", box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in WORDS else "right")
    return table


def _count(number: int) -> str:
    return f"{number:,}"


def _rate(number: int, seconds: float) -> str:
    return f"{number / seconds:,.0f}" if seconds else ""
