"""Commands: every change of the catalogue as a value, always plural, executed by `db.engine`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic

from db.nouns import Noun, RowT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from db.shapes import Change, Item, NewItem

ANY_REVISION = "*"


class NotTogether(Exception):
    """A joined command would do what its operations wouldn't one by one; nothing of it is stored."""


class OnError(StrEnum):
    """What a faulty item does to the others."""

    REJECT_ALL = "reject_all"
    REJECT_FAILED = "reject_failed"


class OnConflict(StrEnum):
    """What to do with an item that meets a stored object, by id or by unique key."""

    ERROR = "error"
    SKIP = "skip"
    MERGE = "merge"


@dataclass(frozen=True)
class Create(Generic[RowT]):
    """Create objects of one noun; an item that its door found faulty is the tuple of its faults."""

    noun: Noun[RowT]
    items: Sequence[Item[NewItem]]
    on_error: OnError = OnError.REJECT_ALL
    on_conflict: OnConflict = OnConflict.ERROR
    joined: bool = False
    """The items are of several operations, of which an earlier one must not see what a later one makes."""


@dataclass(frozen=True)
class Target:
    """An object to change, and the revisions it must have (RFC 9110 section 13.1.1)."""

    id: str
    if_match: frozenset[str] | None = None
    """`None`: any. Revisions without quotes; `*` is any revision of an existing object."""
    must_match: bool = False
    """Refuse a target without `if_match` (RFC 6585 section 3)."""
    pair: tuple[str, str] | None = None
    """Instead of the id of a tag assignment, the ids of its tag and resource."""


@dataclass(frozen=True)
class Updating:
    """One target and what to change of it."""

    target: Target
    change: Item[Change]
    replace: bool = False
    """Clear what may change and isn't given (PUT), instead of keeping it (PATCH)."""


@dataclass(frozen=True)
class Update(Generic[RowT]):
    """Change objects of one noun, in the order of the items."""

    noun: Noun[RowT]
    items: Sequence[Updating]
    on_error: OnError = OnError.REJECT_ALL


@dataclass(frozen=True)
class Delete(Generic[RowT]):
    """Delete objects of one noun, those that depend on each other together."""

    noun: Noun[RowT]
    items: Sequence[Target]
    on_error: OnError = OnError.REJECT_ALL
    joined: bool = False
    """The items are of several operations, of which an earlier one must not rely on what a later one deletes."""


@dataclass(frozen=True)
class PutRecord:
    """Store one record of the upload dialect, or merge it into the stored one of its external id; it never waits.

    It acts in the scope that the caller is narrowed to.
    """

    noun: Noun[Any]
    type_name: str
    """The key, in any case, or the id of a type."""
    record: Mapping[str, Any]
    must_be_new: bool = False
    external_id: str | None = None
    """The one record that is meant; it must exist."""
    ignore_unknown: bool = False
    on_error: OnError = OnError.REJECT_ALL


@dataclass(frozen=True)
class RemoveRecord:
    """Delete one record of the upload dialect by its external id, in the scope that the caller is narrowed to."""

    noun: Noun[Any]
    type_name: str
    external_id: str
    on_error: OnError = OnError.REJECT_ALL


@dataclass(frozen=True)
class CancelBatch:
    """Cancel an accepted upload: what is stored stays, all else of it fails."""

    noun: Noun[Any]
    id: str
    on_error: OnError = OnError.REJECT_ALL


@dataclass(frozen=True)
class CreateDefinition:
    """Create a type as the upload dialect knows it: with the types that its schema refers to."""

    noun: Noun[Any]
    new: Item[NewItem]
    on_error: OnError = OnError.REJECT_ALL


@dataclass(frozen=True)
class ChangeDefinition:
    """Change a type by its key, in any case, or its id; tells how many of a sample of its records would fail now."""

    noun: Noun[Any]
    type_name: str
    change: Item[Change]
    on_error: OnError = OnError.REJECT_ALL


@dataclass(frozen=True)
class RemoveDefinition:
    """Delete a type by its key, in any case, or its id, unless it is in use."""

    noun: Noun[Any]
    type_name: str
    on_error: OnError = OnError.REJECT_ALL


SINGLE = (PutRecord, RemoveRecord, CancelBatch, CreateDefinition, ChangeDefinition, RemoveDefinition)
"""The commands about one thing, which are never joined."""

OfItems = Create[Any] | Update[Any] | Delete[Any]
"""The commands about items of one noun."""

Command = (
    OfItems | PutRecord | RemoveRecord | CancelBatch | CreateDefinition | ChangeDefinition | RemoveDefinition
)


def name_of(command: Command) -> str:
    """Return the name of a command's transaction: `create_resources`."""
    match command:
        case PutRecord():
            return "put_record"
        case RemoveRecord():
            return "remove_record"
        case CancelBatch():
            return "cancel_batch"
        case CreateDefinition():
            return "create_definition"
        case ChangeDefinition():
            return "change_definition"
        case RemoveDefinition():
            return "remove_definition"
        case _:
            return f"{type(command).__name__.lower()}_{command.noun.table.name}"
