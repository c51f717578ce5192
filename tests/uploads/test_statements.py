"""What requests of the upload dialect cost in statements: the same for one record and for a thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.telemetry import request_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.server import Reply, Server
    from tests.uploads.clients import Uploads

ASKED = "asked"


class Counter:
    """Counts the statements of the requests that are named so, and of none of the engine's turns."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def transaction(self, name: str, seconds: float, *, failed: bool) -> None:
        """Ignore how transactions end."""

    def statement(self, transaction: str, sql: str, seconds: float) -> None:
        """Note a statement."""
        del seconds
        if transaction != "authenticate" and request_id.get() == ASKED:
            self.texts.append(sql)

    def items(self, token_hash: str | None, noun: str, outcomes: Mapping[str, int]) -> None:
        """Note nothing of a command's outcomes."""

    def reads(self, token_hash: str | None, count: int) -> None:
        """Note nothing of reads."""

    def take(self) -> int:
        """Return how many statements were run since the last call."""
        count = len(self.texts)
        self.texts.clear()
        return count


@pytest.fixture
def counter(server: Server) -> Counter:
    """Count the statements of the server's database."""
    counter = Counter()
    server.database.observer = counter
    return counter


async def asked(uploads: Uploads, method: str, path: str, body: Any = None) -> Reply:
    client = uploads.client.saying(X_Request_Id=ASKED)
    return await (client.send(method, path) if body is None else client.send_json(method, path, body))


async def test_an_upload_costs_the_same_whatever_it_holds(acme: Uploads, counter: Counter) -> None:
    costs = {}
    for count in (1, 2, 64, 1_000):
        records = [{"id": f"c-{index}", "name": "x"} for index in range(count)]
        reply = await asked(acme, "POST", "/api/resources/customer/batch", {"resources": records})
        assert reply.status == 202
        costs[count] = counter.take()
        await acme.done(reply.json["data"]["batchId"])
    assert set(costs.values()) == {5}, costs


async def test_a_status_and_lists_cost_the_same_whatever_they_show(acme: Uploads, counter: Counter) -> None:
    costs: dict[str, set[int]] = {}
    for count in (1, 50):
        notes = [{"id": f"n-{count}-{index}", "to": f"never-{index}"} for index in range(count)]
        wrong = [{"id": f"w-{count}-{index}", "x": index} for index in range(count)]
        waiting = await acme.send("note", [*notes, *wrong], dependencyWaitTimeout=600)
        await acme.seen(waiting)
        await acme.apply("customer", [{"id": f"c-{index}", "name": "x"} for index in range(count)])
        for path in (
            f"/api/batches/{waiting}?includePendingDetails=true",
            "/api/batches",
            "/api/resources/customer?limit=100",
            "/api/resources/customer?data.name=x&data.age=5",
            "/api/resources/customer/c-0",
            "/partner/schema-definitions",
            "/partner/schema-definitions/note",
        ):
            assert (await asked(acme, "GET", path)).status == 200
            costs.setdefault(path.replace(waiting, "one"), set()).add(counter.take())
        for body in ({"deleteAll": True, "dryRun": True}, {"externalIds": ["c-0"], "dryRun": True}):
            dry = await asked(acme, "DELETE", "/api/resources/customer/batch", body)
            assert dry.status == 200
            costs.setdefault(str(body), set()).add(counter.take())
    assert costs == {
        "/api/batches/one?includePendingDetails=true": {4},
        "/api/batches": {4},
        "/api/resources/customer?limit=100": {5},
        "/api/resources/customer?data.name=x&data.age=5": {5},
        "/api/resources/customer/c-0": {2},
        "/partner/schema-definitions": {2},
        "/partner/schema-definitions/note": {2},
        "{'deleteAll': True, 'dryRun': True}": {4},
        "{'externalIds': ['c-0'], 'dryRun': True}": {4},
    }
