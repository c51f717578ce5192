"""Opaque tokens: made, listed and revoked by admins, within reach and with no more rights than their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.contract.examples import furnish

if TYPE_CHECKING:
    from tests.server import Server

NEW = {"scopeId": "scope_engineering", "role": "writer", "subject": "bob"}


async def test_a_token_is_shown_once_and_works_at_once(server: Server) -> None:
    await furnish(server.root)
    made = await server.root.post("/tokens", {**NEW, "ttlSeconds": 60})
    assert made.status == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(r"sheaf_[A-Za-z0-9_-]{43}", made.json["token"])
    bob = server.client(made.json["token"])
    assert [item["id"] for item in await bob.read("/scopes")] == ["scope_engineering", "scope_platform"]
    assert (await bob.created("/scopes", {"parentScopeId": "scope_engineering", "name": "X"}))[
        "createdBy"
    ] == "bob"
    listed = await server.root.get("/tokens")
    assert made.json["token"].encode() not in listed.body
    shown = {name: value for name, value in made.json.items() if name != "token"}
    assert listed.json == [shown]
    assert shown["expiresAt"] > shown["createdAt"]


async def test_a_revoked_token_is_worthless_at_once_and_others_are_not(server: Server) -> None:
    await furnish(server.root)
    bob, eve = [await server.root.created("/tokens", {**NEW, "subject": name}) for name in ("bob", "eve")]
    clients = [server.client(token["token"]) for token in (bob, eve)]
    assert [(await client.get("/scopes")).status for client in clients] == [200, 200]
    assert (await server.root.delete(f"/tokens/{bob['id']}")).json == {"success": True}
    assert [(await client.get("/scopes")).status for client in clients] == [401, 200]
    again = await server.root.delete(f"/tokens/{bob['id']}")
    assert (again.status, again.code) == (404, "not_found")
    assert [token["id"] for token in await server.root.read("/tokens")] == [eve["id"]]


async def test_the_tokens_of_a_scope_go_with_it(server: Server) -> None:
    await furnish(server.root)
    made = await server.root.created("/tokens", {**NEW, "scopeId": "scope_sales"})
    client = server.client(made["token"])
    assert (await client.get("/scopes")).status == 200
    assert (await server.root.delete("/scopes/scope_sales")).status == 200
    assert (await client.get("/scopes")).status == 401
    await server.root.created(
        "/scopes", {"id": "scope_sales", "parentScopeId": "scope_acme", "name": "Sales"}
    )
    assert (await client.get("/scopes")).status == 401
    assert await server.root.read("/tokens") == []


async def test_an_admin_manages_tokens_within_reach_only(server: Server) -> None:
    await furnish(server.root)
    await furnish(server.root, root="scope_globex", suffix="_g")
    above = await server.root.created("/tokens", {**NEW, "scopeId": "scope_acme"})
    admin = await server.holder("scope_engineering", role="admin")
    before = [token["id"] for token in await server.root.read("/tokens")]
    for outside in ("scope_acme", "scope_sales", "scope_globex", "scope_nowhere"):
        reply = await admin.post("/tokens", {**NEW, "scopeId": outside})
        assert (reply.status, reply.faults) == (422, [(0, "/scopeId", "unknown_reference")]), outside
    stolen = await admin.delete(f"/tokens/{above['id']}")
    assert (stolen.status, stolen.code) == (404, "not_found")
    assert [token["id"] for token in await server.root.read("/tokens")] == before
    own = await admin.created("/tokens", {**NEW, "scopeId": "scope_platform"})
    assert {token["scopeId"] for token in await admin.read("/tokens")} == {
        "scope_engineering",
        "scope_platform",
    }
    assert (await admin.delete(f"/tokens/{own['id']}")).status == 200


async def test_what_no_token_can_be_is_refused(server: Server) -> None:
    await furnish(server.root)
    for wrong, pointer, code in (
        ({"role": "owner"}, "/role", "invalid_value"),
        ({"role": None}, "/role", "missing_field"),
        ({"subject": ""}, "/subject", "invalid_value"),
        ({"subject": "x" * 257}, "/subject", "invalid_value"),
        ({"subject": "a\0b"}, "/subject", "invalid_value"),
        ({"scopeId": "scope_\ud800"}, "/scopeId", "invalid_value"),
        ({"scopeId": 7}, "/scopeId", "invalid_value"),
        ({"ttlSeconds": 0}, "/ttlSeconds", "invalid_value"),
        ({"ttlSeconds": 10**30}, "/ttlSeconds", "invalid_value"),
        ({"ttlSeconds": 1.5}, "/ttlSeconds", "invalid_value"),
        ({"token": "mine"}, "/token", "unknown_field"),
    ):
        reply = await server.root.post("/tokens", {**NEW, **wrong})
        assert (reply.status, reply.faults) == (400, [(0, pointer, code)]), wrong
        assert "not valid" not in reply.json["detail"], wrong
    role = await server.root.post("/tokens", {**NEW, "role": "owner"})
    assert role.json["detail"] == "role must be one of reader, writer, admin"
    unprintable = await server.root.post("/tokens", {**NEW, "subject": "a\nb"})
    assert (unprintable.status, unprintable.code) == (400, "invalid_value")
    for path in ("%00", "%FF", "token_", "scope_acme", "token_x%00", "token_missing", "*"):
        reply = await server.root.delete(f"/tokens/{path}")
        assert (reply.status, reply.code) == (404, "not_found"), path
    assert await server.root.read("/tokens") == []
