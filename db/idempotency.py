"""Idempotency keys: an answer is recorded in the transaction of its effects, and given again for the same request.

Follows draft-ietf-httpapi-idempotency-key-header-07. "Running" is a lock of the transaction, not a row, so a crash
leaves nothing behind.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, delete, select

from db.clock import instant
from db.database import any_of
from db.errors import Code, Conflict
from db.tables import idempotency_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.access import Principal
    from db.database import Transaction

KEPT_S = 24 * 3600
MAX_KEY_CHARACTERS = 255

_KNOWN = select(idempotency_keys).where(any_of(idempotency_keys.c.id, "ids"))
_FORGET = delete(idempotency_keys).where(any_of(idempotency_keys.c.id, "ids"))
_FORGET_OLD = delete(idempotency_keys).where(idempotency_keys.c.created_at < bindparam("before"))


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


class Answer(msgspec.Struct, frozen=True):
    """A door's answer, as bytes: what is recorded is what the client saw."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def recall(tx: Transaction, key: Key) -> Answer | None:
    """Return the recorded answer of a key; `Conflict` (`key_reused`) if it was another request's."""
    return (await recall_all(tx, [key]))[0]


async def recall_all(tx: Transaction, keys: Sequence[Key]) -> list[Answer | None]:
    """Return the recorded answer of each key; `Conflict` (`key_reused`) if one was another request's."""
    oldest = instant(time.time() - KEPT_S)
    answers: dict[str, Answer] = {}
    fingerprints = {key.id: key.fingerprint for key in keys}
    expired: list[str] = []
    for key_id, fingerprint, status, headers, body, created_at in await tx.fetch(
        _KNOWN, {"ids": list(fingerprints)}
    ):
        if created_at < oldest:
            expired.append(key_id)
        elif fingerprint != fingerprints[key_id]:
            raise Conflict(Code.KEY_REUSED, "this Idempotency-Key was used for another request")
        else:
            answers[key_id] = Answer(status, msgspec.json.decode(headers), body.encode())
    if expired:
        await tx.execute(_FORGET, {"ids": expired})
    return [answers.get(key.id) for key in keys]


async def record(tx: Transaction, answers: Sequence[tuple[Key, Answer]], now: str) -> None:
    """Keep answers for 24 hours."""
    rows = [
        (
            key.id,
            key.fingerprint,
            answer.status,
            msgspec.json.encode(answer.headers).decode(),
            answer.body.decode(),
            now,
        )
        for key, answer in answers
    ]
    await tx.insert(idempotency_keys, rows)


async def forget_old(tx: Transaction, before: str) -> int:
    """Drop the answers recorded before a moment; returns how many."""
    return await tx.execute(_FORGET_OLD, {"before": before})
