"""Pages that promise to cost the same however deep they are: counted in steps and rows, not in time."""

from __future__ import annotations

import json
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import million
from benchmarks.deep_pages import CALLERS, LIMIT, lists
from db import tag_assignments, tags
from db.database import open_database, postgresql
from db.database import sqlite_sessions as sqlite
from db.reads import Page, children
from tests.db.crowd import is_scan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from benchmarks.deep_pages import Pages
    from db.access import Principal
    from db.database import Database, Statement
    from db.reads import Edge
    from tests.postgres import PostgresServer

COUNT = 40_000
# What is found by an index that has it in another order is read whole, at any depth: here up to a tenth of all.
WHOLE = ("external id", "name prefix, 11 %", "name prefix, 0.1 %", "name prefix, at the end")
# A scope without statistics may be the place to begin for SQLite: the whole of what is in reach is no such page.
NOT_PROMISED = ("all, in half of it", "all, by name, in half of it")
ROWS_PER_OBJECT, STEPS_PER_OBJECT = 30, 450
# Names are sorted in portions.
SLACK = 25 * LIMIT


@pytest.fixture(scope="module")
def filled_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a filled database file."""
    path = tmp_path_factory.mktemp("filled") / "sheaf.db"
    shutil.copyfile(sqlite_template, path)
    million.fill(f"sqlite:///{path}", count=COUNT)
    return path


@pytest.fixture(scope="module")
def filled_postgresql(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """Return the URL of a filled database."""
    url = postgres_server.create_database(postgres_template)
    million.fill(url, count=COUNT)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", "sqlite without statistics", "postgresql"])
def filled_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a filled database, which tests only read."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("filled_postgresql")
        return url
    path = shutil.copyfile(request.getfixturevalue("filled_sqlite"), tmp_path / "sheaf.db")
    if request.param != "sqlite":
        # As every operator has it: nothing of ours gathers them.
        connection = sqlite3.connect(path)
        connection.execute("delete from sqlite_stat1")
        connection.commit()
        connection.close()
    return f"sqlite:///{path}"


@pytest.fixture
async def filled(filled_url: str) -> AsyncIterator[Database]:
    """Open the filled database."""
    database = open_database(filled_url)
    yield database
    await database.close()


class Work:
    """Counts what a database does for every statement: steps of SQLite's machine, rows of PostgreSQL's plan."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = 0
        self.scans: list[str] = []
        on_sqlite, on_postgresql = sqlite.SqliteReader.fetch, postgresql.PostgresqlReader.fetch

        def step() -> None:
            self.done += 1

        async def stepped(reader: Any, statement: Statement, parameters: Mapping[str, object]) -> Any:
            text = sqlite.compiled(statement)
            explain = f"explain query plan {text.sql}"
            plan = await reader._connection.execute_fetchall(explain, sqlite._bound(text, parameters))
            self.scans += [row[3] for row in plan if is_scan(row[3])]
            await reader._connection.set_progress_handler(step, 1)
            try:
                return await on_sqlite(reader, statement, parameters)
            finally:
                await reader._connection.set_progress_handler(None, 1)

        async def explained(reader: Any, statement: Statement, parameters: Mapping[str, object]) -> Any:
            text = postgresql.compiled(statement)
            explain = f"explain (analyze, timing off, format json) {text.sql}"
            answer = await reader._connection.fetchval(explain, *postgresql._bound(text, parameters))
            plan = json.loads(answer)[0]["Plan"]
            self.done += _rows(plan)
            self.scans += [answer] if _scans(plan) else []
            return await on_postgresql(reader, statement, parameters)

        monkeypatch.setattr(sqlite.SqliteReader, "fetch", stepped)
        monkeypatch.setattr(postgresql.PostgresqlReader, "fetch", explained)

    def take(self) -> int:
        """Return what was done since the last call."""
        done, self.done = self.done, 0
        return done


def _rows(plan: dict[str, Any]) -> int:
    """Return how many rows the nodes of a plan gave and dropped."""
    removed = sum(number for name, number in plan.items() if name.startswith("Rows Removed"))
    own: float = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return round(own) + sum(_rows(each) for each in plan.get("Plans", ()))


def _scans(plan: dict[str, Any]) -> bool:
    """Tell whether a plan goes through a whole table; there are few scopes."""
    whole = plan["Node Type"] == "Seq Scan" and plan["Relation Name"] != "scopes"
    return whole or any(_scans(each) for each in plan.get("Plans", ()))


@pytest.mark.parametrize(
    "pages", [each for each in lists(COUNT) if each.name not in NOT_PROMISED], ids=lambda each: each.name
)
async def test_a_page_deep_in_a_list_costs_what_its_first_page_costs(
    filled: Database, monkeypatch: pytest.MonkeyPatch, pages: Pages
) -> None:
    work = Work(monkeypatch)
    done = {}
    for name, wanted in pages.wanted.items():
        async with filled.read("test") as reader:
            found = await pages.read(reader, wanted)
        assert found.rows
        done[name] = work.take()
    assert work.scans == []
    # What is sorted whole gets less with every page.
    assert done["deep"] <= 1.5 * done["first"] + SLACK, done
    assert done["deep back"] <= 1.5 * max(done["last"], done["first"]) + SLACK, done
    if not pages.name.startswith(WHOLE):
        per_object = ROWS_PER_OBJECT if "Postgresql" in type(filled).__name__ else STEPS_PER_OBJECT
        assert max(done.values()) <= LIMIT * per_object, done


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize("edge", [tags.BY_RESOURCE, tag_assignments.BY_RESOURCE], ids=["tags", "assignments"])
async def test_what_hangs_on_a_hundred_resources_costs_nothing_for_the_others(
    filled: Database, monkeypatch: pytest.MonkeyPatch, edge: Edge[Any], caller: Principal
) -> None:
    work = Work(monkeypatch)
    parents = [(million.resource_id(2 * number), million.ROOT) for number in range(LIMIT)]
    async with filled.read("test") as reader:
        found = await children(reader, caller, edge, parents, Page(limit=10))
    assert sum(len(each.rows) for each in found) >= LIMIT // 2
    per_object = ROWS_PER_OBJECT if "Postgresql" in type(filled).__name__ else STEPS_PER_OBJECT
    assert work.take() <= LIMIT * per_object
