"""Migrations: they make exactly the tables of `db.tables`, once, whoever starts first."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from db import migrations
from db.migrations.upgrade import config, engine_of
from db.tables import metadata

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tests.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database that nobody has migrated."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder/sheaf.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.create_database()


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    with warnings.catch_warnings():
        # SQLite's indexes of expressions can't be read back so; below the texts of all indexes are compared.
        warnings.filterwarnings("ignore", ".*expression-based index")
        found: list[Any] = compare_metadata(context, metadata)
    return found


async def test_migrated_tables_are_those_of_the_code(empty_url: str) -> None:
    assert not await migrations.is_current(empty_url)
    await migrations.migrate(empty_url)
    assert await migrations.is_current(empty_url)
    engine = engine_of(empty_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_migrated_indexes_have_the_texts_of_those_of_the_code(empty_url: str) -> None:
    await migrations.migrate(empty_url)
    engine = engine_of(empty_url)
    async with engine.connect() as connection:
        migrated = await indexes(connection)
        await connection.run_sync(metadata.drop_all)
        assert await indexes(connection) == {}
        await connection.run_sync(metadata.create_all)
        assert await indexes(connection) == migrated
    await engine.dispose()
    assert "scopes_root" in migrated


async def indexes(connection: AsyncConnection) -> dict[str, str]:
    """Return the definition of each index of the catalogue's tables."""
    on_sqlite = "select name, sql from sqlite_master where type = 'index' and sql is not null"
    on_postgresql = "select indexname, indexdef from pg_indexes where schemaname = 'public'"
    sql = on_sqlite if connection.dialect.name == "sqlite" else on_postgresql
    found = {name: " ".join(text.split()) for name, text in await connection.execute(sqlalchemy.text(sql))}
    return {name: text for name, text in found.items() if not name.startswith("alembic_")}


def test_the_newest_version_is_the_one_that_alembic_ends_with() -> None:
    assert migrations.newest() == ScriptDirectory.from_config(config()).get_current_head()


async def test_migrating_again_changes_nothing(empty_url: str) -> None:
    for _ in range(2):
        await migrations.migrate(empty_url)
        assert await migrations.is_current(empty_url)


async def test_two_processes_that_start_together_both_find_the_tables(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.create_database()
    await asyncio.gather(*(migrations.migrate(url) for _ in range(4)))
    assert await migrations.is_current(url)
