"""The words that `db` and clients share, with what they mean to a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import strawberry

from db.batches import Kind, OnStored, Status
from db.commands import OnConflict, OnError
from db.errors import Code
from db.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    EnumT = TypeVar("EnumT", bound=StrEnum)


def published(enum: type[EnumT], name: str, description: str, values: Mapping[EnumT, str]) -> None:
    """Make an enum of `db` an enum of the schema; each of its members needs a description."""
    strawberry.enum(enum, name=name, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by strawberry.enum
        value.description = values[enum(value.value)]


published(
    Outcome,
    "Outcome",
    "What became of one item of a mutation.",
    {
        Outcome.CREATED: "The object was created.",
        Outcome.UPDATED: "The object was changed.",
        Outcome.UNCHANGED: "The object is as it was: there was nothing to change.",
        Outcome.DELETED: "The object was deleted.",
        Outcome.FAILED: "Nothing was done for this item; `errors` says why.",
        Outcome.ROLLED_BACK: "The item was fine, but nothing was stored because another item failed.",
        Outcome.SKIPPED: "The item was not tried because one that it depends on failed.",
        Outcome.NOT_ATTEMPTED: "The item was not tried because an earlier one failed.",
    },
)

published(
    OnError,
    "OnError",
    "What a faulty item does to the other items of its mutation.",
    {
        OnError.REJECT_ALL: "Nothing is stored if any item is faulty; every faulty item is reported.",
        OnError.REJECT_FAILED: "Good items are stored; only the faulty ones are refused.",
    },
)

published(
    OnConflict,
    "OnConflict",
    "What to do with an item that meets a stored object, by id or by unique key.",
    {
        OnConflict.ERROR: "The item fails.",
        OnConflict.SKIP: "The stored object stays as it is, and the item is `UNCHANGED`.",
        OnConflict.MERGE: "The item's fields are applied to the stored object; what the item leaves out stays.",
    },
)

published(
    Code,
    "ErrorCode",
    "Why something was refused. The list is closed, so that a client may switch over it.",
    {
        Code.MALFORMED: "The request can't be read.",
        Code.MISSING_FIELD: "A required field is missing or null.",
        Code.UNKNOWN_FIELD: "There is no such field.",
        Code.UNKNOWN_PARAMETER: "There is no such parameter.",
        Code.INVALID_VALUE: "A value has the wrong type, form or length.",
        Code.IMMUTABLE_FIELD: "The field can't change once the object exists.",
        Code.DUPLICATE_IN_BATCH: "An earlier item has the same id or unique key.",
        Code.ALREADY_EXISTS: "Another object has the same unique key.",
        Code.ID_TAKEN: "Another object has the same id.",
        Code.AMBIGUOUS_ID: "The id exists under several root scopes: narrow the call to one of them.",
        Code.UNKNOWN_REFERENCE: "The item refers to something that doesn't exist or can't be used there.",
        Code.IN_USE: "Other objects depend on the object.",
        Code.LOCKED: "The tag group is locked.",
        Code.LIMIT_REACHED: "A limit on the number of objects is reached.",
        Code.TOO_MANY_ITEMS: "There are more items than one call may have.",
        Code.TOO_LARGE: "A value or the request has too many bytes.",
        Code.UNSUPPORTED_MEDIA_TYPE: "The body's media type isn't understood.",
        Code.METHOD_NOT_ALLOWED: "The operation isn't allowed over this method of transport.",
        Code.NOT_FOUND: "There is no such object within reach.",
        Code.UNAUTHORIZED: "The call carries no valid token.",
        Code.FORBIDDEN: "The token's role doesn't allow it.",
        Code.PRECONDITION_REQUIRED: "The change must name the ETag it is meant for.",
        Code.PRECONDITION_FAILED: "The object has changed since the given ETag.",
        Code.KEY_REUSED: "The idempotency key was used for another request.",
        Code.IN_PROGRESS: "A request with this idempotency key is still running.",
        Code.ROLLED_BACK: "The item was fine, but another item failed.",
        Code.NOT_ATTEMPTED: "An earlier item failed, so this one was not tried.",
        Code.FAILED_DEPENDENCY: "Something that the item depends on failed.",
        Code.DEPENDENCY_TIMEOUT: "Something that the item waits for didn't come in time.",
        Code.CANCELLED: "The work was cancelled.",
        Code.OVERLOADED: "The server can't serve the request now; the same request may succeed later.",
        Code.INTERNAL: "A fault of the server.",
    },
)

published(
    Kind,
    "BatchKind",
    "What a batch does with its records.",
    {
        Kind.INGEST: "Creates them, or merges them into those that are stored.",
        Kind.PATCH: "Merges them into those that are stored.",
        Kind.DELETE: "Deletes them.",
    },
)

published(
    Status,
    "BatchStatus",
    "How far a batch has got.",
    {
        Status.QUEUED: "It is accepted, and wasn't worked on yet.",
        Status.PROCESSING: "Its records are being worked on.",
        Status.PENDING: "All of its records were seen, and some wait for what they refer to.",
        Status.SUCCESS: "It is done, and all of its records succeeded.",
        Status.PARTIAL_SUCCESS: "It is done, and some of its records failed.",
        Status.FAILED: "It is done, and all of its records failed.",
        Status.CANCELLED: "It was cancelled: what wasn't stored by then failed.",
    },
)

published(
    OnStored,
    "OnStored",
    "What to do with a record that is stored already.",
    {
        OnStored.UPSERT: "Merge it into what is stored.",
        OnStored.REJECT: "Fail it.",
    },
)

__all__ = ["Code", "Kind", "OnConflict", "OnError", "OnStored", "Outcome", "Status", "published"]
