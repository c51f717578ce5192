"""Create 1,000 resources with one request: REST and GraphQL beside the limit, on both databases."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import orjson
from aiohttp.test_utils import TestClient, TestServer

from app.main import create_app
from app.settings import Settings
from app.state import DATABASE
from app.telemetry import configure_logging
from benchmarks import limit, measure
from benchmarks.servers import TOKEN, Server, databases, sheaf, the_limit
from db import engine
from db.access import SYSTEM
from db.commands import Create
from db.database import open_database, sqlite_path
from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.scopes import SCOPES, NewScope

if TYPE_CHECKING:
    from collections.abc import Callable

ITEMS = 1_000
BUDGET_S = 18.0
CREATED = 201

REST = "/resources/batch"
GRAPHQL = "/graphql"
MUTATION = """
mutation ($input: [CreateResourceInput!]!) {
  createResources(input: $input) {
    committed
    results {
      index outcome errors { code }
      resource { id resourceTypeId scopeId externalResourceId displayName createdAt createdBy }
    }
  }
}
"""


def items(round_number: int, count: int = ITEMS) -> list[dict[str, str]]:
    """Return the resources of a round, like those of the seeds."""
    return [
        {
            "resourceTypeId": "resource_type_document",
            "scopeId": "scope_engineering",
            "externalResourceId": f"doc-{round_number:05}-{i:04}",
            "displayName": f"Document {i} of round {round_number}",
        }
        for i in range(count)
    ]


def rest_body(round_number: int, count: int = ITEMS) -> bytes:
    """Return the body of `POST /resources/batch`."""
    return orjson.dumps(items(round_number, count))


def graphql_body(round_number: int, count: int = ITEMS) -> bytes:
    """Return the body of `POST /graphql`, the resources as variables."""
    return orjson.dumps({"query": MUTATION, "variables": {"input": items(round_number, count)}})


def check(path: str, status: int, answer: bytes, count: int = ITEMS) -> None:
    """Raise `RuntimeError` unless an answer says that all was created."""
    said: Any = msgspec.json.decode(answer)
    if path == GRAPHQL:
        results = ((said.get("data") or {}).get("createResources") or {}).get("results") or []
        good = sum(result["outcome"] == "CREATED" for result in results)
    else:
        good = len(said) if status == CREATED else 0
    if good != count:
        raise RuntimeError(f"{path} answered {status}: {answer[:500].decode(errors='replace')}")


async def prepare(url: str) -> None:
    """Store what the resources refer to."""
    database = open_database(url)
    scopes = [
        NewScope(id="scope_acme", name="Acme"),
        NewScope(id="scope_engineering", parent_scope_id="scope_acme", name="Engineering"),
    ]
    document = NewResourceType(
        id="resource_type_document", key="document", name="Document", scope_id="scope_acme"
    )
    try:
        await engine.run(database, SYSTEM, Create(SCOPES, scopes))
        await engine.run(database, SYSTEM, Create(RESOURCE_TYPES, [document]))
    finally:
        await database.close()


def contender(
    name: str, session: aiohttp.ClientSession, server: Server, path: str, make: Callable[[int], bytes]
) -> measure.Contender:
    """Return a contender that posts to a path of a server and reads the whole answer."""
    headers = {
        "Authorization": f"Bearer {server.token}",
        "Content-Type": "application/json",
        # Compression is a choice of the client; the limit has none.
        "Accept-Encoding": "identity",
    }
    checked = False

    async def send(body: bytes) -> bytes:
        nonlocal checked
        async with session.post(server.url + path, data=body, headers=headers) as response:
            answer = await response.read()
        if response.status >= 300 or not checked:
            check(path, response.status, answer)
            checked = True
        return answer

    return measure.Contender(name, make, send)


async def race(servers: list[Server]) -> list[measure.Contender]:
    """Measure the limit, REST and GraphQL, each on its own server."""
    async with aiohttp.ClientSession() as session:
        contenders = [
            contender("limit", session, servers[0], REST, rest_body),
            contender(f"REST {REST}", session, servers[1], REST, rest_body),
            contender("GraphQL createResources", session, servers[2], GRAPHQL, graphql_body),
        ]
        await measure.in_turns(contenders, budget_s=BUDGET_S)
    return contenders


class Recorder:
    """Keeps the statements that a database is sent."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def transaction(self, name: str, seconds: float, *, failed: bool) -> None:
        """Note nothing."""

    def statement(self, transaction: str, sql: str, seconds: float) -> None:
        """Keep the text."""
        del seconds
        # The server looks at its queue by itself.
        if transaction != "look_at_queue":
            self.statements.append(" ".join(sql.split()))


async def statements(url: str, path: str, make: Callable[[int, int], bytes]) -> list[str]:
    """Return what one request of 1,000 sends to the database; `RuntimeError` if one of 1 sends another number."""
    app = create_app(replace(Settings(), database_url=url, root_token=TOKEN, upload_engine=False))
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    told: list[list[str]] = []
    async with TestClient(TestServer(app)) as client:
        for count in (1, ITEMS):
            app[DATABASE].observer = recorder = Recorder()
            async with client.post(path, data=make(99_999 - len(told), count), headers=headers) as response:
                check(path, response.status, await response.read(), count)
            told.append(recorder.statements)
    # The first request also looks for its root, the second one remembers.
    if len(told[1]) > len(told[0]):
        raise RuntimeError(f"{path}: {len(told[0])} statements for 1 item, {len(told[1])} for {ITEMS:,}")
    return told[1]


def show_statements(title: str, sent: list[str]) -> None:
    """Print a request's statements, each on a line."""
    print(f"{title}: {len(sent)} statements, transaction control aside")
    for sql in sent:
        print(f"    {sql if len(sql) <= 150 else sql[:147] + '...'}")


def on_database(kind: str) -> None:
    """Measure on one kind of database and print."""
    with databases(kind) as make_database:
        urls = [make_database() for _ in range(3)]
        for url in urls:
            asyncio.run(prepare(url))
        with ExitStack() as stack:
            starts: list[Callable[[str], Any]] = [the_limit, sheaf, sheaf]
            servers = [stack.enter_context(start(url)) for start, url in zip(starts, urls, strict=True)]
            contenders = asyncio.run(race(servers))
        rounds = len(contenders[0].times_ms)
        print(f"\n{kind}: create {ITEMS:,} resources with one request, {rounds} rounds in turns\n")
        print(measure.table(contenders, items=ITEMS), end="\n\n")
        by_hand = limit.SQLITE_STATEMENTS if sqlite_path(urls[0]) else limit.POSTGRESQL_STATEMENTS
        show_statements("limit", list(by_hand))
        doors: list[tuple[str, Callable[[int, int], bytes]]] = [(REST, rest_body), (GRAPHQL, graphql_body)]
        for url, (path, make) in zip(urls[1:], doors, strict=True):
            show_statements(path, asyncio.run(statements(url, path, make)))


def main() -> None:
    """Measure on both databases."""
    configure_logging("warning", "console")
    for kind in ("sqlite", "postgresql"):
        on_database(kind)
