"""The command line: `sheaf serve`, `worker`, `migrate`, `token`, `schema`, `doctor`."""

from __future__ import annotations

import argparse
import gc
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# The module of each command.
COMMANDS = {
    "serve": "serve",
    "worker": "worker",
    "migrate": "migrate",
    "token": "tokens",
    "schema": "schema",
    "doctor": "doctor",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; what the user got wrong is one line on standard error, and the exit status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="sheaf", description="A GraphQL and REST catalogue whose core is batch."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # What is loaded stays. The collector would look through it again and again while it grows, which takes a good part
    # of a start, and find next to nothing.
    gc.disable()
    from app.cli.running import run  # noqa: PLC0415 - what is imported above is imported with the collector on

    for module in _modules(arguments):
        import_module(f"app.cli.{module}").register(commands)
    gc.freeze()
    gc.enable()
    sys.exit(run(parser.parse_args(arguments)))


def _modules(arguments: Sequence[str]) -> Collection[str]:
    """Return the module of the command that is named, or all: they take longer to load than to run."""
    named = COMMANDS.get(arguments[0]) if arguments else None
    return COMMANDS.values() if named is None else [named]
