"""`sheaf token`: tokens by the operator, straight in the database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from db import tokens
from db.access import SYSTEM, Role
from db.database import open_database
from db.migrations import migrate

if TYPE_CHECKING:
    import argparse

    from app.settings import Settings
    from db.database import Database


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("token", help="create, list and revoke tokens")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a token; prints one line: TOKEN_ID TOKEN")
    create.add_argument("--scope", required=True, metavar="ID", help="the scope it reaches, with those below")
    create.add_argument("--role", required=True, choices=[role.name.lower() for role in Role])
    create.add_argument("--subject", required=True, metavar="NAME", help="shown as createdBy")
    create.add_argument(
        "--ttl-seconds", type=int, metavar="N", help="how long it is valid; for ever by default"
    )
    actions.add_parser("list", help="print a line per token: TOKEN_ID ROLE SCOPE SUBJECT EXPIRES")
    revoke = actions.add_parser("revoke", help="make a token worthless")
    revoke.add_argument("token_id", metavar="TOKEN_ID")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Do what the arguments ask for."""
    return asyncio.run(_run(arguments, settings))


async def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    await migrate(settings.database_url)
    database = open_database(settings.database_url, pool_size=1)
    try:
        await _act(arguments, database)
    finally:
        await database.close()
    return 0


async def _act(arguments: argparse.Namespace, database: Database) -> None:
    match arguments.action:
        case "create":
            if arguments.ttl_seconds is not None and arguments.ttl_seconds < 1:
                raise ValueError("--ttl-seconds must be 1 or more")
            row, text = await tokens.issue(
                database,
                SYSTEM,
                arguments.scope,
                Role[arguments.role.upper()],
                subject=arguments.subject,
                ttl_s=arguments.ttl_seconds,
            )
            print(row.id, text)
        case "list":
            async with database.read("list_tokens") as reader:
                for token in await tokens.within_reach(reader, SYSTEM):
                    print(
                        token.id,
                        token.role,
                        token.scope_id,
                        token.subject,
                        token.expires_at or "never",
                        sep="\t",
                    )
        case _:
            await tokens.revoke(database, SYSTEM, arguments.token_id)
