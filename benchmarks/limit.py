"""The limit: POST /resources/batch written by hand on aiohttp and the driver, with the checks that can't be left out.

`python -m benchmarks.limit DATABASE_URL PORT`. It keeps what makes a batch safe (typed decoding, the look-up of scopes
and types under locks in the write's own transaction, unique keys, a durable commit) and has nothing else: no reach, no
error documents, no duplicates told apart, no conflicts named.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

import asyncpg
import msgspec
import uvloop
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from db.database import sqlite_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOST = "127.0.0.1"
TOKEN = "the-limit"  # noqa: S105 - it opens a throw-away database
COLUMNS = (
    "id", "resource_type_id", "scope_id", "external_resource_id", "display_name", "data",
    "created_at", "created_by", "updated_at", "updated_by", "revision", "root_id",
)  # fmt: skip

POSTGRESQL_STATEMENTS = (
    "select id, root_id, path from scopes where id = any($1::text[]) order by id for key share",
    (
        "select t.id, t.root_id, s.path from resource_types t"
        " join scopes s on s.id = t.scope_id and s.root_id = t.root_id"
        " where t.id = any($1::text[]) order by t.id for key share of t"
    ),
    (
        f"insert into resources ({', '.join(COLUMNS)})"  # noqa: S608 - of constants
        " select k.id, k.type, k.scope, k.external, k.name, k.data::json,"
        " $7::text, $8::text, null, null, $9::text, k.root"
        " from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $10::text[])"
        " as k(id, type, scope, external, name, data, root) on conflict do nothing"
    ),
)
SQLITE_STATEMENTS = (
    "select id, root_id, path from scopes where id in (select value from json_each(?))",
    (
        "select t.id, t.root_id, s.path from resource_types t"
        " join scopes s on s.id = t.scope_id and s.root_id = t.root_id"
        " where t.id in (select value from json_each(?))"
    ),
    (
        f"insert into resources ({', '.join(COLUMNS)})"  # noqa: S608 - of constants
        f" values ({', '.join('?' * len(COLUMNS))}) on conflict do nothing"
    ),
)
SQLITE_PRAGMAS = "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -65536"

Text = Annotated[str, Meta(min_length=1, max_length=1_000)]
Found = dict[str, tuple[str, str]]
"""Of each id its root and the path of its scope."""


class Asked(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """A resource in the request."""

    resource_type_id: Text
    scope_id: Text
    external_resource_id: Text
    display_name: Text | None = None
    data: Any = None


class Answered(msgspec.Struct, rename="camel", gc=False):
    """A resource in the answer."""

    id: str
    resource_type_id: str
    scope_id: str
    external_resource_id: str
    display_name: str | UnsetType
    data: Any
    created_at: str
    created_by: str


class Stored(msgspec.Struct, gc=False):
    """What one request stores: the rows in the order of the columns, all with one instant and one revision."""

    items: list[Asked]
    ids: list[str]
    now: str
    revision: str


decoder = msgspec.json.Decoder(Annotated[list[Asked], Meta(max_length=1_000)])
encoder = msgspec.json.Encoder()


def new_ids(count: int) -> list[str]:
    """Return rising UUIDv7 ids from one reading of the clock and one block of random bits."""
    first = time.time_ns() // 1_000_000 << 12
    noise = os.urandom(8 * count).hex()
    ids = []
    for i in range(count):
        ticks, tail = f"{first + i:015x}", noise[16 * i : 16 * i + 16]
        ids.append(f"resource_{ticks[:8]}-{ticks[8:12]}-7{ticks[12:]}-8{tail[1:4]}-{tail[4:]}")
    return ids


def roots_of(items: Sequence[Asked], scopes: Found, types: Found) -> list[str]:
    """Return each item's root; `HTTPUnprocessableEntity` for a scope or type that isn't, or isn't usable there."""
    judged: dict[tuple[str, str], str] = {}
    for pair in {(item.scope_id, item.resource_type_id) for item in items}:
        scope, kind = scopes.get(pair[0]), types.get(pair[1])
        if scope is None or kind is None or scope[0] != kind[0] or not scope[1].startswith(kind[1]):
            raise web.HTTPUnprocessableEntity
        judged[pair] = scope[0]
    return [judged[item.scope_id, item.resource_type_id] for item in items]


def data_of(item: Asked) -> str | None:
    """Return an item's data as it is stored."""
    return None if item.data is None else encoder.encode(item.data).decode()


class Store(ABC):
    """A database that stores one request's resources in one transaction."""

    @abstractmethod
    async def open(self) -> None:
        """Connect."""

    @abstractmethod
    async def create(self, asked: Stored) -> None:
        """Look up what is referred to and insert; `HTTPException` for what can't be stored."""


class Postgresql(Store):
    """asyncpg, without a layer above it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[Any] | None = None

    async def open(self) -> None:
        """Connect."""
        self._pool = await asyncpg.create_pool(self._url, min_size=1, server_settings={"jit": "off"})

    async def create(self, asked: Stored) -> None:
        """Store in one transaction of three statements."""
        assert self._pool is not None
        items = asked.items
        look_up_scopes, look_up_types, insert = POSTGRESQL_STATEMENTS
        async with self._pool.acquire() as connection, connection.transaction():
            wanted = sorted({item.scope_id for item in items})
            scopes = {row[0]: (row[1], row[2]) for row in await connection.fetch(look_up_scopes, wanted)}
            wanted = sorted({item.resource_type_id for item in items})
            types = {row[0]: (row[1], row[2]) for row in await connection.fetch(look_up_types, wanted)}
            done = await connection.execute(
                insert,
                asked.ids,
                [item.resource_type_id for item in items],
                [item.scope_id for item in items],
                [item.external_resource_id for item in items],
                [item.display_name for item in items],
                [data_of(item) for item in items],
                asked.now,
                "system",
                asked.revision,
                roots_of(items, scopes, types),
            )
            if done != f"INSERT 0 {len(items)}":
                raise web.HTTPConflict


class Sqlite(Store):
    """sqlite3 on a thread of its own: one hop for the whole transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1)
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Connect."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    async def create(self, asked: Stored) -> None:
        """Store in one transaction of three statements."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._create, asked)

    def _open(self) -> None:
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.executescript(SQLITE_PRAGMAS)

    def _create(self, asked: Stored) -> None:
        assert self._connection is not None
        connection, items = self._connection, asked.items
        look_up_scopes, look_up_types, insert = SQLITE_STATEMENTS
        connection.execute("begin immediate")
        try:
            wanted = encoder.encode(sorted({item.scope_id for item in items})).decode()
            scopes = {row[0]: (row[1], row[2]) for row in connection.execute(look_up_scopes, (wanted,))}
            wanted = encoder.encode(sorted({item.resource_type_id for item in items})).decode()
            types = {row[0]: (row[1], row[2]) for row in connection.execute(look_up_types, (wanted,))}
            rows = [
                (
                    new_id, item.resource_type_id, item.scope_id, item.external_resource_id, item.display_name,
                    data_of(item), asked.now, "system", None, None, asked.revision, root,
                )
                for new_id, item, root in zip(asked.ids, items, roots_of(items, scopes, types), strict=True)
            ]  # fmt: skip
            if connection.executemany(insert, rows).rowcount != len(items):
                raise web.HTTPConflict
            connection.execute("commit")
        except BaseException:
            connection.execute("rollback")
            raise


def create_app(store: Store) -> web.Application:
    """Build the server with its one route."""

    async def create(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise web.HTTPUnauthorized
        try:
            items = decoder.decode(await request.read())
        except msgspec.MsgspecError as error:
            raise web.HTTPBadRequest from error
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        asked = Stored(items, new_ids(len(items)), now, os.urandom(9).hex())
        await store.create(asked)
        shown = [
            Answered(
                new_id, item.resource_type_id, item.scope_id, item.external_resource_id,
                item.display_name or UNSET, UNSET if item.data is None else item.data, now, "system",
            )
            for new_id, item in zip(asked.ids, items, strict=True)
        ]  # fmt: skip
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return web.Response(status=201, body=encoder.encode(shown), headers=headers)

    async def opened(_app: web.Application) -> None:
        await store.open()

    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.on_startup.append(opened)
    app.router.add_post("/resources/batch", create)
    return app


def main(url: str, port: str) -> None:
    """Serve until SIGTERM."""
    path = sqlite_path(url)
    store = Sqlite(path) if path else Postgresql(url)
    loop = uvloop.new_event_loop()
    web.run_app(create_app(store), host=HOST, port=int(port), print=None, access_log=None, loop=loop)


if __name__ == "__main__":
    main(*sys.argv[1:])
