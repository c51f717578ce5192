"""Idempotency keys: one effect and one answer, however often and wherever a request is sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from db import engine, idempotency
from db.access import SYSTEM, Principal, Role
from db.commands import Create
from db.database import open_database
from db.errors import Code, Conflict, Refused
from db.idempotency import Answer, Key
from db.resources import RESOURCES
from tests.factories import caller_in, fates, new_resource, stored

if TYPE_CHECKING:
    from db.database import Database
    from db.outcomes import Report

KEY = Key.of(SYSTEM, "k", b"POST", b"/resources", b"body")


def render(report: Report[Any]) -> Answer:
    return Answer(201 if report.committed else 409, {"ETag": '"é"'}, " ".join(fates(report)).encode())


async def send(database: Database, key: Key, *names: str, caller: Principal = SYSTEM) -> tuple[Answer, bool]:
    command = Create(RESOURCES, [new_resource(name) for name in names])
    return await engine.run_once(database, caller, command, key, render)


async def test_the_same_request_is_answered_again_and_done_once(acme: Database) -> None:
    first, replayed = await send(acme, KEY, "a")
    assert (first, replayed) == (Answer(201, {"ETag": '"é"'}, b"created"), False)
    before = await stored(acme)
    for _ in range(3):
        assert await send(acme, KEY, "a") == (first, True)
    assert await stored(acme) == before


async def test_a_key_of_another_request_is_refused(acme: Database) -> None:
    await send(acme, KEY, "a")
    before = await stored(acme)
    with pytest.raises(Conflict) as conflict:
        await send(acme, Key.of(SYSTEM, "k", b"POST", b"/resources", b"other"), "b")
    assert conflict.value.code is Code.KEY_REUSED
    assert await stored(acme) == before


async def test_a_refused_request_leaves_its_key_free(acme: Database) -> None:
    await send(acme, Key.of(SYSTEM, "other"), "a")
    before = await stored(acme)
    assert await send(acme, KEY, "b", "a") == (
        Answer(409, {"ETag": '"é"'}, b"rolled_back already_exists/externalResourceId"), False,
    )  # fmt: skip
    assert await stored(acme) == before
    assert await send(acme, Key.of(SYSTEM, "k", b"else"), "b") == (
        Answer(201, {"ETag": '"é"'}, b"created"),
        False,
    )


async def test_a_reader_is_refused_even_a_replay(acme: Database) -> None:
    await send(acme, KEY, "a")
    with pytest.raises(Refused):
        await send(acme, KEY, "a", caller=await caller_in(acme, "scope_acme", role=Role.READER))


async def test_a_key_belongs_to_root_subject_and_scope(acme: Database) -> None:
    callers = [
        SYSTEM,
        await caller_in(acme, "scope_acme"),
        await caller_in(acme, "scope_engineering"),
        await caller_in(acme, "scope_engineering", subject="bob"),
    ]
    keys = {Key.of(caller, "k", b"a").id for caller in callers}
    assert len(keys) == 4
    assert (
        Key.of(callers[1], "k", b"ab", b"c").fingerprint != Key.of(callers[1], "k", b"a", b"bc").fingerprint
    )


async def test_an_old_answer_is_forgotten(acme: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await send(acme, KEY, "a")
    monkeypatch.setattr(idempotency, "KEPT_S", -1)
    answer, replayed = await send(acme, KEY, "a")
    assert (answer.body, replayed) == (b"already_exists/externalResourceId", False)
    assert await send(acme, Key.of(SYSTEM, "k", b"new"), "b") == (
        Answer(201, {"ETag": '"é"'}, b"created"),
        False,
    )


async def test_old_answers_are_swept(acme: Database) -> None:
    await send(acme, KEY, "a")
    for before, gone in (
        ("2000-01-01T00:00:00Z", 0),
        ("2999-01-01T00:00:00Z", 1),
        ("2999-01-01T00:00:00Z", 0),
    ):
        assert await acme.write("sweep", lambda tx, before=before: idempotency.forget_old(tx, before)) == gone  # type: ignore[misc]  # a default binds early


async def test_of_requests_at_once_one_is_done_and_the_others_are_told(acme: Database) -> None:
    answers = await asyncio.gather(*(send(acme, KEY, "a") for _ in range(20)), return_exceptions=True)
    done = [answer for answer in answers if not isinstance(answer, BaseException)]
    told = [answer for answer in answers if isinstance(answer, BaseException)]
    assert sum(not replayed for _, replayed in done) == 1
    assert {answer for answer, _ in done if answer.status != 201} == set()
    assert all(isinstance(error, Conflict) and error.code is Code.IN_PROGRESS for error in told)
    assert len((await stored(acme))["resources"]) == 1


async def test_a_running_request_is_seen_by_another_process_on_postgresql(postgresql_url: str) -> None:
    first, second = open_database(postgresql_url), open_database(postgresql_url)
    running, going_on = asyncio.Event(), asyncio.Event()

    async def work(tx: Any) -> None:
        running.set()
        await going_on.wait()

    async def nothing(tx: Any) -> str:
        return "done"

    writing = asyncio.ensure_future(first.write("first", work, lock="key"))
    await running.wait()
    with pytest.raises(Conflict) as conflict:
        await second.write("second", nothing, lock="key")
    assert conflict.value.code is Code.IN_PROGRESS
    assert await second.write("second", nothing, lock="other") == "done"
    going_on.set()
    await writing
    assert await second.write("second", nothing, lock="key") == "done"
    await first.close()
    await second.close()
