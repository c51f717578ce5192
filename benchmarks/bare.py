"""A bare aiohttp server: no routes but these, no checks, no log; what the others are measured against."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import aiosqlite
import asyncpg
import uvloop
from aiohttp import web

from benchmarks.limit import HOST
from db.database import sqlite_path

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# The same point read as ours, written by hand.
POINT_READ = "select * from resources where id = {} and root_id = {}"
CONNECTIONS = 10


async def fetcher(url: str) -> Callable[[str, str], Awaitable[object]]:
    """Return what reads one row, on the driver alone."""
    path = sqlite_path(url)
    if path is not None:
        connection = await aiosqlite.connect(path)
        sql = POINT_READ.format("?", "?")
        return lambda *key: connection.execute_fetchall(sql, key)
    pool = await asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS)
    return lambda *key: pool.fetchrow(POINT_READ.format("$1", "$2"), *key)


async def main(url: str, port: int, body: bytes) -> None:
    """Serve until killed: `/healthz` answers at once, `/resources/…` reads a row first."""
    fetch = await fetcher(url)

    async def healthy(_request: web.Request) -> web.Response:
        return web.Response(body=b'{"status":"ok"}', content_type="application/json")

    async def resource(request: web.Request) -> web.Response:
        await fetch(request.match_info["id"], "scope_acme")
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/healthz", healthy)
    app.router.add_get("/resources/{id}", resource)
    await web._run_app(app, host=HOST, port=port, access_log=None, print=None)  # noqa: SLF001


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()))
