"""`sheaf migrate`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from db.migrations import migrate, newest

if TYPE_CHECKING:
    import argparse

    from app.settings import Settings


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("migrate", help="bring the database to the tables of this version")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace, settings: Settings) -> int:
    """Migrate the database that the settings name."""
    asyncio.run(migrate(settings.database_url))
    print(f"the database is at version {newest()}")
    return 0
