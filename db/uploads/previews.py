"""What a delete of records would do, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from db.access import Role
from db.batches import BATCHES, Place, places
from db.clock import instant
from db.uploads.deletions import Asked, counted, plan
from db.writes import Writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.access import Principal
    from db.batches import NewBatch
    from db.database import Database, Transaction
    from db.errors import Fault


class Preview(NamedTuple):
    """What would go, and how much of what was asked for would stay."""

    deletions: list[tuple[str, int]]
    """The ids of the types with how many of each would be deleted, the most first."""
    skipped_referenced: int
    """How many would stay, since others refer to them."""


async def preview(
    database: Database, caller: Principal, wanted: NewBatch, external_ids: Sequence[str]
) -> Preview | Fault:
    """Tell what a delete would do; nothing is accepted or stored.

    Raises `Refused` (`forbidden`) for a reader, like the delete itself.
    """
    caller.require(Role.WRITER)

    async def work(tx: Transaction) -> Preview | Fault:
        w = Writing.begin(tx, caller, instant())
        (place,) = await places(w, [wanted])
        if not isinstance(place, Place):
            return place
        asked = Asked(place.scope.root_id, place.scope.id, place.type.id, wanted.delete_all, wanted.cascade)
        found = await plan(tx, asked, external_ids, locking=False)
        counts = counted(found.going.values())
        return Preview(sorted(counts.items(), key=lambda each: (-each[1], each[0])), len(found.kept))

    # The types are looked up as for a write, which a read may not do.
    return await database.write(f"preview_{BATCHES.table.name}", work)
