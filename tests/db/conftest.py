"""What the tests of the data layer share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import factories

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.database import Database


class Statements:
    """Counts the statements that a database runs."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.failed_transactions: list[str] = []

    def transaction(self, name: str, seconds: float, *, failed: bool) -> None:
        """Note a transaction that failed."""
        del seconds
        if failed:
            self.failed_transactions.append(name)

    def statement(self, transaction: str, sql: str, seconds: float) -> None:
        """Note a statement."""
        del transaction, seconds
        self.texts.append(sql)

    def items(self, token_hash: str | None, noun: str, outcomes: Mapping[str, int]) -> None:
        """Note nothing of a command's outcomes."""

    def reads(self, token_hash: str | None, count: int) -> None:
        """Note nothing of reads."""

    def take(self) -> int:
        """Return how many statements were run since the last call."""
        count = len(self.texts)
        self.texts.clear()
        return count


@pytest.fixture
def statements(database: Database) -> Statements:
    """Count the statements of the test's database."""
    database.observer = counter = Statements()
    return counter


@pytest.fixture
async def acme(database: Database) -> Database:
    """Return the test's database with a small catalogue in it."""
    await factories.catalogue(database)
    return database
