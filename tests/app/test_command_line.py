"""`sheaf migrate` and `sheaf token`, as processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from db.migrations import newest
from tests.server import serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.app.processes import Sheaf
    from tests.postgres import PostgresServer


def test_migrate_makes_a_database_and_is_harmless_to_one_that_is_there(
    sheaf: Sheaf, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    postgres = postgres_server.create_database()
    for url in (f"sqlite:///{tmp_path}/new/folder/sheaf.db", postgres):
        for _ in range(2):
            done = sheaf.run("migrate", database_url=url)
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout == f"the database is at version {newest()}\n"
        assert sheaf.run("token", "list", database_url=url).stdout == ""
    assert (tmp_path / "new/folder/sheaf.db").is_file()
    postgres_server.drop_database(postgres)


async def test_a_token_of_the_command_line_works_until_it_is_revoked_there(sheaf: Sheaf, database_url: str) -> None:
    async with serving(database_url, token_cache_s=0.0) as server:
        await server.root.created("/scopes", {"id": "scope_acme", "name": "Acme"})
        create = ("token", "create", "--scope", "scope_acme", "--role", "writer", "--subject", "ci")
        made = sheaf.run(*create, database_url=database_url)
        assert (made.returncode, made.stderr) == (0, "")
        line = re.fullmatch(r"(token_[0-9a-f-]{36}) (sheaf_[A-Za-z0-9_-]{43})\n", made.stdout)
        assert line, made.stdout
        client = server.client(line[2])
        created = await client.created("/scopes", {"parentScopeId": "scope_acme", "name": "New"})
        assert created["createdBy"] == "ci"
        listed = sheaf.run("token", "list", database_url=database_url)
        assert listed.stdout == f"{line[1]}\twriter\tscope_acme\tci\tnever\n"
        revoked = sheaf.run("token", "revoke", line[1], database_url=database_url)
        assert (revoked.returncode, revoked.stdout, revoked.stderr) == (0, "", "")
        assert (await client.get("/scopes")).status == 401
        assert sheaf.run("token", "list", database_url=database_url).stdout == ""


def test_what_cannot_be_done_is_one_line_and_the_status_2(sheaf: Sheaf, sqlite_url: str) -> None:
    create = ("token", "create", "--role", "admin", "--subject", "ci")
    for arguments, said in (
        ((*create, "--scope", "scope_nowhere"), "no scope scope_nowhere"),
        ((*create, "--scope", "scope_acme", "--ttl-seconds", "0"), "--ttl-seconds must be 1 or more"),
        (("token", "revoke", "token_missing"), "no token token_missing"),
    ):
        done = sheaf.run(*arguments, database_url=sqlite_url)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"sheaf: {said}\n")
    unknown = sheaf.run("fly", database_url=sqlite_url)
    assert unknown.returncode == 2
    assert "invalid choice: 'fly'" in unknown.stderr
