"""Scripts that run a client of npm against a live server and print what it saw."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
LIMIT_S = 60


async def run_node(environment: Mapping[str, str], *arguments: str, folder: Path = HERE) -> bytes:
    """Run Node in a folder and return what it printed; its complaints are the assertion's."""
    process = await asyncio.create_subprocess_exec(
        "node",
        *arguments,
        cwd=folder,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            printed, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, (complaints.decode(), printed.decode())
    return printed


async def run_script(environment: Mapping[str, str], name: str, *arguments: str) -> Any:
    """Run one of the scripts beside this file and return what it reported."""
    return json.loads(await run_node(environment, name, *arguments))
