"""Read 1,000 resources with types, scopes and tags: our server beside the limit, on both databases.

Beside others, stock Strawberry among them, it is measured by `benchmarks.peers`.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg
import msgspec
import orjson

from app.telemetry import configure_logging
from benchmarks import measure
from benchmarks.create import items, prepare
from benchmarks.servers import databases, sheaf, the_read_limit
from db import engine
from db.access import SYSTEM
from db.commands import Create
from db.database import open_database, sqlite_path
from db.resources import RESOURCES, NewResource
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, NewTagGroup
from db.tags import TAGS as TAGS_NOUN
from db.tags import NewTag

if TYPE_CHECKING:
    from benchmarks.servers import Server
    from db.database import Database

READ, STORED, TAGS_EACH, TAGS = 1_000, 10_000, 3, 30
BUDGET_S = 40.0
FIELDS = "id scopeId resourceTypeId externalResourceId displayName createdAt createdBy updatedAt"
NESTED = "resourceType { id key name } scope { id name }"
OURS = f"""{{ resources(first: {READ}) {{ nodes {{ {FIELDS} {NESTED}
    tags(first: 10) {{ nodes {{ id label }} }} }} }} }}"""


async def store(url: str) -> None:
    """Store resources with tags."""
    await prepare(url)
    database = open_database(url)
    try:
        await _fill(database)
    finally:
        await database.close()
    if sqlite_path(url) is None:
        # As a minute later the database itself would: none of the servers plans without statistics then.
        connection = await asyncpg.connect(url)
        await connection.execute("analyze")
        await connection.close()


async def _fill(database: Database) -> None:
    group = NewTagGroup(id="tag_group_g", scope_id="scope_acme", key="g", name="G")
    await engine.run(database, SYSTEM, Create(TAG_GROUPS, [group]))
    place: dict[str, Any] = {"scope_id": "scope_acme", "tag_group_id": "tag_group_g"}
    tags = [NewTag(id=f"tag_{i}", identifier=f"t{i}", label=f"Label {i}", **place) for i in range(TAGS)]
    await engine.run(database, SYSTEM, Create(TAGS_NOUN, tags))
    for number in range(STORED // READ):
        new = [
            NewResource(
                id=f"resource_{number:02}-{index:03}",
                scope_id=each["scopeId"],
                resource_type_id=each["resourceTypeId"],
                external_resource_id=each["externalResourceId"],
                display_name=each["displayName"],
            )
            for index, each in enumerate(items(number))
        ]
        await engine.run(database, SYSTEM, Create(RESOURCES, new))
        for step in range(TAGS_EACH):
            tagged = [
                NewTagAssignment(tag_id=f"tag_{(index + 7 * step) % TAGS}", resource_id=each.id or "")
                for index, each in enumerate(new)
            ]
            report = await engine.run(database, SYSTEM, Create(TAG_ASSIGNMENTS, tagged))
            assert report.committed


def contender(name: str, session: aiohttp.ClientSession, server: Server) -> measure.Contender:
    """Return a contender that asks a server and reads the whole answer."""
    headers = {
        "Authorization": f"Bearer {server.token}",
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
    }
    body = orjson.dumps({"query": OURS})

    async def send(body: bytes) -> bytes:
        async with session.post(f"{server.url}/graphql", data=body, headers=headers) as response:
            return await response.read()

    return measure.Contender(name, lambda _round: body, send)


async def race(by_hand: Server, ours: Server) -> list[measure.Contender]:
    """Measure the servers, which must answer the same."""
    async with aiohttp.ClientSession() as session:
        contenders = [contender("limit", session, by_hand), contender("Sheaf", session, ours)]
        answers = [
            msgspec.json.decode(await each.send(each.make(0)))["data"]["resources"]["nodes"]
            for each in contenders
        ]
        if answers[0] != answers[1] or len(answers[0]) != READ:
            raise RuntimeError("the servers answer differently")
        await measure.in_turns(contenders, budget_s=BUDGET_S)
    return contenders


def main() -> None:
    """Measure on both databases and print."""
    configure_logging("warning", "console")
    for kind in ("sqlite", "postgresql"):
        with databases(kind) as make_database, ExitStack() as stack:
            url = make_database()
            asyncio.run(store(url))
            servers = [stack.enter_context(start(url)) for start in (the_read_limit, sheaf)]
            contenders = asyncio.run(race(*servers))
        rounds = len(contenders[0].times_ms)
        told = f"read {READ:,} of {STORED:,} resources with type, scope and {TAGS_EACH} tags, {rounds} rounds in turns"
        print(f"\n{kind}: {told}\n")
        print(measure.table(contenders, items=READ), end="\n\n")
