"""Executes a command for a call, once per Idempotency-Key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from db import engine
from db.access import Role
from db.errors import Code, Refused
from db.idempotency import MAX_KEY_CHARACTERS, Answer, Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.rest.exchange import Call
    from db.commands import Command
    from db.outcomes import Report


async def perform(call: Call, command: Command, render: Callable[[Report[Any]], Answer]) -> Answer:
    """Execute a command and render its report, or give the recorded answer of the call's key again."""
    key = idempotency_key(call)
    if key is None:
        return render(await engine.run(call.database, call.caller, command))
    answer, replayed = await engine.run_once(call.database, call.caller, command, key, render)
    if not replayed:
        return answer
    return Answer(answer.status, {**answer.headers, "Idempotency-Replayed": "true"}, answer.body)


def require_writer(call: Call) -> None:
    """Refuse a reader before anything is looked at."""
    call.caller.require(Role.WRITER)


def idempotency_key(call: Call) -> Key | None:
    """Return the call's key (draft-ietf-httpapi-idempotency-key-header-07, quoted or bare), tied to what it asks."""
    text = call.headers.get("idempotency-key")
    if text is None:
        return None
    key = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
        detail = f"Idempotency-Key must have 1 to {MAX_KEY_CHARACTERS} printable ASCII characters"
        raise Refused(Code.INVALID_VALUE, detail)
    query = repr(sorted(call.query)).encode()
    return Key.of(call.caller, key, call.method.encode(), call.path.encode(), query, call.body)
