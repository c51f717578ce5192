"""Who hears what: whoever reaches the scope at that moment, and nobody else."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import jwt
import pytest

from db import engine, tokens
from db.access import SYSTEM
from db.commands import Delete, Target
from db.scopes import SCOPES, NewScope
from tests import factories
from tests.contract.test_jwt import SECRET
from tests.server import serving
from tests.subscriptions.clients import WATCH, connected_as, streamed, streaming, watched

if TYPE_CHECKING:
    from tests.server import Server

CREATED = "CREATED"


async def revoke(server: Server, token: str) -> None:
    """Revoke the only token there is."""
    async with server.database.read("test") as reader:
        (row,) = await tokens.within_reach(reader, SYSTEM)
    assert token.startswith(tokens.PREFIX)
    await tokens.revoke(server.database, SYSTEM, row.id)


async def test_without_descendants_only_the_scope_itself_is_watched(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        await socket.watch("scope_engineering", name="exact")
        await factories.resources(server.database, "above", scope_id="scope_acme")
        await factories.resources(server.database, "below", scope_id="scope_platform")
        await factories.resources(server.database, "in")

        assert await socket.event("exact") == ("scope_engineering", CREATED, ["resource_in"], False)


async def test_with_descendants_all_below_is_watched_and_nothing_beside(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        await socket.watch("scope_engineering", below=True)
        await factories.resources(server.database, "above", scope_id="scope_acme")
        await factories.resources(server.database, "beside", scope_id="scope_sales")
        await factories.resources(server.database, "below", scope_id="scope_platform")
        await factories.resources(server.database, "in")

        assert await socket.event() == ("scope_platform", CREATED, ["resource_below"], False)
        assert await socket.event() == ("scope_engineering", CREATED, ["resource_in"], False)


async def test_a_scope_made_later_is_watched_with_those_above_it(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        await socket.watch("scope_acme", below=True)
        await factories.create(
            server.database, SCOPES, NewScope(id="scope_new", parent_scope_id="scope_sales", name="New")
        )
        await factories.resources(server.database, "a", scope_id="scope_new")

        assert await socket.event() == ("scope_new", CREATED, ["resource_a"], False)


@pytest.mark.parametrize("role", ["reader", "writer"])
async def test_a_token_watches_what_it_reaches(server: Server, role: str) -> None:
    token = await server.token("scope_engineering", role=role)

    async with connected_as(server, token) as socket:
        await socket.watch("scope_engineering", below=True)
        await factories.resources(server.database, "beside", scope_id="scope_sales")
        await factories.resources(server.database, "in")

        assert await socket.event() == ("scope_engineering", CREATED, ["resource_in"], False)


@pytest.mark.parametrize(
    "scope", ["scope_acme", "scope_sales", "scope_nothing", "resource_type_document", "\0", ""]
)
async def test_a_scope_out_of_reach_is_not_found(server: Server, scope: str) -> None:
    token = await server.token("scope_engineering")

    async with connected_as(server, token) as socket:
        await socket.subscribe("1", WATCH, scope=scope)

        assert await socket.error() == ["NOT_FOUND"]
    assert await refusal(server, token, scope) == (f"no scope {scope}", "NOT_FOUND")


async def refusal(server: Server, token: str, scope: str) -> tuple[str, str]:
    """Return the message and the code with which a stream that watches a scope begins and ends."""
    async with streaming(server, WATCH, token=token, scope=scope) as stream:
        kind, result = await stream.next()
        assert (kind, await stream.next()) == ("next", ("complete", None))
    (error,) = result["errors"]
    return error["message"], error["extensions"]["code"]


async def test_a_foreign_root_with_the_same_ids_hears_nothing(server: Server) -> None:
    await factories.catalogue(server.database, root="scope_other")
    own = await server.token("scope_acme", subject="own")
    foreign = await server.token("scope_other", subject="foreign")
    acme = await factories.caller_in(server.database, "scope_acme")
    other = await factories.caller_in(server.database, "scope_other", root="scope_other")

    async with connected_as(server, own) as mine, connected_as(server, foreign) as theirs:
        await mine.watch("scope_engineering", below=True)
        await theirs.watch("scope_engineering", below=True)
        await factories.resources(server.database, "mine", caller=acme)
        await factories.resources(server.database, "theirs", caller=other)

        assert (await mine.event())[2] == ["resource_mine"]
        assert (await theirs.event())[2] == ["resource_theirs"]


async def test_the_root_token_must_name_one_of_several_roots(server: Server) -> None:
    await factories.catalogue(server.database, root="scope_other")

    async with connected_as(server, "root") as socket:
        await socket.subscribe("1", WATCH, scope="scope_acme")
        assert await socket.error() == ["ROOT_REQUIRED"]

    async with connected_as(server, "root", tenant="scope_other") as socket:
        await socket.subscribe("1", WATCH, scope="scope_acme")
        assert await socket.error() == ["NOT_FOUND"]
        await socket.watch("scope_engineering", name="2")
        caller = await factories.caller_in(server.database, "scope_other", root="scope_other")
        await factories.resources(server.database, "theirs", caller=caller)
        assert (await socket.event("2"))[2] == ["resource_theirs"]


async def test_a_tenant_header_narrows_what_is_in_reach(server: Server) -> None:
    token = await server.token("scope_acme")

    async with connected_as(server, token, tenant="sales") as socket:
        await socket.subscribe("1", WATCH, scope="scope_engineering")
        assert await socket.error() == ["NOT_FOUND"]
        await socket.watch("scope_sales", name="2")


async def test_a_revoked_token_ends_a_quiet_subscription(server: Server) -> None:
    token = await server.token("scope_engineering")

    async with connected_as(server, token) as socket:
        await socket.watch("scope_engineering")
        await revoke(server, token)

        assert await socket.error() == ["UNAUTHORIZED"]
        await watched(server, 0)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_revoked_token_hears_no_further_event(database_url: str) -> None:
    # No check falls due in this test: it is the event that finds out.
    async with serving(database_url, subscription_check_s=600.0) as server:
        await factories.catalogue(server.database)
        token = await server.token("scope_engineering")
        async with connected_as(server, token) as socket:
            await socket.watch("scope_engineering")
            await factories.resources(server.database, "a")
            await socket.event()

            await revoke(server, token)
            await factories.resources(server.database, "b")

            assert await socket.error() == ["UNAUTHORIZED"]


async def test_a_revoked_token_ends_a_stream(server: Server) -> None:
    token = await server.token("scope_engineering")

    async with streamed(server, "scope_engineering", token=token) as stream:
        await revoke(server, token)

        kind, result = await stream.next()
        assert kind == "next"
        assert [error["extensions"]["code"] for error in result["errors"]] == ["UNAUTHORIZED"]
        assert await stream.next() == ("complete", None)
        assert await stream.ends()


@pytest.mark.parametrize("signed", [True, False])
async def test_a_subscription_ends_when_its_token_expires(sqlite_url: str, signed: bool) -> None:
    # Long before the next check falls due.
    async with serving(sqlite_url, subscription_check_s=600.0, jwt_secret=SECRET) as server:
        await factories.catalogue(server.database)
        token = await server.token("scope_acme", ttl_s=2)
        if signed:
            claims = {"partnerId": "scope_acme", "type": "partner", "exp": time.time() + 1.2}
            token = jwt.encode(claims, SECRET, "HS256")
        async with connected_as(server, token) as socket:
            await socket.watch("scope_acme")
            async with asyncio.timeout(5):
                assert await socket.error() == ["UNAUTHORIZED"]


async def test_a_watched_scope_that_is_deleted_ends_its_subscription(server: Server) -> None:
    async with connected_as(server, "root") as socket:
        await socket.watch("scope_platform")
        await engine.run(server.database, SYSTEM, Delete(SCOPES, [Target("scope_platform")]))

        assert await socket.error() == ["NOT_FOUND"]


async def test_who_watches_a_scope_hears_nothing_of_its_namesake(sqlite_url: str) -> None:
    async with serving(sqlite_url, subscription_check_s=600.0) as server:
        await factories.catalogue(server.database)
        async with connected_as(server, "root") as socket:
            await socket.watch("scope_platform", name="old")
            await socket.watch("scope_acme", below=True, name="all")
            await engine.run(server.database, SYSTEM, Delete(SCOPES, [Target("scope_platform")]))
            namesake = NewScope(id="scope_platform", parent_scope_id="scope_sales", name="Platform")
            await factories.create(server.database, SCOPES, namesake)
            await factories.resources(server.database, "a", scope_id="scope_platform")

            # Both would be handed over in one go, the older one first.
            assert await socket.event("all") == ("scope_platform", CREATED, ["resource_a"], False)
            await socket.send("ping")
            assert await socket.message() == {"type": "pong"}
