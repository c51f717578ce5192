"""Writes the README's table of settings from `app/settings.py`: `python -m scripts.settings_table`."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from app.settings import PREFIX, Settings

README = Path(__file__).parent.parent / "README.md"
BEGIN = "<!-- settings: written by scripts/settings_table.py from app/settings.py -->"
END = "<!-- /settings -->"


def table() -> str:
    """Return the table, in Markdown."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for each in fields(Settings):
        says = str(each.metadata["says"]).replace("|", "\\|")
        lines.append(f"| `{PREFIX}{each.name.upper()}` | {_shown(each.default)} | {says} |")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def rewritten(text: str) -> str:
    """Return the README with the table of today's settings."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
