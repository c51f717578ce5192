"""The loaders of what batches have beside their rows: what failed, what waits, and what for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from db.uploads import progress, waiting_lists
from graphql_schema.key_loaders import KeyLoader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.access import Principal
    from db.database import Database
    from db.reads import Page, Slice
    from db.uploads.waiting_lists import Key, Missing, Waiting


class BatchLoaders:
    """Values by the (id, root_id) of a batch, or of a record that waits."""

    def __init__(self, database: Database, caller: Principal) -> None:
        self._database = database
        self._caller = caller
        self._waiting: dict[Page, KeyLoader[Key, Slice[Waiting]]] = {}
        # As in `Loaders`, none refers to this object.
        self.waiting_size: KeyLoader[Key, int] = KeyLoader.by_turns(partial(_waiting_sizes, database, caller))
        self.failure_counts: KeyLoader[Key, dict[str, int]] = KeyLoader.by_turns(
            partial(_failure_counts, database)
        )
        self.missing_by_record: KeyLoader[Key, list[Missing]] = KeyLoader.by_turns(
            partial(_missing, database)
        )

    def all(self) -> list[KeyLoader[Any, Any]]:
        """Return every loader there is."""
        return [self.waiting_size, self.failure_counts, self.missing_by_record, *self._waiting.values()]

    def waiting(self, page: Page) -> KeyLoader[Key, Slice[Waiting]]:
        """Return the loader of a page of each batch's waiting records."""
        if page not in self._waiting:
            self._waiting[page] = KeyLoader.by_turns(partial(_waiting, self._database, self._caller, page))
        return self._waiting[page]


async def _waiting(
    database: Database, caller: Principal, page: Page, batches: list[Key]
) -> Sequence[Slice[Waiting]]:
    async with database.read("waiting_by_batch_id") as reader:
        return await waiting_lists.pages(reader, caller, batches, page)


async def _waiting_sizes(database: Database, caller: Principal, batches: list[Key]) -> list[int]:
    async with database.read("count_waiting_by_batch_id") as reader:
        return await waiting_lists.sizes(reader, caller, batches)


async def _failure_counts(database: Database, batches: list[Key]) -> list[dict[str, int]]:
    async with database.read("failure_counts_by_batch_id") as reader:
        counts = await progress.failure_counts(reader, batches)
    return [counts.get(batch, {}) for batch in batches]


async def _missing(database: Database, records: list[Key]) -> list[list[Missing]]:
    async with database.read("missing_by_waiting_id") as reader:
        return await waiting_lists.missing(reader, records)
