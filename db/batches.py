"""Batches: uploads that were accepted, to be applied by the engine (`db.uploads`)."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import Select, bindparam, func, select

from db import filters, references, tables
from db.announcements import BatchMoved, QueueMoved
from db.data_rules import types as type_rules
from db.errors import Code, Fault, Throttled
from db.ids import Namespace
from db.nouns import Noun
from db.reads import Edge
from db.shapes import NewItem
from db.writes import ids_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.data_rules.known import UsableType
    from db.outcomes import Result
    from db.references import Found
    from db.shapes import Item
    from db.writes import Writing

DEFAULT_MAX_QUEUED_RECORDS = 1_000_000
RETRY_AFTER_S = 5
MAX_WAIT_S = 24 * 3600


class Kind(StrEnum):
    """What a batch does with its records, in the words of the upload dialect."""

    INGEST = "PARTNER_RESOURCE_JSON_INGEST"
    PATCH = "PARTNER_RESOURCE_BATCH_PATCH"
    DELETE = "PARTNER_RESOURCE_BATCH_DELETE"


class Status(StrEnum):
    """How far a batch has got."""

    QUEUED = "queued"
    PROCESSING = "processing"
    PENDING = "pending"
    SUCCESS = "success"
    PARTIAL_SUCCESS = "partial_success"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing of the batch will change any more."""
        return self in {Status.SUCCESS, Status.PARTIAL_SUCCESS, Status.FAILED, Status.CANCELLED}


class OnStored(StrEnum):
    """What to do with a record that is stored already."""

    UPSERT = "upsert"
    REJECT = "reject"


class BatchRow(msgspec.Struct, frozen=True, gc=False):
    """An accepted upload."""

    id: str
    scope_id: str
    resource_type_id: str
    type_key: str
    kind: str
    status: str
    total: int
    succeeded: int
    failed: int
    waiting: int
    on_conflict: str
    ignore_unknown_fields: bool
    wait_s: int
    delete_all: bool
    cascade: bool
    started_at: str | None
    completed_at: str | None
    turn: int
    created_at: str
    created_by: str
    updated_at: str | None
    updated_by: str | None
    revision: str
    root_id: str

    @property
    def processed(self) -> int:
        """How many records have met their fate."""
        return self.succeeded + self.failed

    @property
    def success_rate(self) -> float:
        """The percentage of the records that succeeded, in two decimals; 0 where there are none."""
        return round(100 * self.succeeded / self.total, 2) if self.total else 0.0


class FailureRow(msgspec.Struct, frozen=True, gc=False):
    """A record of a batch that came to nothing."""

    id: str
    root_id: str
    batch_id: str
    scope_id: str
    record_index: int
    external_id: str | None
    code: str
    faults: str


class WaitingRow(msgspec.Struct, frozen=True, gc=False):
    """A record that waits for what it refers to."""

    id: str
    root_id: str
    scope_id: str
    resource_type_id: str
    external_id: str
    patch: str
    must_be_new: bool
    must_exist: bool
    expires_at: str
    created_at: str
    created_by: str
    due: bool


class NewBatch(NewItem, frozen=True, kw_only=True):
    """An upload asked for; its door has checked the envelope."""

    scope_id: str
    type_name: str
    """The key, in any case, or the id of a type that the scope can use; the nearest wins."""
    kind: Kind
    body: str
    """The records as a JSON array, or the external ids of those to be deleted."""
    total: int
    on_conflict: OnStored = OnStored.UPSERT
    ignore_unknown_fields: bool = False
    wait_s: int = 0
    """For how many seconds a record may wait for what it refers to."""
    delete_all: bool = False
    cascade: bool = False
    max_queued_records: int = DEFAULT_MAX_QUEUED_RECORDS
    faults: tuple[Fault, ...] = ()
    """What its door found wrong with it, to be told together with what is wrong with its type."""


class Place(NamedTuple):
    """Where the records of an upload belong."""

    scope: Found
    type: UsableType


async def places(w: Writing, items: Sequence[NewBatch]) -> list[Place | Fault]:
    """Find the scope and the type of each upload: a look-up each for all."""
    scopes = await references.scopes_by_id(w, {item.scope_id for item in items})
    usable = await type_rules.usable_types(w, {item.type_name for item in items})
    found: list[Place | Fault] = []
    for item in items:
        scope = references.pick(scopes, item.scope_id, "scopeId", "scope")
        if isinstance(scope, Fault):
            found.append(scope)
            continue
        meant = type_rules.nearest(usable, item.type_name, scope.root_id, scope.path)
        if meant is None:
            detail = f"there is no schema definition {item.type_name[:256]!r} that scope {scope.id} can use"
            found.append(Fault(Code.NOT_FOUND, "/resourceType", detail))
        else:
            found.append(Place(scope, meant))
    return found


async def prepare(w: Writing, items: Sequence[Item[NewBatch]]) -> list[BatchRow | tuple[Fault, ...]]:
    """Find each batch's scope and type, and its turn: tenants take turns, however much one of them has queued."""
    found = iter(await places(w, [item for item in items if not isinstance(item, tuple)]))
    ids = ids_for(BATCHES, items)
    rows: list[BatchRow | tuple[Fault, ...]] = []
    turns = _Turns()
    for item in items:
        if isinstance(item, tuple):
            rows.append(item)
            continue
        place = next(found)
        faults = item.faults + _faults(item, place)
        if faults or isinstance(place, Fault):
            rows.append(faults)
            continue
        scope, type_ = place
        turn = await turns.next(w, item, scope.root_id)
        rows.append(
            BatchRow(
                item.id or next(ids), scope.id, type_.id, type_.key, item.kind, Status.QUEUED,
                item.total, 0, 0, 0,
                item.on_conflict, item.ignore_unknown_fields, item.wait_s, item.delete_all, item.cascade,
                None, None, turn, *w.stamps, scope.root_id,
            )
        )  # fmt: skip
    return rows


def _faults(item: NewBatch, place: Place | Fault) -> tuple[Fault, ...]:
    if isinstance(place, Fault):
        return (place,)
    if item.kind is Kind.DELETE or place.type.external_id_field is not None:
        return ()
    detail = f"the schema definition {place.type.key} names no externalIdField"
    return (Fault(Code.INVALID_VALUE, "/resourceType", detail),)


class _Turns:
    """Gives batches their places in the queue."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], int] = {}
        self._queued = 0

    async def next(self, w: Writing, item: NewBatch, root_id: str) -> int:
        """Return the turn behind the last one of the same scope, and not before who is next now; bound the queue."""
        tenant = (root_id, item.scope_id)
        if tenant not in self._given:
            parameters = {"root": root_id, "scope": item.scope_id}
            records, last, first = (await w.tx.fetch(_queue(), parameters))[0]
            self._queued = max(self._queued, records)
            self._given[tenant] = max(-1 if last is None else last, -1 if first is None else first - 1)
        self._queued += item.total
        if self._queued > item.max_queued_records:
            before, limit = self._queued - item.total, item.max_queued_records
            detail = (
                f"{before:,} records are queued, {item.total:,} more were sent, and the limit is {limit:,}"
            )
            raise Throttled(detail, retry_after_s=RETRY_AFTER_S)
        self._given[tenant] += 1
        return self._given[tenant]


@lru_cache(maxsize=1)
def _queue() -> Select[Any]:
    table = tables.batches
    queued = table.c.status == "queued"
    own = (table.c.root_id == bindparam("root")) & (table.c.scope_id == bindparam("scope"))
    return select(
        select(func.coalesce(func.sum(table.c.total), 0)).where(queued).scalar_subquery(),
        select(func.max(table.c.turn)).where(queued, own).scalar_subquery(),
        select(func.min(table.c.turn)).where(queued).scalar_subquery(),
    )


async def keep_payloads(w: Writing, items: Sequence[Item[NewBatch]], results: list[Result[BatchRow]]) -> None:
    """Keep the records beside their batches, and tell the engine."""
    kept = [
        (result.row.id, result.row.root_id, item.body)
        for item, result in zip(items, results, strict=True)
        if result.row is not None and not isinstance(item, tuple)
    ]
    if not kept:
        return
    await w.tx.insert(tables.batch_payloads, kept)
    w.tx.announced.append(QueueMoved())
    w.tx.announced += [
        BatchMoved(result.row.root_id, result.row.scope_id, result.row.id)
        for result in results
        if result.row is not None
    ]


BATCHES: Noun[BatchRow] = Noun(
    namespace=Namespace.BATCH,
    title="batch",
    table=tables.batches,
    row=BatchRow,
    prepare=prepare,
    after_create=keep_payloads,
    unique=(),
    filters={
        "batchType": filters.equals(tables.batches.c.kind, "kind"),
        "status": filters.equals(tables.batches.c.status, "status"),
    },
)

FAILURES: Noun[FailureRow] = Noun(
    namespace=Namespace.BATCH,
    title="failed record",
    table=tables.batch_failures,
    row=FailureRow,
    prepare=prepare,  # type: ignore[arg-type]  # they are made by the engine alone
    unique=(),
)

BY_SCOPE = Edge(BATCHES, "scope_id")
FAILURES_OF_BATCH = Edge(FAILURES, "batch_id")
