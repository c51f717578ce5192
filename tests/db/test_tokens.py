"""Opaque tokens, and the scopes that callers name."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from db import engine, tokens
from db.access import SYSTEM, Role
from db.commands import Delete, Target
from db.database import open_database
from db.errors import Code, Conflict, NotFound, Refused
from db.scopes import SCOPES, NewScope
from tests.factories import caller_in, catalogue, create, stored

if TYPE_CHECKING:
    from db.access import Principal, Reach
    from db.database import Database, Reader


async def principal(database: Database, text: str) -> Principal | None:
    async with database.read("test") as reader:
        return await tokens.principal(reader, tokens.hash_of(text))


async def test_a_token_is_shown_once_and_stored_as_a_hash(acme: Database) -> None:
    row, text = await tokens.issue(acme, SYSTEM, "scope_engineering", Role.WRITER, subject="alice")
    assert re.fullmatch(r"sheaf_[A-Za-z0-9_-]{43}", text)
    assert (row.subject, row.role, row.scope_id, row.root_id, row.expires_at, row.created_by) == (
        "alice", "writer", "scope_engineering", "scope_acme", None, "system",
    )  # fmt: skip
    assert text not in repr(await stored(acme))
    holder = await principal(acme, text)
    reach = (await caller_in(acme, "scope_engineering")).reach
    assert holder is not None
    assert (holder.subject, holder.role, holder.reach) == ("alice", Role.WRITER, reach)
    assert await principal(acme, text[:-1]) is None
    assert await principal(acme, "") is None


async def test_an_expired_token_is_nobodys(acme: Database) -> None:
    _, gone = await tokens.issue(acme, SYSTEM, "scope_acme", Role.READER, subject="s", ttl_s=0)
    row, valid = await tokens.issue(acme, SYSTEM, "scope_acme", Role.READER, subject="s", ttl_s=3600)
    assert await principal(acme, gone) is None
    holder = await principal(acme, valid)
    assert holder is not None
    assert holder.expires_at is not None
    assert row.expires_at is not None


async def test_a_revoked_token_is_nobodys_and_every_listener_hears_of_it(acme: Database) -> None:
    row, text = await tokens.issue(acme, SYSTEM, "scope_acme", Role.READER, subject="s")
    heard: asyncio.Queue[str | None] = asyncio.Queue()
    acme.listen(tokens.CHANNEL, heard.put_nowait)
    if acme.__class__.__name__ == "PostgresqlDatabase":
        assert await asyncio.wait_for(heard.get(), 10) is None
    await tokens.revoke(acme, SYSTEM, row.id)
    assert await asyncio.wait_for(heard.get(), 10) == tokens.hash_of(text)
    assert await principal(acme, text) is None
    with pytest.raises(NotFound):
        await tokens.revoke(acme, SYSTEM, row.id)


async def test_nobody_gives_more_than_they_have(acme: Database) -> None:
    before = await stored(acme)
    admin = await caller_in(acme, "scope_engineering")
    writer = await caller_in(acme, "scope_engineering", role=Role.WRITER)
    with pytest.raises(Refused) as refusal:
        await tokens.issue(acme, writer, "scope_platform", Role.READER, subject="s")
    assert refusal.value.code is Code.FORBIDDEN
    for scope in ("scope_acme", "scope_sales", "scope_nowhere"):
        with pytest.raises(NotFound) as missing:
            await tokens.issue(acme, admin, scope, Role.READER, subject="s")
        assert missing.value.detail == f"no scope {scope}"
    for subject in ("", "x" * 257, "a\nb"):
        with pytest.raises(Refused) as wrong:
            await tokens.issue(acme, admin, "scope_platform", Role.READER, subject=subject)
        assert wrong.value.code is Code.INVALID_VALUE
    assert await stored(acme) == before


async def test_tokens_are_listed_and_revoked_within_reach_only(acme: Database) -> None:
    rows = [
        (await tokens.issue(acme, SYSTEM, scope, Role.READER, subject=scope))[0]
        for scope in ("scope_acme", "scope_engineering", "scope_platform", "scope_sales")
    ]
    admin = await caller_in(acme, "scope_engineering")
    async with acme.read("test") as reader:
        assert await tokens.within_reach(reader, admin) == rows[1:3]
        assert await tokens.within_reach(reader, SYSTEM) == rows
        with pytest.raises(Refused):
            await tokens.within_reach(reader, await caller_in(acme, "scope_acme", role=Role.WRITER))
    before = await stored(acme)
    for row in (rows[0], rows[3]):
        with pytest.raises(NotFound):
            await tokens.revoke(acme, admin, row.id)
    assert await stored(acme) == before
    await tokens.revoke(acme, admin, rows[2].id)


async def test_a_token_of_a_deleted_scope_is_worthless_for_its_successor(acme: Database) -> None:
    _, text = await tokens.issue(acme, SYSTEM, "scope_platform", Role.READER, subject="s")
    await engine.run(acme, SYSTEM, Delete(SCOPES, [Target("scope_platform")]))
    await create(acme, SCOPES, NewScope(id="scope_platform", parent_scope_id="scope_engineering", name="n"))
    assert await principal(acme, text) is None


async def test_no_token_outlives_its_scope_when_both_happen_at_once(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    await catalogue(database)
    for _ in range(10):
        await asyncio.gather(
            engine.run(database, SYSTEM, Delete(SCOPES, [Target("scope_platform")])),
            *(tokens.issue(database, SYSTEM, "scope_platform", Role.READER, subject="s") for _ in range(3)),
            return_exceptions=True,
        )
        assert (await stored(database))["tokens"] == []
        await create(
            database, SCOPES, NewScope(id="scope_platform", parent_scope_id="scope_engineering", name="n")
        )
    await database.close()


async def test_no_token_is_made_for_a_scope_that_goes_meanwhile(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(postgresql_url)
    await catalogue(database)
    find = tokens.scope_named

    async def found_too_early(reader: Reader, caller: Principal, named: str) -> Reach:
        found = await find(reader, caller, named)
        await engine.run(database, SYSTEM, Delete(SCOPES, [Target(named)]))
        return found

    monkeypatch.setattr(tokens, "scope_named", found_too_early)
    with pytest.raises(NotFound):
        await tokens.issue(database, SYSTEM, "scope_platform", Role.READER, subject="s")
    assert (await stored(database))["tokens"] == []
    await database.close()


@pytest.mark.parametrize(
    ("scope", "named", "found"),
    [
        ("scope_acme", "scope_platform", "scope_platform"),
        ("scope_acme", "eng", "scope_engineering"),
        ("scope_acme", "scope_acme-external", "scope_acme"),
        ("scope_acme", "nowhere", None),
        ("scope_engineering", "eng", "scope_engineering"),
        ("scope_engineering", "scope_platform", "scope_platform"),
        ("scope_engineering", "sales", None),
        ("scope_engineering", "scope_acme", None),
        ("scope_sales", "scope_engineering", None),
    ],
)
async def test_a_caller_narrows_to_a_scope_in_reach(
    acme: Database, scope: str, named: str, found: str | None
) -> None:
    caller = await caller_in(acme, scope)
    async with acme.read("test") as reader:
        if found is None:
            with pytest.raises(NotFound):
                await tokens.narrowed(reader, caller, named)
        else:
            narrowed = await tokens.narrowed(reader, caller, named)
            assert narrowed.reach == (await caller_in(acme, found)).reach
            assert (narrowed.subject, narrowed.role) == (caller.subject, caller.role)


async def test_the_root_token_narrows_to_one_root(acme: Database) -> None:
    await catalogue(acme, root="scope_other")
    async with acme.read("test") as reader:
        assert (await tokens.narrowed(reader, SYSTEM, "scope_other-external")).root_id == "scope_other"
        with pytest.raises(Conflict) as conflict:
            await tokens.narrowed(reader, SYSTEM, "scope_sales")
        assert conflict.value.code is Code.AMBIGUOUS_ID
