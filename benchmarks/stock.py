"""A stock server on the same tables: Strawberry on aiohttp, SQLAlchemy's ORM, loaders, parser and validation caches.

`python -m benchmarks.stock DATABASE_URL PORT`. It is what Strawberry's documentation leads to: no reach, no limits, no
pages but a number of objects, and a token that nobody asks for.
"""

import logging
import sys
from collections import defaultdict
from typing import Any

import strawberry
import uvloop
from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from strawberry.aiohttp.views import GraphQLView
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

from benchmarks.limit import HOST
from db import tables
from db.database import sqlite_path


class Base(DeclarativeBase):
    """The ORM's base, over the tables as they are."""

    metadata = tables.metadata


class ResourceModel(Base):
    """A resource."""

    __table__ = tables.resources


class TypeModel(Base):
    """A resource type."""

    __table__ = tables.resource_types


class ScopeModel(Base):
    """A scope."""

    __table__ = tables.scopes


class TagModel(Base):
    """A tag."""

    __table__ = tables.tags


class AssignmentModel(Base):
    """A tag's assignment to a resource."""

    __table__ = tables.tag_assignments


class Loaders:
    """The loaders of one request, each batch in a session of its own."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self.sessions = sessions
        self.types: DataLoader[str, Any] = DataLoader(self._by_id(TypeModel))
        self.scopes: DataLoader[str, Any] = DataLoader(self._by_id(ScopeModel))
        self.tags: DataLoader[str, list[Any]] = DataLoader(self._tags)

    def _by_id(self, model: Any) -> Any:
        async def load(ids: list[str]) -> list[Any]:
            async with self.sessions() as session:
                found = await session.scalars(select(model).where(model.id.in_(ids)))
                by_id = {each.id: each for each in found}
            return [by_id.get(each) for each in ids]

        return load

    async def _tags(self, ids: list[str]) -> list[list[Any]]:
        model: Any = AssignmentModel
        tag: Any = TagModel
        async with self.sessions() as session:
            found = await session.execute(
                select(model.resource_id, tag)
                .join(tag, tag.id == model.tag_id)
                .where(model.resource_id.in_(ids))
                .order_by(tag.id)
            )
            by_resource = defaultdict(list)
            for resource_id, each in found:
                by_resource[resource_id].append(each)
        return [by_resource[each] for each in ids]


Info = strawberry.Info[Loaders, None]


@strawberry.type
class Kind:
    """A resource type."""

    id: strawberry.ID
    key: str
    name: str


@strawberry.type
class Place:
    """A scope."""

    id: strawberry.ID
    name: str


@strawberry.type
class Label:
    """A tag."""

    id: strawberry.ID
    label: str


@strawberry.type
class Resource:
    """A resource."""

    id: strawberry.ID
    scope_id: strawberry.ID
    resource_type_id: strawberry.ID
    external_resource_id: str
    display_name: str | None
    created_at: str
    created_by: str
    updated_at: str | None

    @strawberry.field
    async def resource_type(self, info: Info) -> Kind | None:
        """Load the type."""
        found: Kind | None = await info.context.types.load(self.resource_type_id)
        return found

    @strawberry.field
    async def scope(self, info: Info) -> Place | None:
        """Load the scope."""
        found: Place | None = await info.context.scopes.load(self.scope_id)
        return found

    @strawberry.field
    async def tags(self, info: Info) -> list[Label]:
        """Load the tags."""
        found: list[Label] = await info.context.tags.load(self.id)
        return found


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field
    async def resources(self, info: Info, first: int) -> list[Resource]:
        """Return the first resources."""
        model: Any = ResourceModel
        async with info.context.sessions() as session:
            found: Any = await session.scalars(select(model).order_by(model.id).limit(first))
            return list(found)


class View(GraphQLView[Loaders, None]):
    """A view that gives every request its loaders."""

    sessions: async_sessionmaker[AsyncSession]

    async def get_context(self, request: web.Request, response: web.StreamResponse) -> Loaders:
        """Return a request's loaders."""
        del request, response
        return Loaders(self.sessions)


def engine_of(url: str) -> AsyncEngine:
    """Return the engine of a database."""
    path = sqlite_path(url)
    if path is not None:
        return create_async_engine(f"sqlite+aiosqlite:///{path}")
    return create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=10)


async def main(url: str, port: int) -> None:
    """Serve until killed."""
    View.sessions = async_sessionmaker(engine_of(url), expire_on_commit=False)
    # One of each, or there is nothing to find in them.
    parsed, validated = ParserCache(), ValidationCache()
    schema = strawberry.Schema(Query, extensions=[lambda: parsed, lambda: validated])
    app = web.Application()
    app.router.add_route("*", "/graphql", View(schema=schema))
    await web._run_app(app, host=HOST, port=port, access_log=None, print=None)  # noqa: SLF001


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
