"""Structured logs: one line per request, with its id."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

import msgspec
import structlog

from db.clock import instant

if TYPE_CHECKING:
    from typing import TextIO

request_id: ContextVar[str] = ContextVar("request_id", default="-")

log = structlog.get_logger("sheaf.access")

GATHERED_S = 0.02


def _with_request_id(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    event.setdefault("request_id", request_id.get())
    return event


def configure_logging(level: str, form: str) -> None:
    """Write logs to standard error, as JSON or for a person at a terminal."""
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_request_id,
            *([structlog.processors.format_exc_info] if form == "json" else []),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


class RequestLine(msgspec.Struct, gc=False):
    """What is logged of a request; its query may hold what nobody else should read."""

    method: str
    path: str
    """As it was sent, percent-encoding and all."""
    status: int
    ms: float
    client: str | None
    request_id: str
    event: str = "request"
    level: str = "info"
    timestamp: str = ""


class AccessLog:
    """Writes the lines of requests.

    The logger's processors would cost more than a small read does, and so would a system call for each line: lines
    of JSON are encoded here, and those of a moment are written together.
    """

    def __init__(self, level: str, form: str, file: TextIO | None = None) -> None:
        self._enabled = logging.getLevelNamesMapping()[level.upper()] <= logging.INFO
        self._as_json = form == "json"
        self._file = file
        self._encode = msgspec.json.Encoder().encode_lines
        self._lines: list[RequestLine] = []
        self._second = 0
        self._second_text = ""

    def write(self, line: RequestLine) -> None:
        """Log a request that was answered."""
        if not self._enabled:
            return
        if not self._as_json:
            log.info("request", **{name: getattr(line, name) for name in RequestLine.__struct_fields__[:6]})
            return
        line.timestamp = self._now()
        self._lines.append(line)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(GATHERED_S, self.flush)

    def flush(self) -> None:
        """Write the lines that wait."""
        lines = self._encode(self._lines).decode()
        self._lines.clear()
        file = self._file or sys.stderr
        # Whoever read the log may be gone; the requests go on.
        with suppress(OSError, ValueError):
            file.write(lines)
            file.flush()

    def _now(self) -> str:
        """Return the time as the logger writes it; its seconds are spelled once each."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._second_text = second, instant(now)[:-1]
        return f"{self._second_text}.{int((now - second) * 1_000_000):06}Z"
