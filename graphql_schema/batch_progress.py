"""`batchProgress`: a batch as it is, and again whenever it has got on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import strawberry

from db.announcements import Announcement, BatchMoved
from db.batches import BATCHES, BatchRow, Status
from db.errors import NotFound
from db.scopes import SCOPES, ScopeRow
from graphql_schema.batches import Batch
from graphql_schema.context import Context, Info
from graphql_schema.nodes import Id, load
from graphql_schema.subscriptions import Place, moments

# A few times a second is as often as people and their screens follow.
PAUSE_S = 0.25


class _Moved:
    """Wants to hear that a batch has moved, once until it is looked at: however fast it moves, nothing piles up."""

    def __init__(self, batch: BatchRow) -> None:
        self._batch = batch
        self._told = False

    def __call__(self, said: Announcement) -> bool:
        batch = self._batch
        if self._told or not isinstance(said, BatchMoved):
            return False
        self._told = (said.batch_id, said.root_id) == (batch.id, batch.root_id)
        return self._told

    def look(self) -> None:
        """Want to hear of what comes from now on."""
        self._told = False


async def _batch_progress(info: Info, wanted: Id) -> AsyncIterator[Batch]:
    context = info.context
    batch = await _batch(context, wanted)
    scope: ScopeRow | None = await (load(context.loaders, batch.scope_id, SCOPES) or _nothing())
    if scope is None:
        raise _unknown(wanted)
    return _progress(context, batch, Place(scope))  # type: ignore[return-value]  # rows, which the type shows


async def _progress(context: Context, batch: BatchRow, place: Place) -> AsyncIterator[BatchRow]:
    """Yield a batch as it is, then whenever it has changed, until nothing of it will."""
    moved = _Moved(batch)
    shown: str | None = None
    async with aclosing(moments(context.lasting, place, moved)) as found:
        async for _ in found:
            moved.look()
            # What is below the batch is read anew for each event, too.
            await context.forget()
            row = await _batch(context, batch.id)
            if row.revision == shown:
                continue
            shown = row.revision
            yield row
            if Status(row.status).is_terminal:
                return
            await asyncio.sleep(PAUSE_S)


async def _batch(context: Context, wanted: str) -> BatchRow:
    found: BatchRow | None = await (load(context.loaders, wanted, BATCHES) or _nothing())
    if found is None:
        raise _unknown(wanted)
    return found


def _unknown(wanted: str) -> NotFound:
    return NotFound(f"no batch {wanted}")


async def _nothing() -> None:
    return None


@strawberry.type
class BatchSubscriptions:
    batch_progress: AsyncIterator[Batch] = strawberry.subscription(
        resolver=_batch_progress,
        description="A batch as it is, and again whenever it has got on, a few times a second at most. It completes "
        "once the batch is done.",
    )
