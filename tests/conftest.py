"""Databases of their own for every test, and the machine's browser."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import hypothesis
import pytest

from db.database import open_database
from db.migrations import migrate
from tests.postgres import PostgresServer, running_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from db.database import Database

# A machine may be slow, so time proves nothing; and what CI found once it finds again.
hypothesis.settings.register_profile("test", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=2_000, print_blob=True)
hypothesis.settings.load_profile("test")

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FETCH_LIMIT_S = 240
LAUNCH = "import playwright.sync_api as p; p.sync_playwright().start().chromium.launch().close()"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Run one PostgreSQL server for all tests."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """Return the URL of a migrated database to copy."""
    url = postgres_server.create_database()
    asyncio.run(migrate(url))
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated database file to copy."""
    path = tmp_path_factory.mktemp("template") / "sheaf.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Return the URL of a migrated SQLite database that only this test knows."""
    path = tmp_path / "sheaf.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """Return the URL of a migrated PostgreSQL database that only this test knows."""
    # A test of faults may have left it stopped.
    postgres_server.start()
    url = postgres_server.create_database(postgres_template)
    yield url
    postgres_server.start()
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a migrated database that only this test knows, once of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open the test's database."""
    database = open_database(database_url)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def chromium() -> str | None:
    """Return what to launch as Playwright's `executable_path`: the machine's browser, else `None`, its own."""
    for name in CHROMIUM:
        if found := shutil.which(name):
            return found
    if _can_launch_its_own():
        return None
    missing = "browser tests need Chromium (Debian: apt-get install chromium), and none could be fetched"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def _can_launch_its_own() -> bool:
    try:
        for command in (["-m", "playwright", "install", "chromium"], ["-c", LAUNCH]):
            subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=FETCH_LIMIT_S)
    except subprocess.SubprocessError:
        return False
    return True
