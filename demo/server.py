"""Finds the running server and its token, or starts one for as long as the demo takes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from demo.client import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_LIMIT_S = 30.0
STOP_LIMIT_S = 30.0
HOST = "127.0.0.1"


def answers(url: str) -> bool:
    """Tell whether Sheaf answers at a URL; `Refused` if it is something else."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as response:  # noqa: S310 - http, or what --url says
            found = b'"ok"' in response.read(1_000)
    except urllib.error.HTTPError:
        found = False
    except OSError:
        return False
    if not found:
        raise Refused(f"what answers at {url} is not Sheaf")
    return True


def token_of(path: Path) -> str:
    """Return the root token that a server keeps in a file."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        detail = f"there is no root token in {path}: name it in SHEAF_ROOT_TOKEN or with --token"
        raise Refused(detail) from error


@contextmanager
def own_server() -> Iterator[str]:
    """Serve the database that the settings name on a free port, and yield the URL."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    # The access log would run through the progress bar.
    environment = {"SHEAF_LOG_LEVEL": "warning", **os.environ, "SHEAF_HOST": HOST, "SHEAF_PORT": str(port)}
    url = f"http://{HOST}:{port}"
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "app", "serve", "--quiet"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 - ourselves
        try:
            deadline = time.monotonic() + START_LIMIT_S
            while not answers(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise Refused(f"the server did not start: {log.read().decode(errors='replace').strip()}")
                time.sleep(0.1)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
