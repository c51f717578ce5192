"""A client without HTTP, and a count of its statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from db.access import SYSTEM
from graphql_schema.context import Context
from graphql_schema.schema import execute

if TYPE_CHECKING:
    from strawberry.types import ExecutionResult

    from db.access import Principal
    from db.database import Database


class Client:
    """Executes documents as one caller."""

    def __init__(self, database: Database, caller: Principal | None = SYSTEM) -> None:
        self.database = database
        self.caller = caller

    async def execute(
        self, document: str | None, name: str | None = None, /, **variables: Any
    ) -> ExecutionResult:
        """Execute one operation, whatever comes of it."""
        context = Context(self.database, self.caller, request_id="request-1")
        return await execute(document, variables, name, context)

    async def data(self, document: str, /, **variables: Any) -> dict[str, Any]:
        """Execute one operation that has no errors."""
        result = await self.execute(document, **variables)
        assert result.errors is None, [error.formatted for error in result.errors]
        assert result.data is not None
        return result.data

    async def refused(self, document: str, /, **variables: Any) -> list[str]:
        """Execute one operation and return the codes of its errors."""
        result = await self.execute(document, **variables)
        assert result.errors
        return [str((error.extensions or {}).get("code")) for error in result.errors]


class Statements:
    """Counts the statements that a database runs."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def transaction(self, name: str, seconds: float, *, failed: bool) -> None:
        """Ignore transactions."""

    def statement(self, transaction: str, sql: str, seconds: float) -> None:
        """Note a statement."""
        del transaction, seconds
        self.texts.append(sql)

    def take(self) -> int:
        """Return how many statements were run since the last call."""
        count = len(self.texts)
        self.texts.clear()
        return count
