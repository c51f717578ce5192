"""What the documentation shows of each noun: the seeds' requests, and the answers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from app.samples import SAMPLES
from db.nouns import camel

if TYPE_CHECKING:
    from app.rest.catalogue.doors import Door

UUID = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
STORED = {"created_at": "2024-01-15T10:30:00Z", "created_by": "system", "is_locked": False}
# The seeds assign no tag.
ASSIGNMENTS = [{"tagId": "tag_high", "resourceId": "resource_doc-123", "scopeId": "scope_engineering"}]


def asked(door: Door) -> list[dict[str, Any]]:
    """Return what a batch create of a noun asks for."""
    bodies = {sample.path: sample.body for sample in SAMPLES}
    one: dict[str, Any] | None = bodies.get(door.path)
    many: list[dict[str, Any]] = bodies.get(f"{door.path}/batch", ASSIGNMENTS if one is None else [one])
    return many


def changed(door: Door) -> dict[str, Any]:
    """Return what a change of a noun asks for."""
    return {name: value for name, value in asked(door)[-1].items() if name in mutable(door)}


def mutable(door: Door) -> frozenset[str]:
    """Return the members that a change may set."""
    return frozenset(camel(column) for column in door.noun.mutable)


def answered(door: Door) -> list[Any]:
    """Return the objects that the example of a batch create makes."""
    return [_shown(door, item, index) for index, item in enumerate(asked(door))]


def _shown(door: Door, item: dict[str, Any], index: int) -> Any:
    new = msgspec.convert(item, door.new)
    given = {name: value for name, value in msgspec.structs.asdict(new).items() if value is not None}
    uuid = f"{UUID[:-1]}{int(UUID[-1], 16) + index:x}"
    values = {**STORED, **given, "id": new.id or f"{door.noun.namespace}_{uuid}"}
    row = door.noun.row(*map(values.get, door.noun.row.__struct_fields__))
    return msgspec.to_builtins(door.show(row, False))
