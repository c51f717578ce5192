"""The plot: a panel for each workload, a bar for each server."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from benchmarks.peers.contenders import LIMIT, OURS

if TYPE_CHECKING:
    from benchmarks.peers.report import Measured
    from benchmarks.peers.workloads import Workload

PANEL_WIDTH, BAR_HEIGHT, STEP, HEAD = 430, 13, 19, 46
LABELS, BARS = 170, 190
COLUMNS, GAP = 2, 30
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 13px } .unit { fill: #59636e; font-size: 11px }
  .peer { fill: #9aa7b4 } .limit { fill: #c9d1d9 } .ours { fill: #0969da } .mine { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .unit { fill: #9198a1 }
    .peer { fill: #6e7681 } .limit { fill: #484f58 } .ours { fill: #4493f8 }
  }
"""


def svg(measured: Measured) -> str:
    """Return the plot."""
    height = HEAD + STEP * len(measured.contenders) + GAP
    rows = -(-len(measured.workloads) // COLUMNS)
    panels = [
        panel(measured, workload, (index % COLUMNS * (PANEL_WIDTH + GAP), index // COLUMNS * height))
        for index, workload in enumerate(measured.workloads)
    ]
    size = (COLUMNS * PANEL_WIDTH + (COLUMNS - 1) * GAP, rows * height)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" role="img">',
            "<title>Sheaf beside other servers</title>",
            f"<style>{STYLE}</style>",
            *panels,
            "</svg>\n",
        ]
    )


def panel(measured: Measured, workload: Workload, place: tuple[int, int]) -> str:
    """Return the bars of a workload, each as long as its number is large."""
    found = [(each, measured.times(each.name, workload)) for each in measured.contenders]
    rows = [(each, times.median) for each, times in found if times is not None]
    largest = max(value for _, value in rows)
    unit = "requests/s: longer is better" if workload.counts_requests else "milliseconds: shorter is better"
    lines = [
        f'<g transform="translate({place[0]},{place[1]})">',
        f'<text class="title" x="0" y="16">{escape(workload.title)}</text>',
        f'<text class="unit" x="0" y="32">{unit}</text>',
    ]
    for index, (each, value) in enumerate(rows):
        y = HEAD + STEP * index
        is_ours = each.name.startswith(OURS)
        kind = "ours" if is_ours else "limit" if each.name == LIMIT else "peer"
        width = max(1.0, BARS * value / largest)
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
        mine = ' class="mine"' if is_ours else ""
        lines += [
            f'<text{mine} x="{LABELS - 8}" y="{y + 11}" text-anchor="end">{escape(each.title.replace("`", ""))}</text>',
            f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2"/>',
            f'<text x="{LABELS + width + 6:.1f}" y="{y + 11}">{shown}</text>',
        ]
    return "\n".join([*lines, "</g>"])
