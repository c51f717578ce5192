"""`sheaf migrate` and `sheaf token`, as processes."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from db.migrations import newest
from tests.server import serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.app.processes import Sheaf
    from tests.postgres import PostgresServer


def test_migrate_makes_a_database(sheaf: Sheaf, tmp_path: Path, postgres_server: PostgresServer) -> None:
    postgres = postgres_server.create_database()
    for url in (f"sqlite:///{tmp_path}/new/folder/sheaf.db", postgres):
        done = sheaf.run("migrate", database_url=url)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"the database is at version {newest()}\n"
    assert (tmp_path / "new/folder/sheaf.db").is_file()
    assert postgres_server.execute("select count(*) from scopes", postgres) == "0"
    postgres_server.drop_database(postgres)


async def test_a_token_of_the_command_line_works_until_it_is_revoked_there(
    sheaf: Sheaf, database_url: str
) -> None:
    async with serving(database_url, token_cache_s=0.0) as server:
        await server.root.created("/scopes", {"id": "scope_acme", "name": "Acme"})
        create = ("token", "create", "--scope", "scope_acme", "--role", "writer", "--subject", "ci")
        # The server runs in this thread, and may be in the middle of a write of its own.
        made = await asyncio.to_thread(sheaf.run, *create, database_url=database_url)
        assert (made.returncode, made.stderr) == (0, "")
        line = re.fullmatch(r"(token_[0-9a-f-]{36}) (sheaf_[A-Za-z0-9_-]{43})\n", made.stdout)
        assert line, made.stdout
        client = server.client(line[2])
        created = await client.created("/scopes", {"parentScopeId": "scope_acme", "name": "New"})
        assert created["createdBy"] == "ci"
        revoked = await asyncio.to_thread(sheaf.run, "token", "revoke", line[1], database_url=database_url)
        assert (revoked.returncode, revoked.stdout, revoked.stderr) == (0, "", "")
        assert (await client.get("/scopes")).status == 401
        assert await server.root.read("/tokens") == []


async def test_tokens_are_listed_in_a_line_each(sheaf: Sheaf, sqlite_url: str) -> None:
    async with serving(sqlite_url) as server:
        await server.root.created("/scopes", {"id": "scope_acme", "name": "Acme"})
        made = [
            await server.root.created("/tokens", {"scopeId": "scope_acme", "role": "admin", "subject": "ci"}),
            await server.root.created(
                "/tokens", {"scopeId": "scope_acme", "role": "reader", "subject": "a b", "ttlSeconds": 60}
            ),
        ]
        done = sheaf.run("token", "list", database_url=sqlite_url)
    assert done.stdout == (
        f"{made[0]['id']}\tadmin\tscope_acme\tci\tnever\n"
        f"{made[1]['id']}\treader\tscope_acme\ta b\t{made[1]['expiresAt']}\n"
    )


def test_an_unknown_command_is_refused(sheaf: Sheaf, sqlite_url: str) -> None:
    done = sheaf.run("fly", database_url=sqlite_url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "invalid choice: 'fly'" in done.stderr


STARTED = """
import asyncio, sys
import app.cli.serve
from db.migrations import migrate
asyncio.run(migrate(sys.argv[1]))
print(*sys.modules)
"""


def test_a_start_with_nothing_to_migrate_loads_neither_migrations_nor_jwt(database_url: str) -> None:
    command = [sys.executable, "-c", STARTED, database_url]
    loaded = set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert {"app.server", "graphql_schema.schema"} <= loaded
    assert not {"alembic", "sqlalchemy.orm", "jwt", "cryptography", "app.cli.doctor"} & loaded
