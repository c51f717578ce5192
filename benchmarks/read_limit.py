"""The limit of reading: one GraphQL query planned by hand, on aiohttp and the driver, every leaf checked.

`python -m benchmarks.read_limit DATABASE_URL PORT`. It answers the query of `benchmarks.read` and no other, by four
statements, with neither reach nor limits.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import orjson
import uvloop
from aiohttp import web

from benchmarks.limit import HOST, TOKEN
from db.database import sqlite_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READ, TAGS_EACH = 1_000, 10
COLUMNS = (
    "id, scope_id, resource_type_id, external_resource_id, display_name, created_at, created_by, updated_at"
)
RESOURCES = f"select {COLUMNS} from resources order by id limit {READ + 1}"  # noqa: S608 - of constants
TYPES = "select id, key, name from resource_types where id {}"
SCOPES = "select id, name from scopes where id {}"
TAGS = (
    "select a.resource_id, t.id, t.label from tag_assignments a"
    " join tags t on t.id = a.tag_id and t.root_id = a.root_id where a.resource_id {} order by a.resource_id, t.id"
)
ANY = {"postgresql": "= any($1::text[])", "sqlite": "in (select value from json_each(?))"}

Rows = list[tuple[Any, ...]]


class Asked(msgspec.Struct):
    """The request."""

    query: str


decoder = msgspec.json.Decoder(Asked)


class Store(ABC):
    """A database to read from."""

    @abstractmethod
    async def open(self) -> None:
        """Connect."""

    @abstractmethod
    async def read(self) -> tuple[Rows, Rows, Rows, Rows]:
        """Return resources, their types, their scopes, and their tags with the resources' ids."""


class Postgresql(Store):
    """asyncpg, without a layer above it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[Any] | None = None

    async def open(self) -> None:
        """Connect."""
        self._pool = await asyncpg.create_pool(self._url, min_size=1, server_settings={"jit": "off"})

    async def read(self) -> tuple[Rows, Rows, Rows, Rows]:
        """Read with four statements."""
        assert self._pool is not None
        with_any = ANY["postgresql"]
        async with self._pool.acquire() as connection:
            rows = (await connection.fetch(RESOURCES))[:READ]
            types = await connection.fetch(TYPES.format(with_any), [*{row[2] for row in rows}])
            scopes = await connection.fetch(SCOPES.format(with_any), [*{row[1] for row in rows}])
            tags = await connection.fetch(TAGS.format(with_any), [row[0] for row in rows])
        return rows, types, scopes, tags


class Sqlite(Store):
    """sqlite3 on a thread of its own: one hop for all statements."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1)
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Connect."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    async def read(self) -> tuple[Rows, Rows, Rows, Rows]:
        """Read with four statements."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read)

    def _open(self) -> None:
        self._connection = sqlite3.connect(self._path, isolation_level=None)

    def _read(self) -> tuple[Rows, Rows, Rows, Rows]:
        assert self._connection is not None
        execute, with_any = self._connection.execute, ANY["sqlite"]
        rows = execute(RESOURCES).fetchall()[:READ]

        def of(sql: str, keys: list[str]) -> Rows:
            return execute(sql.format(with_any), (orjson.dumps(keys).decode(),)).fetchall()

        types = of(TYPES, [*{row[2] for row in rows}])
        scopes = of(SCOPES, [*{row[1] for row in rows}])
        return rows, types, scopes, of(TAGS, [row[0] for row in rows])


def texts(*values: object) -> None:
    """Raise `HTTPInternalServerError` unless all leaves are texts."""
    for value in values:
        if type(value) is not str:
            raise web.HTTPInternalServerError


def shown(rows: Sequence[Any], types: Rows, scopes: Rows, tags: Rows) -> list[dict[str, Any]]:
    """Return the answer's resources."""
    kinds: dict[str, dict[str, Any]] = {}
    for id_, key, name in types:
        texts(id_, key, name)
        kinds[id_] = {"id": id_, "key": key, "name": name}
    places: dict[str, dict[str, Any]] = {}
    for id_, name in scopes:
        texts(id_, name)
        places[id_] = {"id": id_, "name": name}
    tagged: dict[str, list[dict[str, Any]]] = {}
    for owner, id_, label in tags:
        texts(id_, label)
        tagged.setdefault(owner, []).append({"id": id_, "label": label})
    answer = []
    for id_, scope, kind, external, name, created_at, created_by, updated_at in rows:
        texts(id_, scope, kind, external, created_at, created_by, name or "", updated_at or "")
        resource = {
            "id": id_, "scopeId": scope, "resourceTypeId": kind, "externalResourceId": external,
            "displayName": name, "createdAt": created_at, "createdBy": created_by, "updatedAt": updated_at,
            "resourceType": kinds.get(kind), "scope": places.get(scope),
            "tags": {"nodes": tagged.get(id_, [])[:TAGS_EACH]},
        }  # fmt: skip
        answer.append(resource)
    return answer


def create_app(store: Store, query: str) -> web.Application:
    """Build the server with its one route and its one query."""

    async def read(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise web.HTTPUnauthorized
        try:
            asked = decoder.decode(await request.read())
        except msgspec.MsgspecError as error:
            raise web.HTTPBadRequest from error
        if asked.query != query:
            raise web.HTTPBadRequest
        nodes = shown(*await store.read())
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return web.Response(body=orjson.dumps({"data": {"resources": {"nodes": nodes}}}), headers=headers)

    async def opened(_app: web.Application) -> None:
        await store.open()

    app = web.Application()
    app.on_startup.append(opened)
    app.router.add_post("/graphql", read)
    return app


def main(url: str, port: str) -> None:
    """Serve until SIGTERM."""
    from benchmarks.read import OURS  # noqa: PLC0415 - it starts this module, as another process

    path = sqlite_path(url)
    store = Sqlite(path) if path else Postgresql(url)
    loop = uvloop.new_event_loop()
    web.run_app(create_app(store, OURS), host=HOST, port=int(port), print=None, access_log=None, loop=loop)


if __name__ == "__main__":
    main(*sys.argv[1:])
