"""The operations of one request: all are counted before the first runs, then each runs by itself, in order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from aiohttp import web
from graphql import OperationType
from strawberry.types.execution import ExecutionResult, PreExecutionError

from app.graphql.documents import DOCUMENTS
from app.limits import within
from app.state import DATABASE, RATE_LIMITER, ROOTS, SETTINGS
from app.telemetry import request_id
from db.errors import SheafError, Unavailable
from graphql_schema.budgets import LimitReached, Limits
from graphql_schema.context import Context
from graphql_schema.errors import of_error
from graphql_schema.schema import admit, execute

if TYPE_CHECKING:
    from collections.abc import Iterable

    from graphql import GraphQLError
    from strawberry.types.graphql import OperationType as AllowedType

    from app.graphql.documents import PersistedDocuments
    from app.graphql.requests import Batch, Operation
    from app.settings import Settings
    from db.access import Principal
    from graphql_schema.budgets import Budget

LIMITS = web.AppKey("limits", Limits)


@dataclass(frozen=True)
class _Run:
    """An operation that was counted, with a context and so with loaders of its own; or what it is refused for."""

    operation: Operation
    context: Context
    text: str = ""
    refused: GraphQLError | None = None

    @property
    def is_mutation(self) -> bool:
        document = self.context.document
        chosen = document.operation(self.operation.operation_name) if document else None
        return chosen is not None and chosen.operation is OperationType.MUTATION


def limits_of(settings: Settings) -> Limits:
    """Return what one request may ask for."""
    return Limits(
        depth=settings.max_depth,
        aliases=settings.max_aliases,
        tokens=settings.max_tokens,
        directives=settings.max_directives,
        cost=settings.max_cost,
        operations=settings.max_operations,
        page=settings.max_page,
        batch_items=settings.max_batch_items,
        body_bytes=settings.max_body_bytes,
        seconds=settings.time_limit_s,
        queued_records=settings.max_queued_records,
    )


async def results(
    app: web.Application,
    batch: Batch,
    caller: Principal | None,
    budget: Budget,
    allowed: Iterable[AllowedType],
) -> list[ExecutionResult]:
    """Return what each operation answers; if together they ask for too much, none runs and each says so."""
    runs: list[_Run] = []
    for operation in batch.operations:
        context = Context(
            app[DATABASE],
            caller,
            request_id=request_id.get(),
            budget=budget,
            compiled=app[SETTINGS].compiled_executor,
            roots=app[ROOTS],
        )
        run = _counted(app[DOCUMENTS], operation, context, known=caller is not None)
        if isinstance(run, LimitReached):
            return [PreExecutionError(None, [run]) for _ in batch.operations]
        runs.append(run)
        if batch.listed:
            # Each may have taken a while to validate, and others wait.
            await asyncio.sleep(0)
    if caller is not None and len(runs) > 1:
        # Mutations are charged by their items, and the request itself has paid for one.
        app[RATE_LIMITER].charge(caller.token_hash, sum(not run.is_mutation for run in runs))
    return await _answers(runs, budget, allowed)


def _counted(
    documents: PersistedDocuments, operation: Operation, context: Context, *, known: bool
) -> _Run | LimitReached:
    try:
        text = documents.text_of(operation)
    except SheafError as error:
        return _Run(operation, context, refused=of_error(error))
    exceeded = admit(text, operation.variables, operation.operation_name, context)
    if exceeded is not None:
        return exceeded
    if known and context.document is not None and not context.document.errors:
        documents.keep(operation, text)
    return _Run(operation, context, text)


async def _answers(runs: list[_Run], budget: Budget, allowed: Iterable[AllowedType]) -> list[ExecutionResult]:
    """Run one after another, so that what one has written the next one reads."""
    seconds = budget.limits.seconds
    deadline = monotonic() + seconds
    answers: list[ExecutionResult] = []
    try:
        async with within(seconds):
            for run in runs:
                run.context.deadline = deadline
                answer = await _answer(run, allowed)
                if isinstance(answer, PreExecutionError) and monotonic() > deadline:
                    raise Unavailable(f"this took longer than {seconds:g} s, which is the limit")
                answers.append(answer)
    except Unavailable as error:
        runs[len(answers)].context.abandon()
        answers.append(ExecutionResult(None, [of_error(error)]))
        late = Unavailable("this was not begun: the operations before it took all the time there is")
        answers += [PreExecutionError(None, [of_error(late)]) for _ in runs[len(answers) :]]
    return answers


async def _answer(run: _Run, allowed: Iterable[AllowedType]) -> ExecutionResult:
    if run.refused is not None:
        return PreExecutionError(None, [run.refused])
    operation = run.operation
    return await execute(
        run.text, operation.variables, operation.operation_name, run.context, allowed=allowed
    )
