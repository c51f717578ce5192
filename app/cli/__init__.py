"""The command line: `sheaf serve`, `worker`, `migrate`, `token`, `schema`, `doctor`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from app.cli import doctor, migrate, schema, serve, tokens, worker
from app.settings import BadSetting, Settings
from db.errors import SheafError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (serve, worker, migrate, tokens, schema, doctor)
# What `serve` tells its own workers.
INTERNAL = frozenset({serve.CHILD})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; what the user got wrong is one line on standard error, and the exit status 2."""
    parser = argparse.ArgumentParser(
        prog="sheaf", description="A GraphQL and REST catalogue whose core is batch."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.register(commands)
    parsed = parser.parse_args(arguments)
    for name in Settings.unknown(os.environ):
        if name not in INTERNAL:
            print(f"sheaf: {name} is not a setting of this version, and is left out", file=sys.stderr)
    try:
        sys.exit(parsed.run(parsed, Settings.read(os.environ)))
    except (BadSetting, SheafError, ValueError, OSError) as error:
        print(f"sheaf: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
