"""`docs/faults.md` has a line for every fault that is tried, and none that isn't."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).parent
TABLE = (FOLDER.parents[1] / "docs" / "faults.md").read_text(encoding="utf-8")
FILES = ("test_postgresql.py", "test_sqlite.py", "test_crashes.py")


def names_in(name: str) -> list[str]:
    """Return the names of a file's tests."""
    tree = ast.parse((FOLDER / name).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [each.name for each in tree.body if isinstance(each, functions) and each.name.startswith("test_")]


def test_every_fault_that_is_tried_has_one_line() -> None:
    told = re.findall(r"\| `(test_\w+)` \|$", TABLE, flags=re.MULTILINE)
    assert Counter(told) == Counter(test for name in FILES for test in names_in(name))


def test_each_line_tells_of_a_database_what_its_tests_try() -> None:
    for name, database in zip(FILES, ("PostgreSQL", "SQLite", "both"), strict=True):
        for test in names_in(name):
            line = next(each for each in TABLE.splitlines() if each.endswith(f"`{test}` |"))
            assert line.split(" | ")[1] == database, test
