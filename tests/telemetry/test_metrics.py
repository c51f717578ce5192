"""/metrics: what is counted, under which labels, and what never becomes one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.telemetry import numbers
from tests.telemetry.numbers import one

if TYPE_CHECKING:
    from tests.server import Server

REQUESTS = "sheaf_http_requests_total"
SECONDS = "sheaf_http_request_duration_seconds"
ITEMS = "sheaf_batch_items_total"
TRANSACTIONS = "sheaf_transaction_duration_seconds_count"


def document(name: str, scope: str = "scope_engineering") -> dict[str, str]:
    """Return a resource to create."""
    return {"scopeId": scope, "resourceTypeId": "resource_type_document", "externalResourceId": name}


async def test_requests_are_counted_by_the_template_of_their_route(server: Server) -> None:
    for name in ("scope_acme", "scope_engineering", "scope_nowhere"):
        await server.root.get(f"/scopes/{name}")
    await server.root.post("/scopes/batch", [])
    told = await numbers.of(server)
    assert one(told, REQUESTS, route="/scopes/{id}", method="GET", status="200") == 2
    assert one(told, REQUESTS, route="/scopes/{id}", method="GET", status="404") == 1
    assert one(told, REQUESTS, route="/scopes/batch", method="POST", status="200") == 1
    assert one(told, f"{SECONDS}_count", route="/scopes/{id}", method="GET") == 3
    assert one(told, f"{SECONDS}_bucket", route="/scopes/{id}", method="GET", le="30.0") == 3
    assert 0 < one(told, f"{SECONDS}_sum", route="/scopes/{id}", method="GET") < 30


async def test_a_request_without_a_token_is_counted_at_its_route(server: Server) -> None:
    await server.client(None).get("/scopes/scope_acme")
    assert one(await numbers.of(server), REQUESTS, route="/scopes/{id}", method="GET", status="401") == 1


async def test_graphql_is_counted_at_its_route(server: Server) -> None:
    await server.root.post("/graphql", {"query": "{ __typename }"})
    assert one(await numbers.of(server), REQUESTS, route="/graphql", method="POST", status="200") == 1


async def test_unknown_routes_and_methods_share_one_label_each(server: Server) -> None:
    for i in range(20):
        await server.root.get(f"/nowhere/{i}")
    for method in ("TRACE", "PROPFIND", "MKCOL", "PURGE"):
        await server.root.send(method, "/scopes")
        await server.root.send(method, f"/nothing-{method}")
    told = await numbers.of(server)
    assert one(told, REQUESTS, route="none", method="GET", status="404") == 20
    assert one(told, REQUESTS, route="none", method="other", status="404") == 4
    assert one(told, REQUESTS, route="none", method="other", status="405") == 4
    assert len(numbers.labels(told, REQUESTS)) == 3


async def test_what_cannot_be_read_as_a_request_is_counted_too(server: Server) -> None:
    await server.raw(b"nonsense\r\n\r\n")
    assert one(await numbers.of(server), REQUESTS, route="none", method="other", status="400") == 1


async def test_items_are_counted_by_noun_and_outcome(server: Server) -> None:
    items = [document("a"), document("b"), document("c", "scope_nowhere")]
    await server.root.post("/resources/batch?onError=continue", items)
    told = await numbers.of(server)
    assert one(told, ITEMS, noun="resources", outcome="created") == 2
    assert one(told, ITEMS, noun="resources", outcome="failed") == 1
    await server.root.post("/resources/batch", items[1:])
    await server.root.post("/resources/batch?onConflict=skip", items[:2])
    told = await numbers.of(server)
    assert one(told, ITEMS, noun="resources", outcome="created") == 2
    assert one(told, ITEMS, noun="resources", outcome="failed") == 3
    assert one(told, ITEMS, noun="resources", outcome="unchanged") == 2


async def test_items_of_a_batch_that_is_undone_are_counted_as_rolled_back(server: Server) -> None:
    await server.root.post("/resources/batch", [document("a"), document("b"), document("c", "scope_nowhere")])
    told = await numbers.of(server)
    assert one(told, ITEMS, noun="resources", outcome="failed") == 1
    assert one(told, ITEMS, noun="resources", outcome="rolled_back") == 2
    assert one(told, ITEMS, noun="resources", outcome="created") == 0
    assert one(told, TRANSACTIONS, name="create_resources", outcome="failed") == 1


async def test_both_doors_and_batches_of_operations_count_alike(server: Server) -> None:
    mutation = "mutation($input: [CreateResourceInput!]!) { createResources(input: $input) { count } }"
    await server.root.post("/graphql", {"query": mutation, "variables": {"input": [document("a")]}})
    operation = {"method": "POST", "url": "/resources", "body": document("b")}
    await server.root.post("/batch", {"requests": [operation]})
    assert one(await numbers.of(server), ITEMS, noun="resources", outcome="created") == 2


async def test_transactions_are_counted_by_name_and_outcome(server: Server) -> None:
    before = one(await numbers.of(server), TRANSACTIONS, name="create_resources", outcome="committed")
    await server.root.created("/resources", document("a"))
    await server.root.created("/resources", document("b"))
    told = await numbers.of(server)
    assert one(told, TRANSACTIONS, name="create_resources", outcome="committed") - before == 2
    seconds = one(
        told, "sheaf_transaction_duration_seconds_sum", name="create_resources", outcome="committed"
    )
    assert 0 < seconds < 60


async def test_the_connections_of_the_database_and_the_event_loop_are_told(server: Server) -> None:
    async with server.database.read("test"):
        told = await numbers.of(server)
        assert one(told, "sheaf_database_connections") >= 1
        assert one(told, "sheaf_database_connections_in_use") == 1
    told = await numbers.of(server)
    assert one(told, "sheaf_database_connections_in_use") == 0
    assert one(told, "sheaf_database_connections_waiting") == 0
    assert one(told, "sheaf_database_writers_waiting") == 0
    assert ("sheaf_event_loop_lag_seconds", frozenset()) in told


async def test_writers_that_wait_for_their_turn_are_told(server: Server, database_url: str) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def hold(tx: object) -> None:
        begun.set()
        await go_on.wait()

    async def nothing(tx: object) -> None:
        pass

    holding = asyncio.ensure_future(server.database.write("hold", hold))
    await begun.wait()
    others = [asyncio.ensure_future(server.database.write("wait", nothing)) for _ in range(3)]
    await asyncio.sleep(0.05)
    waiting = one(await numbers.of(server), "sheaf_database_writers_waiting")
    go_on.set()
    await asyncio.gather(holding, *others)
    # PostgreSQL has no one writer to wait for.
    assert waiting == (3 if database_url.startswith("sqlite") else 0)


async def test_no_label_holds_what_clients_sent(server: Server) -> None:
    await server.root.created("/resources", document("a-name-of-ours"))
    await server.root.get("/scopes/scope_acme")
    await server.root.get("/scopes?scopeId=scope_acme", reach_tenant_id="scope_acme")
    await server.root.get("/a-path-of-ours")
    text = (await server.client(None).get("/metrics")).body.decode()
    for secret in (
        "scope_acme",
        "scope_engineering",
        "a-name-of-ours",
        "a-path-of-ours",
        "resource_type_document",
    ):
        assert secret not in text
