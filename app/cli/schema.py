"""`sheaf schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql_schema.schema import print_schema

if TYPE_CHECKING:
    import argparse

    from app.settings import Settings


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("schema", help="print what the server offers")
    parser.add_argument("form", choices=["print"], help="print: the GraphQL schema")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace, _settings: Settings) -> int:
    """Print the schema."""
    print(print_schema(), end="")
    return 0
