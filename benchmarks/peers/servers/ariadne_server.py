"""Ariadne on uvicorn with asyncpg and Ariadne's loaders: `python ariadne_server.py DATABASE_URL PORT`."""

import sys
from collections import defaultdict
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import uvicorn  # type: ignore[import-not-found] # in the peers' own environment
from aiodataloader import DataLoader  # type: ignore[import-not-found]
from ariadne import (  # type: ignore[import-not-found]
    MutationType,
    ObjectType,
    QueryType,
    load_schema_from_path,
    make_executable_schema,
)
from ariadne.asgi import GraphQL  # type: ignore[import-not-found]
from starlette.applications import Starlette  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

COLUMNS = """r.id, r.scope_id as "scopeId", r.resource_type_id as "resourceTypeId",
    r.external_resource_id as "externalResourceId", r.display_name as "displayName",
    r.created_at as "createdAt", r.created_by as "createdBy", r.updated_at as "updatedAt" """
ONE = f"select {COLUMNS} from resources r where id = $1"  # noqa: S608 - of constants
FIRST = f"select {COLUMNS} from resources r order by id limit $1"  # noqa: S608 - of constants
TAGGED = f"""select {COLUMNS} from resource_tags t join resources r on r.id = t.resource_id
    where t.tag_id = $2 order by t.resource_id limit $1"""  # noqa: S608 - of constants
CREATE = f"""insert into resources as r (scope_id, resource_type_id, external_resource_id, display_name)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]) returning {COLUMNS}"""  # noqa: S608
TAGS = """select a.resource_id, t.id, t.label from resource_tags a join tags t on t.id = a.tag_id
    where a.resource_id = any($1) order by t.id"""

url, port = sys.argv[1:]
query, mutation, resource_type = QueryType(), MutationType(), ObjectType("Resource")
pools: list[Any] = []


def by_id(sql: str) -> Any:
    """Return what loads rows by their ids."""

    async def load(ids: list[str]) -> list[Any]:
        found = {row["id"]: dict(row) for row in await pools[0].fetch(sql, ids)}
        return [found.get(each) for each in ids]

    return load


async def load_tags(ids: list[str]) -> list[list[Any]]:
    """Return each resource's tags."""
    by_resource = defaultdict(list)
    for row in await pools[0].fetch(TAGS, ids):
        by_resource[row["resource_id"]].append(dict(row))
    return [by_resource[each] for each in ids]


def context(_request: Any, _data: Any = None) -> dict[str, Any]:
    """Return a request's loaders."""
    return {
        "types": DataLoader(by_id("select id, key, name from resource_types where id = any($1)")),
        "scopes": DataLoader(by_id("select id, name from scopes where id = any($1)")),
        "tags": DataLoader(load_tags),
    }


@query.field("resource")  # type: ignore[untyped-decorator]
async def resource(_: Any, _info: Any, *, id: str) -> Any:  # noqa: A002 - the argument's name
    """Return a resource."""
    row = await pools[0].fetchrow(ONE, id)
    return row and dict(row)


@query.field("resources")  # type: ignore[untyped-decorator]
async def resources(_: Any, _info: Any, *, first: int, tagId: str | None = None) -> Any:  # noqa: N803 - the same
    """Return the first resources, of all or with a tag."""
    rows = await (pools[0].fetch(TAGGED, first, tagId) if tagId else pools[0].fetch(FIRST, first))
    return [dict(row) for row in rows]


async def create(asked: list[Any]) -> list[Any]:
    """Store resources with one statement."""
    columns = [
        [each.get(name) for each in asked]
        for name in ("scopeId", "resourceTypeId", "externalResourceId", "displayName")
    ]
    return [dict(row) for row in await pools[0].fetch(CREATE, *columns)]


@mutation.field("createResource")  # type: ignore[untyped-decorator]
async def create_resource(_: Any, _info: Any, *, input: Any) -> Any:  # noqa: A002 - the same
    """Create a resource."""
    return (await create([input]))[0]


@mutation.field("createResources")  # type: ignore[untyped-decorator]
async def create_resources(_: Any, _info: Any, *, input: list[Any]) -> Any:  # noqa: A002 - the same
    """Create resources."""
    return await create(input)


@resource_type.field("resourceType")  # type: ignore[untyped-decorator]
def type_of(parent: Any, info: Any) -> Any:
    """Load the type."""
    return info.context["types"].load(parent["resourceTypeId"])


@resource_type.field("scope")  # type: ignore[untyped-decorator]
def scope_of(parent: Any, info: Any) -> Any:
    """Load the scope."""
    return info.context["scopes"].load(parent["scopeId"])


@resource_type.field("tags")  # type: ignore[untyped-decorator]
def tags_of(parent: Any, info: Any) -> Any:
    """Load the tags."""
    return info.context["tags"].load(parent["id"])


@asynccontextmanager
async def connected(_app: Any) -> "AsyncIterator[None]":
    """Keep a pool of connections while serving."""
    async with asyncpg.create_pool(url, min_size=1, max_size=10) as pool:
        pools.append(pool)
        yield


schema = make_executable_schema(
    load_schema_from_path(str(Path(__file__).parent / "schema.graphql")), query, mutation, resource_type
)
app = Starlette(lifespan=connected)
app.mount("/", GraphQL(schema, context_value=context, debug=False))

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
