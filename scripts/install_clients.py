"""Install the GraphQL clients that the tests run (`tests/clients/node_modules`): `python -m scripts.install_clients`.

With the machine's Node and npm, else with those of a wheel.
"""

from __future__ import annotations

import fcntl
import sys
import time
from pathlib import Path

from scripts.build_explorer import TIME_LIMIT_S, Failed, run, with_node

CLIENTS = Path(__file__).resolve().parent.parent / "tests" / "clients"
LOCK = CLIENTS / "package-lock.json"
INSTALLED = CLIENTS / "node_modules" / ".package-lock.json"


def main() -> int:
    """Install what has to be installed and return the exit code."""
    try:
        install()
    except (Failed, OSError) as reason:
        print(f"The clients can't be installed: {reason}", file=sys.stderr)
        return 1
    return 0


def install() -> dict[str, str]:
    """Install the locked packages unless they are; return the environment in which `node` runs."""
    deadline = time.monotonic() + TIME_LIMIT_S
    environment = with_node(deadline)
    with LOCK.open() as lock:
        # Each process of a parallel run of tests comes here, and two installations at a time leave half of each.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not INSTALLED.exists() or INSTALLED.stat().st_mtime < LOCK.stat().st_mtime:
            print("Installing the GraphQL clients that the tests run")
            run(["npm", "ci"], environment, deadline, folder=CLIENTS)
            INSTALLED.touch()
    return environment


if __name__ == "__main__":
    sys.exit(main())
