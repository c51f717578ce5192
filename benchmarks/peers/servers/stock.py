"""What Strawberry's documentation leads to: aiohttp, SQLAlchemy's ORM, loaders, parser and validation caches.

`python -m benchmarks.peers.servers.stock DATABASE_URL PORT`
"""

import sys
from collections import defaultdict
from typing import Any

import strawberry
import uvloop
from aiohttp import web
from sqlalchemy import FetchedValue, ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from strawberry.aiohttp.views import GraphQLView
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig


class Base(DeclarativeBase):
    """The ORM's base."""


class ScopeModel(Base):
    """A scope."""

    __tablename__ = "scopes"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class TypeModel(Base):
    """A resource type."""

    __tablename__ = "resource_types"
    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    name: Mapped[str]


class TagModel(Base):
    """A tag."""

    __tablename__ = "tags"
    id: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]


class TaggingModel(Base):
    """A tag on a resource."""

    __tablename__ = "resource_tags"
    resource_id: Mapped[str] = mapped_column(ForeignKey("resources.id"), primary_key=True)
    tag_id: Mapped[str] = mapped_column(ForeignKey("tags.id"), primary_key=True)


class ResourceModel(Base):
    """A resource."""

    __tablename__ = "resources"
    id: Mapped[str] = mapped_column(primary_key=True, server_default=FetchedValue())
    scope_id: Mapped[str] = mapped_column(ForeignKey("scopes.id"))
    resource_type_id: Mapped[str] = mapped_column(ForeignKey("resource_types.id"))
    external_resource_id: Mapped[str]
    display_name: Mapped[str | None]
    created_at: Mapped[str] = mapped_column(server_default=FetchedValue())
    created_by: Mapped[str] = mapped_column(server_default=FetchedValue())
    updated_at: Mapped[str | None]
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - as SQLAlchemy reads it


class Context:
    """A request's sessions and loaders, each batch of a loader in a session of its own."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self.sessions = sessions
        self.types: DataLoader[str, Any] = DataLoader(self._by_id(TypeModel))
        self.scopes: DataLoader[str, Any] = DataLoader(self._by_id(ScopeModel))
        self.tags: DataLoader[str, list[Any]] = DataLoader(self._tags)

    def _by_id(self, model: Any) -> Any:
        async def load(ids: list[str]) -> list[Any]:
            async with self.sessions() as session:
                found = {
                    each.id: each for each in await session.scalars(select(model).where(model.id.in_(ids)))
                }
            return [found.get(each) for each in ids]

        return load

    async def _tags(self, ids: list[str]) -> list[list[Any]]:
        asked = (
            select(TaggingModel.resource_id, TagModel)
            .join(TagModel, TagModel.id == TaggingModel.tag_id)
            .where(TaggingModel.resource_id.in_(ids))
            .order_by(TagModel.id)
        )
        by_resource = defaultdict(list)
        async with self.sessions() as session:
            for resource_id, tag in await session.execute(asked):
                by_resource[resource_id].append(tag)
        return [by_resource[each] for each in ids]


Info = strawberry.Info[Context, None]


@strawberry.type
class ResourceType:
    """A resource type."""

    id: strawberry.ID
    key: str
    name: str


@strawberry.type
class Scope:
    """A scope."""

    id: strawberry.ID
    name: str


@strawberry.type
class Tag:
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
    async def resource_type(self, info: Info) -> ResourceType | None:
        """Load the type."""
        found: ResourceType | None = await info.context.types.load(self.resource_type_id)
        return found

    @strawberry.field
    async def scope(self, info: Info) -> Scope | None:
        """Load the scope."""
        found: Scope | None = await info.context.scopes.load(self.scope_id)
        return found

    @strawberry.field
    async def tags(self, info: Info) -> list[Tag]:
        """Load the tags."""
        found: list[Tag] = await info.context.tags.load(self.id)
        return found


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field
    async def resource(self, info: Info, id: strawberry.ID) -> Resource | None:  # noqa: A002 - the argument's name
        """Return a resource."""
        async with info.context.sessions() as session:
            found: Any = await session.get(ResourceModel, id)
            return found  # type: ignore[no-any-return]

    @strawberry.field
    async def resources(self, info: Info, first: int, tag_id: strawberry.ID | None = None) -> list[Resource]:
        """Return the first resources, of all or with a tag."""
        asked = select(ResourceModel).order_by(ResourceModel.id).limit(first)
        if tag_id is not None:
            asked = (
                select(ResourceModel)
                .join(TaggingModel, TaggingModel.resource_id == ResourceModel.id)
                .where(TaggingModel.tag_id == tag_id)
                .order_by(TaggingModel.resource_id)
                .limit(first)
            )
        async with info.context.sessions() as session:
            found: Any = await session.scalars(asked)
            return list(found)


@strawberry.input
class ResourceInput:
    """A resource to create."""

    scope_id: strawberry.ID
    resource_type_id: strawberry.ID
    external_resource_id: str
    display_name: str | None = None


async def create(info: Info, asked: list[ResourceInput]) -> list[Any]:
    """Store resources in one transaction."""
    new = [
        ResourceModel(
            scope_id=each.scope_id,
            resource_type_id=each.resource_type_id,
            external_resource_id=each.external_resource_id,
            display_name=each.display_name,
        )
        for each in asked
    ]
    async with info.context.sessions() as session, session.begin():
        session.add_all(new)
    return new


@strawberry.type
class Mutation:
    """What can be changed."""

    @strawberry.mutation
    async def create_resource(self, info: Info, input: ResourceInput) -> Resource:  # noqa: A002 - the same
        """Create a resource."""
        created: Resource = (await create(info, [input]))[0]
        return created

    @strawberry.mutation
    async def create_resources(self, info: Info, input: list[ResourceInput]) -> list[Resource]:  # noqa: A002 - the same
        """Create resources."""
        return await create(info, input)


class View(GraphQLView[Context, None]):
    """A view that gives every request its loaders."""

    sessions: async_sessionmaker[AsyncSession]

    async def get_context(self, request: web.Request, response: web.StreamResponse) -> Context:
        """Return a request's context."""
        del request, response
        return Context(self.sessions)


async def main(url: str, port: int) -> None:
    """Serve until killed."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=10)
    View.sessions = async_sessionmaker(engine, expire_on_commit=False)
    # One of each, or there is nothing to find in them.
    parsed, validated = ParserCache(), ValidationCache()
    schema = strawberry.Schema(
        Query,
        Mutation,
        extensions=[lambda: parsed, lambda: validated],
        config=StrawberryConfig(batching_config={"max_operations": 100}),
    )
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/graphql", View(schema=schema))
    await web._run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)  # noqa: SLF001


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
