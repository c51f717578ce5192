"""Migrations: they make exactly the tables of `db.tables`, once, whoever starts first."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex

from db import migrations
from db.tables import metadata, resources

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from tests.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database that nobody has migrated."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder/sheaf.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.create_database()


def is_reflected(_object: object, name: str | None, *_: object) -> bool:
    """Leave out the index of an expression, which SQLAlchemy can't read back: a test of its own compares it."""
    return name != "resources_name"


def differences(connection: Connection) -> list[Any]:
    options = {"compare_type": True, "compare_server_default": True, "include_object": is_reflected}
    context = MigrationContext.configure(connection, opts=options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*expression-based index.*resources_name")
        found: list[Any] = compare_metadata(context, metadata)
    return found


async def test_the_index_of_names_is_that_of_the_code(sqlite_url: str) -> None:
    index = next(each for each in resources.indexes if each.name == "resources_name")
    wanted = str(CreateIndex(index).compile(dialect=sqlite.dialect()))
    engine = migrations._engine(sqlite_url)
    async with engine.connect() as connection:
        stored = await connection.scalar(text("select sql from sqlite_master where name = 'resources_name'"))
    await engine.dispose()
    assert str(stored).replace(" ", "") == wanted.replace(" ", "")


async def test_migrated_tables_are_those_of_the_code(empty_url: str) -> None:
    assert not await migrations.is_current(empty_url)
    await migrations.migrate(empty_url)
    assert await migrations.is_current(empty_url)
    engine = migrations._engine(empty_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


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
