"""Idempotency-Key: an answer is given again, and no effect happens twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from db import engine
from tests.contract.examples import furnish
from tests.server import serving

if TYPE_CHECKING:
    import pytest

    from tests.server import Client, Server

DOCUMENT = {"resourceTypeId": "resource_type_document", "scopeId": "scope_engineering"}
ONE = {**DOCUMENT, "externalResourceId": "one"}
TWO = {**DOCUMENT, "externalResourceId": "two"}
ROADMAP = "/resources/resource_roadmap"


async def test_the_answer_of_every_method_is_replayed_and_its_effect_is_not_repeated(root: Client) -> None:
    json_type = {"Content_Type": "application/json"}
    put = b'{"displayName": "Put"}'
    for number, (method, path, body) in enumerate(
        (
            ("POST", "/scopes", b'{"name": "New root"}'),
            ("POST", "/scopes/batch", b'[{"name": "a"}, {"name": "b"}]'),
            ("POST", "/scopes/batch?onError=continue", b'[{"name": "c"}, {"name": ""}]'),
            ("POST", "/scopes/batch", b"[]"),
            ("PATCH", ROADMAP, b'{"displayName": "Patched", "data": {"a": 1}}'),
            ("PUT", ROADMAP, put),
            ("DELETE", "/tag-assignments/tag_assignment_first", None),
        )
    ):
        sent = {**json_type, "Idempotency_Key": f"key-{number}", "If_Match": "*"}
        first = await root.send(method, path, body, **sent)
        assert first.status < 300, first
        assert "Idempotency-Replayed" not in first.headers
        after = await root.everything()
        again = await root.send(method, path, body, **sent)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert (again.status, again.body) == (first.status, first.body)
        for name in ("Content-Type", "Location", "ETag"):
            assert again.headers.get(name) == first.headers.get(name)
        assert await root.everything() == after


async def test_quotes_around_a_key_are_not_part_of_it(root: Client) -> None:
    first = await root.post("/resources", ONE, Idempotency_Key='"quoted"')
    again = await root.post("/resources", ONE, Idempotency_Key="quoted")
    assert (first.status, again.status, again.headers["Idempotency-Replayed"]) == (201, 201, "true")


async def test_a_key_stands_for_one_method_path_query_and_body(root: Client) -> None:
    keyed = root.saying(Idempotency_Key="key")
    assert (await keyed.post("/resources?onConflict=skip", ONE)).status == 201
    before = await root.everything()
    for reply in (
        await keyed.post("/resources?onConflict=skip", TWO),
        await keyed.post("/resources", ONE),
        await keyed.post("/resources/batch?onConflict=skip", [ONE]),
        await keyed.patch(ROADMAP, {"displayName": "New"}),
        await keyed.delete(ROADMAP),
    ):
        assert (reply.status, reply.code) == (422, "key_reused")
    assert await root.everything() == before
    assert (await keyed.post("/resources?onConflict=skip", ONE)).headers["Idempotency-Replayed"] == "true"


async def test_conditions_are_not_part_of_what_a_key_stands_for(root: Client) -> None:
    tag = (await root.get(ROADMAP)).headers["ETag"]
    first = await root.patch(ROADMAP, {"displayName": "New"}, Idempotency_Key="key", If_Match=tag)
    assert first.status == 200
    again = await root.patch(ROADMAP, {"displayName": "New"}, Idempotency_Key="key", If_Match="*")
    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.headers["ETag"] == first.headers["ETag"]


async def test_a_refusal_leaves_the_key_free(root: Client) -> None:
    keyed = root.saying(Idempotency_Key="key")
    for body in ({}, {**ONE, "scopeId": "scope_nowhere"}, {**ONE, "externalResourceId": "doc-1"}):
        refused = await keyed.post("/resources", body)
        assert refused.status >= 400
        assert "Idempotency-Replayed" not in refused.headers
    malformed = await keyed.send("POST", "/resources", b"{", Content_Type="application/json")
    assert (malformed.status, malformed.code) == (400, "malformed")
    created = await keyed.post("/resources", ONE)
    assert created.status == 201
    assert "Idempotency-Replayed" not in created.headers


async def test_a_key_belongs_to_the_root_the_subject_and_the_tenant(server: Server) -> None:
    await furnish(server.root)
    await furnish(server.root, root="scope_globex")
    alice = await server.token("scope_acme")
    holders = [
        server.client(alice),
        await server.holder("scope_acme", subject="bob"),
        await server.holder("scope_globex"),
        server.client(alice).saying(reach_tenant_id="scope_engineering"),
    ]
    for number, holder in enumerate(holders):
        body = {**ONE, "externalResourceId": f"of {number}"}
        reply = await holder.post("/resources", body, Idempotency_Key="shared")
        assert reply.status == 201, (number, reply)
        assert "Idempotency-Replayed" not in reply.headers
    other_token = await server.holder("scope_acme")
    replayed = await other_token.post(
        "/resources", {**ONE, "externalResourceId": "of 0"}, Idempotency_Key="shared"
    )
    assert replayed.headers["Idempotency-Replayed"] == "true"


async def test_a_key_that_is_no_printable_text_is_refused(root: Client) -> None:
    before = await root.everything()
    for key in ("", '""', "x" * 256, "caf\u00e9", "a\tb"):
        reply = await root.post("/resources", ONE, Idempotency_Key=key)
        assert (reply.status, reply.code) == (400, "invalid_value"), key
    assert await root.everything() == before
    assert (await root.post("/resources", ONE, Idempotency_Key="x" * 255)).status == 201


async def test_a_key_whose_request_still_runs_is_in_progress(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(server.root)
    running, go_on = asyncio.Event(), asyncio.Event()
    execute = engine.execute

    async def slow(*arguments: Any) -> Any:
        running.set()
        await go_on.wait()
        return await execute(*arguments)

    monkeypatch.setattr(engine, "execute", slow)
    first = asyncio.create_task(server.root.post("/resources", ONE, Idempotency_Key="key"))
    await running.wait()
    second = await server.root.post("/resources", ONE, Idempotency_Key="key")
    assert (second.status, second.code) == (409, "in_progress")
    go_on.set()
    created = await first
    replayed = await server.root.post("/resources", ONE, Idempotency_Key="key")
    assert (created.status, replayed.status, replayed.body) == (201, 201, created.body)


async def test_twenty_at_once_with_one_key_make_one_object(root: Client) -> None:
    replies = await asyncio.gather(*(root.post("/resources", ONE, Idempotency_Key="key") for _ in range(20)))
    fresh = [
        reply for reply in replies if reply.status == 201 and "Idempotency-Replayed" not in reply.headers
    ]
    assert len(fresh) == 1
    for reply in replies:
        assert reply.status in {201, 409}
        assert reply.body == fresh[0].body if reply.status == 201 else reply.code == "in_progress"
    stored = await root.read("/resources?externalResourceId=one")
    assert stored == [fresh[0].json]


async def test_a_recorded_answer_outlives_the_server(database_url: str) -> None:
    async with serving(database_url) as server:
        await furnish(server.root)
        first = await server.root.post("/resources", ONE, Idempotency_Key="key")
    async with serving(database_url) as server:
        again = await server.root.post("/resources", ONE, Idempotency_Key="key")
    assert (again.status, again.body, again.headers["Idempotency-Replayed"]) == (201, first.body, "true")
