"""`sheaf doctor`: it finds what is wrong, says what to change, and exits with 1."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, func, select, text, update

from app.cli import doctor
from app.settings import Settings
from db import health, tables
from db.database import Facts, open_database
from db.health import inspected
from tests import factories

if TYPE_CHECKING:
    from sqlalchemy import Connection, Delete, Update

    from db.database import Transaction
    from tests.postgres import PostgresServer


async def examine(settings: Settings) -> dict[str, doctor.Finding]:
    """Return the findings by what they are about."""
    return {finding.about: finding async for finding in doctor.findings(settings)}


async def wrong(settings: Settings) -> dict[str, str]:
    """Return what the findings say that are wrong."""
    return {about: found.says for about, found in (await examine(settings)).items() if found.advice}


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Return settings with the test's database."""
    return Settings(database_url=database_url, root_token_file=str(tmp_path / "root-token"))


async def change(url: str, *statements: Delete | Update) -> None:
    """Change rows behind the server's back."""
    database = open_database(url)

    async def work(tx: Transaction) -> None:
        for statement in statements:
            await tx.execute(statement, {})

    try:
        await database.write("test", work)
    finally:
        await database.close()


async def furnish(url: str) -> None:
    """Store a catalogue with an assignment in it."""
    database = open_database(url)
    try:
        await factories.catalogue(database)
        await factories.resources(database, "a", "b")
    finally:
        await database.close()


async def test_nothing_is_wrong_with_what_was_just_made(settings: Settings) -> None:
    await furnish(settings.database_url)
    assert await wrong(settings) == {}
    told = await examine(settings)
    assert list(told) >= ["settings", "root token", "database", "clock", "durability"]
    assert told["references"].says == "every one leads somewhere"
    assert told["migrations"].says.endswith("this version's")


async def test_orphans_are_counted_by_kind_of_reference(settings: Settings) -> None:
    await furnish(settings.database_url)
    await change(
        settings.database_url,
        delete(tables.scopes).where(tables.scopes.c.id == text("'scope_engineering'")),
        delete(tables.tag_groups).where(tables.tag_groups.c.id == text("'tag_group_topic'")),
        update(tables.resource_types).values(scope_id=text("'scope_gone'")),
    )
    says = (await wrong(settings))["references"]
    for told in (
        "2 in resources.scope_id",
        "1 in scopes.parent_scope_id",
        "2 in tags.tag_group_id",
        "2 in resource_types.scope_id",
    ):
        assert told in says
    assert "resources.resource_type_id" not in says


def test_every_column_that_refers_is_looked_at() -> None:
    parents = {"scope_id", "parent_scope_id", "resource_type_id", "tag_group_id", "tag_id", "resource_id"}
    parents |= {"source_id", "target_id", "target_type_id", "batch_id", "waiting_id"}
    looked_at = {(link.table.name, link.column) for link in health.LINKS}
    referring = {
        (table.name, column.name)
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if column.name in parents
    }
    # What an assignment copies of its tag, which it refers to anyway; and a batch outlives its type.
    assert referring - looked_at == {("tag_assignments", "tag_group_id"), ("batches", "resource_type_id")}


async def run(url: str, *statements: str) -> None:
    """Run SQL."""

    def execute(connection: Connection) -> None:
        for statement in statements:
            connection.execute(text(statement))
        connection.commit()

    await inspected(url, execute)


async def test_a_missing_index_and_a_missing_column_are_named(settings: Settings) -> None:
    await run(
        settings.database_url, "drop index resources_key", "alter table tag_groups drop column description"
    )
    assert (await wrong(settings))["tables"] == "missing: index resources_key, column tag_groups.description"


async def test_a_database_of_another_version_is_told(settings: Settings) -> None:
    await run(settings.database_url, "update alembic_version set version_num = '0000'")
    assert (await wrong(settings)) == {
        "migrations": (await examine(settings))["migrations"].says,
    }
    assert (await examine(settings))["migrations"].says.startswith("at 0000, this version needs ")


async def test_a_database_that_cannot_be_reached_is_told(
    postgres_server: PostgresServer, postgresql_url: str, tmp_path: Path
) -> None:
    postgres_server.stop()
    settings = Settings(database_url=postgresql_url, root_token="x")
    assert list(await wrong(settings)) == ["database"]


async def test_a_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    assert await wrong(Settings(database_url=f"sqlite:///{path}", root_token="x")) == {}
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
async def test_a_root_token_that_others_may_read_is_told(settings: Settings, mode: int) -> None:
    settings.token_path.write_text("secret")
    settings.token_path.chmod(mode)
    found = (await examine(settings))["root token"]
    assert found.advice == f"chmod 600 {settings.token_path}"
    settings.token_path.chmod(0o600)
    assert "root token" not in await wrong(settings)


async def test_more_connections_than_the_server_allows_are_told(postgresql_url: str) -> None:
    few = Settings(database_url=postgresql_url, root_token="x", workers=4, pool_size=20)
    assert await wrong(few) == {}
    many = replace(few, pool_size=60)
    assert await wrong(many) == {"connections": "249 needed by 4 workers, 200 allowed"}


async def test_keys_that_cannot_be_read_are_told(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("[{}]")
    assert list(await wrong(replace(settings, jwt_keys_file=str(path)))) == ["JWT keys"]
    path.write_text('[{"alg": "HS256", "key": "0123456789abcdef0123456789abcdef"}]')
    assert await wrong(replace(settings, jwt_keys_file=str(path))) == {}


FINE = Facts("PostgreSQL 18", clock_s=0, max_connections=100, log_bytes=0, free_bytes=2**40)


@pytest.mark.parametrize(
    ("about", "skew_s", "facts"),
    [
        ("clock", 10, FINE),
        ("clock", -10, FINE),
        ("durability", 0, replace(FINE, broken_promises={"fsync": "off"})),
        ("writes", 0, replace(FINE, writable=False)),
        ("write-ahead log", 0, replace(FINE, log_bytes=2**33)),
        ("disk", 0, replace(FINE, free_bytes=2**20)),
    ],
    ids=["ahead", "behind", "fsync", "read-only", "log", "disk"],
)
async def test_what_the_database_says_of_itself_is_judged(
    settings: Settings, about: str, skew_s: float, facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(_database: object) -> Facts:
        return replace(facts, clock_s=time.time() + skew_s, indexes=indexes)

    database = open_database(settings.database_url)
    indexes = (await database.facts()).indexes
    await database.close()
    kind = type(database)
    monkeypatch.setattr(kind, "facts", told)
    assert list(await wrong(settings)) == [about]


async def test_facts_come_from_the_database_itself(settings: Settings) -> None:
    database = open_database(settings.database_url)
    try:
        facts = await database.facts()
    finally:
        await database.close()
    assert facts.product.startswith(("PostgreSQL ", "SQLite "))
    assert abs(facts.clock_s - time.time()) < 10
    assert facts.writable
    assert facts.broken_promises == {}
    assert facts.log_bytes is not None


async def test_fsync_switched_off_is_seen(postgres_server: PostgresServer, postgresql_url: str) -> None:
    name = postgresql_url.rpartition("/")[2]
    postgres_server.execute(f'alter database "{name}" set synchronous_commit = off')
    told = await wrong(Settings(database_url=postgresql_url, root_token="x"))
    assert told == {"durability": "synchronous_commit=off"}


def test_the_exit_status_is_1_only_if_something_is_wrong(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = argparse.Namespace(bench=False)
    assert doctor.run(arguments, settings) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "all is well"
    settings.token_path.write_text("secret")
    settings.token_path.chmod(0o644)
    assert doctor.run(arguments, settings) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 wrong"
    wrong_at = next(i for i, line in enumerate(lines) if line.startswith("WRONG root token: "))
    assert lines[wrong_at + 1].strip() == f"-> chmod 600 {settings.token_path}"


def test_settings_are_told_without_their_secrets(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor.run(argparse.Namespace(bench=False), replace(settings, jwt_secret="hush" * 8, pool_size=3))
    told = capsys.readouterr().out
    assert "SHEAF_POOL_SIZE=3" in told
    assert "SHEAF_JWT_SECRET=(set)" in told
    assert "hush" not in told
    assert settings.database_url not in told


def bench(url: str) -> str:
    """Run `sheaf doctor --bench`, and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "app", "doctor", "--bench"],
        env={**os.environ, "SHEAF_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    ).stdout


async def test_it_tells_what_to_expect_and_leaves_nothing_behind(settings: Settings) -> None:
    told = bench(settings.database_url)

    for line in (
        "a statement there and back",
        "until it is on the disk",
        "creating 1,000 resources",
        "by id",
    ):
        assert line in told, told
    database = open_database(settings.database_url)
    async with database.read("test") as reader:
        for table in (tables.scopes, tables.resources, tables.idempotency_keys):
            assert (await reader.fetch(select(func.count()).select_from(table), {}))[0][0] == 0
    await database.close()
