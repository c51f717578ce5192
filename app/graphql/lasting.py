"""What runs on connections that stay open, and on whose behalf."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.graphql import runs
from app.graphql.documents import DOCUMENTS
from app.graphql.requests import Batch
from app.graphql.runs import LIMITS
from app.state import AUTHENTICATOR, DATABASE, HUB, ROOTS, SETTINGS
from app.telemetry import request_id
from db.errors import Code, Refused
from db.events import FellBehind
from graphql_schema.budgets import Budget
from graphql_schema.context import Context, Lasting
from graphql_schema.schema import ANY_OPERATION, subscribe, subscribes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from aiohttp import web
    from strawberry.types import ExecutionResult
    from strawberry.types.graphql import OperationType

    from app.graphql.requests import Operation
    from db.access import Principal

TENANT = "reach-tenant-id"


class TooSlow(Exception):
    """A client that doesn't read what it asked for."""


@dataclass(frozen=True)
class Credentials:
    """What a client says of itself, to be judged again and again while its connection lasts."""

    authorization: str | None
    tenant: str | None

    def __post_init__(self) -> None:
        """Refuse a tenant that no database could look for."""
        if self.tenant is not None and not self.tenant.isprintable():
            raise Refused(Code.INVALID_VALUE, f"{TENANT} holds characters that no id has")

    async def caller(self, app: web.Application) -> Principal:
        """Return whom the credentials mean now; raises what `Authenticator.principal` raises."""
        return await app[AUTHENTICATOR].principal(self.authorization, self.tenant)


async def results(
    app: web.Application,
    operation: Operation,
    caller: Principal | None,
    credentials: Credentials,
    allowed: Iterable[OperationType] = ANY_OPERATION,
) -> AsyncGenerator[ExecutionResult, None]:
    """Yield what an operation answers: a subscription any number of results, whatever else is allowed one, in time.

    Raises `SheafError` for a document that isn't known, `TooSlow` if the results aren't taken.
    """
    lasting = Lasting(app[HUB], lambda: credentials.caller(app), app[SETTINGS].subscription_check_s)
    budget = Budget(app[LIMITS])
    context = Context(
        app[DATABASE], caller, request_id=request_id.get(), budget=budget, lasting=lasting, roots=app[ROOTS]
    )
    text = app[DOCUMENTS].text_of(operation)
    if not subscribes(text, operation.operation_name, context):
        for answer in await runs.results(app, Batch((operation,), listed=False), caller, budget, allowed):
            yield answer
        return
    subscription = subscribe(text, operation.variables, operation.operation_name, context)
    async with aclosing(subscription) as events:
        async for result in events:
            if any(isinstance(error.original_error, FellBehind) for error in result.errors or ()):
                raise TooSlow
            yield result
