"""The limit of everything that is measured: aiohttp, the driver, the statements written by hand.

`python -m benchmarks.peers.servers.by_hand DATABASE_URL PORT`. The create of many and the nested read are those of
`benchmarks.limit` and `benchmarks.read_limit`; here are the create of one, the look-up by id and the page.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import orjson
import uvloop
from aiohttp import web

from benchmarks import limit, read_limit
from benchmarks.read import OURS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FIELDS = (
    ("id", "r.id"), ("scopeId", "r.scope_id"), ("resourceTypeId", "r.resource_type_id"),
    ("externalResourceId", "r.external_resource_id"), ("displayName", "r.display_name"),
    ("createdAt", "r.created_at"), ("createdBy", "r.created_by"), ("updatedAt", "r.updated_at"),
)  # fmt: skip
JOINED = (
    "join resource_types k on k.id = r.resource_type_id and k.root_id = r.root_id"
    " join scopes s on s.id = r.scope_id and s.root_id = r.root_id"
)
ONE = (
    f"select {', '.join(column for _, column in FIELDS)}, k.id, k.key, k.name"  # noqa: S608 - of constants
    f" from resources r {JOINED} where r.id = $1"
)
PAGE = (
    "select r.id, r.external_resource_id, r.display_name, k.id, k.name, s.id, s.name"  # noqa: S608 - of constants
    f" from tag_assignments a join resources r on r.id = a.resource_id and r.root_id = a.root_id {JOINED}"
    " where a.root_id = 'scope_0' and a.tag_id = $1 order by a.resource_id limit $2"
)
# One round trip; both look-ups lock what they find until the row is committed, as in the create of many.
CREATE = (
    "with place as (select id, root_id, path from scopes where id = $3 for key share),"  # noqa: S608 - of constants
    " kind as (select t.id, t.root_id, s.path from resource_types t"
    " join scopes s on s.id = t.scope_id and s.root_id = t.root_id where t.id = $2 for key share of t)"
    f" insert into resources ({', '.join(limit.COLUMNS)})"
    " select $1, kind.id, place.id, $4, $5, $6::text::json, $7, $8, null, null, $9, place.root_id"
    " from place join kind on kind.root_id = place.root_id and starts_with(place.path, kind.path)"
    " on conflict do nothing"
)
decoder = msgspec.json.Decoder(limit.Asked)
HEADERS = {"Content-Type": "application/json; charset=utf-8"}
POOL: web.AppKey[Any] = web.AppKey("pool")


def checked(request: web.Request) -> None:
    """Raise `HTTPUnauthorized` for a request without the token."""
    if request.headers.get("Authorization") != f"Bearer {limit.TOKEN}":
        raise web.HTTPUnauthorized


async def create_one(request: web.Request) -> web.Response:
    """Create a resource and answer it."""
    checked(request)
    try:
        asked = decoder.decode(await request.read())
    except msgspec.MsgspecError as error:
        raise web.HTTPBadRequest from error
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    [new_id] = limit.new_ids(1)
    done = await request.app[POOL].execute(
        CREATE,
        new_id,
        asked.resource_type_id,
        asked.scope_id,
        asked.external_resource_id,
        asked.display_name,
        limit.data_of(asked),
        now,
        "system",
        os.urandom(9).hex(),
    )
    if done != "INSERT 0 1":
        raise web.HTTPUnprocessableEntity
    shown = limit.Answered(
        new_id, asked.resource_type_id, asked.scope_id, asked.external_resource_id,
        asked.display_name or msgspec.UNSET, msgspec.UNSET if asked.data is None else asked.data, now, "system",
    )  # fmt: skip
    return web.Response(status=201, body=limit.encoder.encode(shown), headers=HEADERS)


async def one(request: web.Request) -> web.Response:
    """Answer a resource with its type."""
    checked(request)
    row = await request.app[POOL].fetchrow(ONE, request.match_info["id"])
    if row is None:
        raise web.HTTPNotFound
    *fields, type_id, key, name = row
    read_limit.texts(*(value for value in row if value is not None))
    resource = {
        **{field: value for (field, _), value in zip(FIELDS, fields, strict=True)},
        "resourceType": {"id": type_id, "key": key, "name": name},
    }
    return web.Response(body=orjson.dumps({"data": {"resource": resource}}), headers=HEADERS)


async def page(request: web.Request) -> web.Response:
    """Answer a page of the resources with a tag."""
    checked(request)
    rows = await request.app[POOL].fetch(PAGE, request.query["tagId"], int(request.query["first"]))
    nodes = []
    for own_id, external, name, type_id, type_name, scope_id, scope_name in rows:
        read_limit.texts(own_id, external, name or "", type_id, type_name, scope_id, scope_name)
        nodes.append(
            {
                "id": own_id,
                "externalResourceId": external,
                "displayName": name,
                "resourceType": {"id": type_id, "name": type_name},
                "scope": {"id": scope_id, "name": scope_name},
            }
        )
    return web.Response(body=orjson.dumps({"data": {"resources": {"nodes": nodes}}}), headers=HEADERS)


def create_app(url: str) -> web.Application:
    """Build the server."""

    async def connected(app: web.Application) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=1, server_settings={"jit": "off"}) as app[POOL]:
            yield

    app = limit.create_app(limit.Postgresql(url))
    app.cleanup_ctx.append(connected)
    app.router.add_get("/resources/{id}", one)
    app.router.add_get("/resources", page)
    app.router.add_post("/resources", create_one)
    app.add_subapp("/read", read_limit.create_app(read_limit.Postgresql(url), OURS))
    return app


def main(url: str, port: str) -> None:
    """Serve until SIGTERM."""
    loop = uvloop.new_event_loop()
    web.run_app(create_app(url), host=limit.HOST, port=int(port), print=None, access_log=None, loop=loop)


if __name__ == "__main__":
    main(*sys.argv[1:])
