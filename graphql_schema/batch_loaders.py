"""The loaders of what batches have beside their rows: what failed, what waits, and what for."""

from __future__ import annotations

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
        self.waiting_size: KeyLoader[Key, int] = KeyLoader(self._waiting_sizes)
        self.failure_counts: KeyLoader[Key, dict[str, int]] = KeyLoader(self._failure_counts)
        self.missing_by_record: KeyLoader[Key, list[Missing]] = KeyLoader(self._missing)

    def all(self) -> list[KeyLoader[Any, Any]]:
        """Return every loader there is."""
        return [self.waiting_size, self.failure_counts, self.missing_by_record, *self._waiting.values()]

    def waiting(self, page: Page) -> KeyLoader[Key, Slice[Waiting]]:
        """Return the loader of a page of each batch's waiting records."""
        if page not in self._waiting:

            async def load(batches: list[Key]) -> Sequence[Slice[Waiting]]:
                async with self._database.read("waiting_by_batch_id") as reader:
                    return await waiting_lists.pages(reader, self._caller, batches, page)

            self._waiting[page] = KeyLoader(load)
        return self._waiting[page]

    async def _waiting_sizes(self, batches: list[Key]) -> list[int]:
        async with self._database.read("count_waiting_by_batch_id") as reader:
            return await waiting_lists.sizes(reader, self._caller, batches)

    async def _failure_counts(self, batches: list[Key]) -> list[dict[str, int]]:
        async with self._database.read("failure_counts_by_batch_id") as reader:
            counts = await progress.failure_counts(reader, batches)
        return [counts.get(batch, {}) for batch in batches]

    async def _missing(self, records: list[Key]) -> list[list[Missing]]:
        async with self._database.read("missing_by_waiting_id") as reader:
            return await waiting_lists.missing(reader, records)
