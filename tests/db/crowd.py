"""A crowded catalogue made with plain SQL, and the plans that the databases make for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from db.database import postgresql
from db.database import sqlite_sessions as sqlite

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from db.database import Row, Statement

SCOPES, TYPES, RESOURCES, GROUPS, TAGS, ASSIGNMENTS = 8_000, 2_000, 40_000, 2_000, 20_000, 40_000
BIG = ("scopes", "resource_types", "resources", "tag_groups", "tags", "tag_assignments")
ALIASES = ("home", "owner", "child")

_MADE = "'2026-01-01T00:00:00Z' as created_at, 's' as created_by"
_STAMPS = "created_at, created_by, revision, root_id"
_VALUES = f"{_MADE}, 'r' as revision, 'scope_0' as root_id"
# Every scope has 20 children. Paths have one level more than the root's, which is enough to divide the reach.
_PARENT = "case when n = 0 then null else 'scope_' || (n / 20) end"
_BELOW = "when n <= 20 then 'p' || n || '/' else 'p' || (1 + n % 20) || '/p' || n || '/'"
_PATH = f"'p0/' || case when n = 0 then '' {_BELOW} end"
_TYPE, _SCOPE = f"'resource_type_' || (n % {TYPES})", f"'scope_' || (n * 7 % {SCOPES})"
_GROUP, _TAG = f"'tag_group_' || (n % {GROUPS})", f"'tag_' || (n % {TAGS})"
_ROWS = {
    f"scopes (id, parent_scope_id, name, external_id, path, {_STAMPS})": (
        SCOPES,
        f"'scope_' || n, {_PARENT}, 'n', 'e' || n, {_PATH}, {_VALUES}",
    ),
    f"resource_types (id, scope_id, key, key_folded, name, {_STAMPS})": (
        TYPES,
        f"'resource_type_' || n, 'scope_' || n, 'k' || n, 'k' || n, 'n', {_VALUES}",
    ),
    f"resources (id, resource_type_id, scope_id, external_resource_id, display_name, {_STAMPS})": (
        RESOURCES,
        f"'resource_' || n, {_TYPE}, {_SCOPE}, 'x' || n, 'name ' || n, {_VALUES}",
    ),
    f"tag_groups (id, scope_id, key, name, is_locked, {_STAMPS})": (
        GROUPS,
        f"'tag_group_' || n, 'scope_' || n, 'k' || n, 'n', false, {_VALUES}",
    ),
    f"tags (id, scope_id, tag_group_id, identifier, label, {_STAMPS})": (
        TAGS,
        f"'tag_' || n, 'scope_' || (n % {GROUPS}), {_GROUP}, 'i' || n, 'l', {_VALUES}",
    ),
    f"tag_assignments (id, tag_id, resource_id, scope_id, tag_group_id, resource_scope_id, {_STAMPS})": (
        ASSIGNMENTS,
        f"'tag_assignment_' || n, {_TAG}, 'resource_' || n, {_SCOPE}, {_GROUP}, {_SCOPE}, {_VALUES}",
    ),
}


def script(numbers: str, rows: Mapping[str, tuple[int, str]]) -> str:
    """Return the SQL that fills a database; `numbers` is how it spells a table of the numbers below {count}."""
    inserts = [
        f"insert into {into} select {values} from {numbers.format(count=count)};"
        for into, (count, values) in rows.items()
    ]
    return "\n".join([*inserts, "analyze;"])


POSTGRESQL_NUMBERS = "generate_series(0, {count} - 1) as g(n)"
SQLITE_NUMBERS = (
    "(with recursive g(n) as (select 0 union all select n + 1 from g where n < {count} - 1) select n from g)"
)
POSTGRESQL = script(POSTGRESQL_NUMBERS, _ROWS)
SQLITE = script(SQLITE_NUMBERS, _ROWS)


class Plans:
    """Notes the plan of every statement that sessions run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.noted: list[tuple[str, str]] = []
        for reader, note in (
            (postgresql.PostgresqlReader, self._note_postgresql),
            (sqlite.SqliteReader, self._note_sqlite),
        ):
            monkeypatch.setattr(reader, "fetch", _noting(reader.fetch, note))
        monkeypatch.setattr(
            postgresql.PostgresqlTransaction,
            "execute",
            _noting(postgresql.PostgresqlTransaction.execute, self._note_postgresql),
        )
        monkeypatch.setattr(
            sqlite.SqliteTransaction, "execute", _noting(sqlite.SqliteTransaction.execute, self._note_sqlite)
        )

    def scans(self) -> list[str]:
        """Return the statements, with their plans, that go through a whole big table."""
        return [
            f"{sql}\n{plan}" for sql, plan in self.noted if any(is_scan(line) for line in plan.splitlines())
        ]

    async def _note_postgresql(
        self, reader: Any, statement: Statement, parameters: Mapping[str, object]
    ) -> None:
        text = postgresql.compiled(statement)
        values = postgresql._bound(text, parameters)
        for form in ("explain", "explain (generic_plan)"):
            rows = await reader._connection.fetch(f"{form} {text.sql}", *values)
            self.noted.append((text.sql, "\n".join(row[0] for row in rows)))

    async def _note_sqlite(self, reader: Any, statement: Statement, parameters: Mapping[str, object]) -> None:
        text = sqlite.compiled(statement)
        values = sqlite._bound(text, parameters)
        rows = await reader._connection.execute_fetchall(f"explain query plan {text.sql}", values)
        self.noted.append((text.sql, "\n".join(row[3] for row in rows)))


def _noting(original: Any, note: Any) -> Any:
    async def noted(reader: Any, statement: Statement, parameters: Mapping[str, object]) -> Row:
        await note(reader, statement, parameters)
        answer: Row = await original(reader, statement, parameters)
        return answer

    return noted


def is_scan(line: str) -> bool:
    """Tell whether a line of a plan goes through a whole big table."""
    words = line.split()
    if "Seq" in words and "Scan" in words:
        return words[words.index("on") + 1] in BIG
    # With an index it goes in the order of that index, of which a limit takes the beginning.
    return words[:1] == ["SCAN"] and words[1] in {*BIG, *ALIASES} and "INDEX" not in words
