"""Time, read once per request."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def instant(seconds: float | None = None) -> str:
    """Return a moment (now, or seconds since the epoch) as it is stored and shown: UTC, whole seconds."""
    moment = datetime.fromtimestamp(int(time.time() if seconds is None else seconds), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
