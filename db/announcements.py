"""What a commit tells to whoever listens, in every process: afterwards, at most once, never part of the write."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from db.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from db.outcomes import Result

CHANNEL = "sheaf_announcements"
MAX_IDS = 100
# PostgreSQL takes less than 8,000 bytes.
MAX_PAYLOAD_BYTES = 7_900

_STORED = frozenset({Outcome.CREATED, Outcome.UPDATED, Outcome.DELETED})


class ResourcesChanged(msgspec.Struct, frozen=True, gc=False, tag="resources_changed"):
    """A hint to look again: some resources of one scope met one fate in one commit."""

    root_id: str
    scope_id: str
    kind: Outcome
    ids: tuple[str, ...]
    more: bool = False
    """There are others, whose ids aren't told."""


class BatchMoved(msgspec.Struct, frozen=True, gc=False, tag="batch_moved"):
    """A hint to look again: a batch has got on."""

    root_id: str
    scope_id: str
    batch_id: str


class QueueMoved(msgspec.Struct, frozen=True, gc=False, tag="queue_moved"):
    """There is work for the upload engine."""

    due: bool = False
    """Records that waited can go on; else a batch is queued."""


Announcement = ResourcesChanged | BatchMoved | QueueMoved
"""All that can be announced; what somebody outside may hear of has the scope that decides who."""


class _Numbered(msgspec.Struct, frozen=True, gc=False):
    """What travels. PostgreSQL merges equal messages of one transaction, so each has a number."""

    number: int
    says: Announcement


_numbers = count()
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Numbered).decode


def changes(results: Iterable[Result[Any]]) -> list[ResourcesChanged]:
    """Return what the results of a command over resources announce: one for each scope and fate."""
    found: dict[tuple[str, str, Outcome], list[str]] = {}
    for result in results:
        row = result.row
        if row is not None and result.outcome in _STORED:
            found.setdefault((row.root_id, row.scope_id, result.outcome), []).append(row.id)
    return [_bounded(*place, ids) for place, ids in found.items()]


def merged(announced: Sequence[Announcement]) -> list[Announcement]:
    """Return what the commands of one transaction announce together, in the order in which they began."""
    if len(announced) < 2:
        return list(announced)
    found: dict[tuple[str, str, Outcome], list[ResourcesChanged]] = {}
    others: dict[Announcement, None] = {}
    for each in announced:
        if not isinstance(each, ResourcesChanged):
            others[each] = None
            continue
        found.setdefault((each.root_id, each.scope_id, each.kind), []).append(each)
    return [
        *(
            _bounded(
                *place, [each for part in parts for each in part.ids], more=any(part.more for part in parts)
            )
            for place, parts in found.items()
        ),
        *others,
    ]


def _bounded(
    root_id: str, scope_id: str, kind: Outcome, ids: Iterable[str], *, more: bool = False
) -> ResourcesChanged:
    # Items of a batch may mean one resource.
    distinct = tuple(dict.fromkeys(ids))
    return ResourcesChanged(root_id, scope_id, kind, distinct[:MAX_IDS], more or len(distinct) > MAX_IDS)


def encode(said: Announcement) -> str:
    """Return the payload of an announcement, with as many ids as fit."""
    number = next(_numbers)
    payload = _encode(_Numbered(number, said))
    while len(payload) > MAX_PAYLOAD_BYTES and isinstance(said, ResourcesChanged) and said.ids:
        fitting = len(said.ids) * MAX_PAYLOAD_BYTES // len(payload)
        said = msgspec.structs.replace(said, ids=said.ids[:fitting], more=True)
        payload = _encode(_Numbered(number, said))
    return payload.decode()


def decode(payload: str) -> Announcement | None:
    """Read a payload; `None` for what another version of the server says."""
    try:
        return _decode(payload).says
    except msgspec.DecodeError:
        return None
