"""What the tests of the schema share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import factories
from tests.graphql_schema.client import Client, Statements

if TYPE_CHECKING:
    from db.database import Database


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


@pytest.fixture
def client(acme: Database) -> Client:
    """Return a client of the small catalogue that acts as the server's root token."""
    return Client(acme)
