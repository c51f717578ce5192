"""What a delete of records would do, without doing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from db.uploads.deletions import Asked, counted, plan
from db.uploads.lookups import keys_of, type_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.access import Reach
    from db.database import Reader


@dataclass(frozen=True, slots=True)
class Foreseen:
    """How many records of a type would be deleted."""

    type_id: str
    type_key: str
    count: int


class Preview(NamedTuple):
    """What would go, by the id of its type, and how much of what was asked for would stay."""

    deletions: list[Foreseen]
    skipped_referenced: int
    """How many would stay, since others refer to them."""


async def preview(
    reader: Reader,
    place: Reach,
    type_name: str,
    external_ids: Sequence[str],
    *,
    everything: bool,
    cascade: bool,
) -> Preview:
    """Tell what a delete in one scope would do, without a lock; raises `NotFound` for a type it can't use."""
    found = (await type_at(reader, place, type_name)).row
    wanted = Asked(place.root_id, place.scope_id, found.id, everything, cascade)
    planned = await plan(reader, wanted, external_ids, locking=False)
    counts = counted(planned.going.values())
    keys = await keys_of(reader, {(type_id, place.root_id) for type_id in counts})
    deletions = [
        Foreseen(type_id, keys[type_id, place.root_id], count) for type_id, count in sorted(counts.items())
    ]
    return Preview(deletions, len(planned.kept))
