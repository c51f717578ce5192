"""Time, read once per request."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def instant(moment: float | None = None) -> str:
    """Return a moment (now, or seconds since the epoch) as it is stored and shown: UTC, whole seconds."""
    whole = int(time.time() if moment is None else moment)
    # Not `strftime`, which writes years before 1000 with fewer digits: such texts don't sort.
    return datetime.fromtimestamp(whole, UTC).replace(tzinfo=None).isoformat() + "Z"


def seconds(stored: str) -> float:
    """Return a stored moment in seconds since the epoch."""
    return datetime.fromisoformat(stored).timestamp()
