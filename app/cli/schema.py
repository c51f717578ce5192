"""`sheaf schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.rest.door import ROUTER
from app.rest.openapi import document
from graphql_schema.schema import print_schema

if TYPE_CHECKING:
    import argparse

    from app.settings import Settings


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("schema", help="print what the server offers")
    parser.add_argument(
        "form",
        choices=["print", "openapi"],
        help="print: the GraphQL schema; openapi: the REST dialects (OpenAPI 3.1)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, _settings: Settings) -> int:
    """Print what is asked for."""
    print(document.text(ROUTER.routes) if arguments.form == "openapi" else print_schema(), end="")
    return 0
