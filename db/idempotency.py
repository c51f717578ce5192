"""Idempotency keys: an answer is recorded in the transaction of its effects, and given again for the same request.

Follows draft-ietf-httpapi-idempotency-key-header-07. "Running" is a lock of the transaction, not a row, so a crash
leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, delete, insert, select

from db.errors import Code, Conflict
from db.tables import idempotency_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.access import Principal
    from db.database import Transaction

KEPT_S = 24 * 3600
MAX_KEY_CHARACTERS = 255

_KNOWN = select(idempotency_keys).where(idempotency_keys.c.id == bindparam("id"))
_RECORD = insert(idempotency_keys)
_FORGET_OLD = delete(idempotency_keys).where(idempotency_keys.c.created_at < bindparam("before"))
_FORGET = delete(idempotency_keys).where(
    idempotency_keys.c.id == bindparam("id"), idempotency_keys.c.created_at < bindparam("before")
)


@dataclass(frozen=True)
class Key:
    """A caller's key, and what the request it stands for is made of."""

    id: str
    fingerprint: str

    @classmethod
    def of(cls, caller: Principal, key: str, *request: bytes) -> Key:
        """Tie a key to its caller (root, subject, tenant) and to the request's parts."""
        owner = (caller.root_id, caller.subject, caller.reach.scope_id if caller.reach else None, key)
        digest = sha256()
        for part in request:
            digest.update(len(part).to_bytes(8) + part)
        return cls(sha256(msgspec.json.encode(owner)).hexdigest(), digest.hexdigest())


@dataclass(frozen=True)
class Answer:
    """A door's answer, as bytes: what is recorded is what the client saw."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def recall(tx: Transaction, key: Key, oldest: str) -> Answer | None:
    """Return the recorded answer of a key; `Conflict` (`key_reused`) if it was another request's."""
    rows = await tx.fetch(_KNOWN, {"id": key.id})
    if not rows:
        return None
    _, fingerprint, status, headers, body, created_at = rows[0]
    if created_at < oldest:
        await tx.execute(_FORGET, {"id": key.id, "before": oldest})
        return None
    if fingerprint != key.fingerprint:
        raise Conflict(Code.KEY_REUSED, "this Idempotency-Key was used for another request")
    return Answer(status, msgspec.json.decode(headers), body.encode())


async def record(tx: Transaction, key: Key, answer: Answer, now: str) -> None:
    """Keep an answer for 24 hours."""
    headers = msgspec.json.encode(answer.headers).decode()
    await tx.execute(
        _RECORD,
        {
            "id": key.id,
            "fingerprint": key.fingerprint,
            "status": answer.status,
            "headers": headers,
            "body": answer.body.decode(),
            "created_at": now,
        },
    )


async def forget_old(tx: Transaction, before: str) -> int:
    """Drop the answers recorded before a moment; returns how many."""
    return await tx.execute(_FORGET_OLD, {"before": before})
