"""What a parsed request asks of the data layer, as a value: a route's handler makes it, and nothing is done yet.

So one request is performed alone, and many of them by `/batch` as a plan, joined or in one transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from db import engine, reads
from db.access import Role
from db.coalescing import Get, Query
from db.commands import Command
from db.errors import Code, Refused
from db.idempotency import MAX_KEY_CHARACTERS, Answer, Key
from db.outcomes import Report
from db.plans import missing

if TYPE_CHECKING:
    from app.rest.exchange import Call

REPLAYED = "Idempotency-Replayed"


class Write(Struct, frozen=True):
    """A command, and how its report is answered."""

    command: Command
    render: Callable[[Report[Any]], Answer]


class Read(Struct, frozen=True):
    """A question, and how its row or page is answered."""

    task: Get[Any] | Query
    render: Callable[[Any], Answer]


class Act(Struct, frozen=True):
    """Something beside the catalogue, which is no part of a batch."""

    run: Callable[[], Awaitable[Answer]]


Work = Write | Read | Act


async def perform(call: Call, work: Work) -> Answer:
    """Do what one request asks for; a write with a key that has an answer gives that answer again."""
    match work:
        case Act():
            return await work.run()
        case Read():
            return work.render(await _read(call, work.task))
        case Write():
            return await _write(call, work)


async def _read(call: Call, task: Get[Any] | Query) -> object:
    if isinstance(task, Query):
        async with call.database.read(task.name) as reader:
            return await task.run(reader)
    row = await reads.one(call.database, call.caller, task.noun, task.id)
    if row is None:
        raise missing(task)
    return row


async def _write(call: Call, work: Write) -> Answer:
    key = idempotency_key(call)
    if key is None:
        return work.render(await engine.run(call.database, call.caller, work.command))
    answer, again = await engine.run_once(call.database, call.caller, work.command, key, work.render)
    return replayed(answer) if again else answer


def replayed(answer: Answer) -> Answer:
    """Mark an answer as one that was given before."""
    return Answer(answer.status, {**answer.headers, REPLAYED: "true"}, answer.body)


def require_writer(call: Call) -> None:
    """Refuse a reader before anything is looked at."""
    call.caller.require(Role.WRITER)


def idempotency_key(call: Call) -> Key | None:
    """Return the call's key, tied to what it asks."""
    text = key_text(call.headers.get("idempotency-key"))
    if text is None:
        return None
    query = repr(sorted(call.query)).encode()
    return Key.of(call.caller, text, call.method.encode(), call.path.encode(), query, call.body)


def key_text(header: str | None) -> str | None:
    """Read an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07), quoted or bare."""
    if header is None:
        return None
    key = header[1:-1] if len(header) > 1 and header[0] == header[-1] == '"' else header
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
        detail = f"Idempotency-Key must have 1 to {MAX_KEY_CHARACTERS} printable ASCII characters"
        raise Refused(Code.INVALID_VALUE, detail)
    return key
