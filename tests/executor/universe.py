"""Schemas of random worlds: resolvers of every style, which answer what the world holds."""

from __future__ import annotations

import asyncio
import itertools
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Optional, Union

import strawberry
from strawberry import Parent
from strawberry.dataloader import DataLoader
from strawberry.extensions import FieldExtension
from strawberry.schema.config import StrawberryConfig

from graphql_schema.executor import BREADTH_FIRST, Batched, BreadthFirstExecutor, Keyed, by_class
from tests.executor.worlds import LEAVES, SCALARS, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

    from tests.executor.worlds import Blueprint, Member

_numbers = itertools.count()


class Context:
    """What the resolvers of one operation share."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._loaders: dict[str, DataLoader[Any, Any]] = {}

    def loader(self, name: str) -> DataLoader[Any, Any]:
        """Return the loader of the fields of a name, keyed by their things."""
        if name not in self._loaders:

            async def load(things: list[Any]) -> Sequence[Any]:
                await asyncio.sleep(0)
                return [_caught(self.world, each, name) for each in things]

            # Things of equal numbers are others, so there is nothing to share.
            self._loaders[name] = DataLoader(load, cache=False)
        return self._loaders[name]


Info = strawberry.Info[Context, None]
Number = Annotated[int, strawberry.argument(name="number")]


def _caught(world: World, parent: Any, name: str, argument: int = 0) -> Any:
    try:
        return world.value(parent, name, argument)
    except ValueError as error:
        return error


async def _later(value: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


def _resolver(member: Member) -> Any:
    """Return a resolver, and what else is to be said of the field."""
    name = member.name

    def method(parent: Parent[Any], info: Info, number: Number = 0) -> Any:
        return info.context.world.value(parent, name, number)

    def with_info(parent: Parent[Any], info: Info, number: Number = 0) -> Any:
        path = info.path
        assert path.key
        assert info.field_name == name
        assert info.variable_values is not None
        return info.context.world.value(parent, name, number)

    async def asynchronous(parent: Parent[Any], info: Info, number: Number = 0) -> Any:
        await asyncio.sleep(0)
        return info.context.world.value(parent, name, number)

    def loaded(parent: Parent[Any], info: Info) -> Any:
        return info.context.loader(name).load(parent)

    def awaitable_items(parent: Parent[Any], info: Info, number: Number = 0) -> Any:
        value = info.context.world.value(parent, name, number)
        return [_later(each) for each in value] if isinstance(value, list) else value

    chosen = {
        "with_info": with_info,
        "async": asynchronous,
        "loader": loaded,
        "awaitable_items": awaitable_items,
    }
    return chosen.get(member.style, method)


def _mark(member: Member) -> Any:
    name = member.name

    def batched(parents: Sequence[Any], info: Any, number: int = 0) -> list[Any]:
        return [_caught(info.context.world, each, name, number) for each in parents]

    async def batched_later(parents: Sequence[Any], info: Any, number: int = 0) -> list[Any]:
        await asyncio.sleep(0)
        return batched(parents, info, number)

    def keyed(info: Any, keys: list[Any]) -> list[Any]:
        return [_caught(info.context.world, each, name) for each in keys]

    async def keyed_later(info: Any, keys: list[Any]) -> list[Any]:
        await asyncio.sleep(0)
        return keyed(info, keys)

    def itself(parent: Any) -> Any:
        return parent

    return {
        "batched": Batched(batched),
        "batched_later": Batched(batched_later),
        "keyed": Keyed(itself, keyed),
        "keyed_later": Keyed(itself, keyed_later),
    }.get(member.style)


class _Same(FieldExtension):
    """Does nothing, but stands before the resolver."""

    def resolve(self, next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
        """Call the resolver."""
        return next_(source, info, **arguments)


def _declared(member: Member, *, root: bool) -> Any:
    if member.style == "attribute" and not root:
        return strawberry.field()
    resolver = _resolver(member)
    if not member.arguments or member.style in ("keyed", "keyed_later"):
        resolver = _without_arguments(resolver)
    mark = None if root and member.style.startswith("keyed") else _mark(member)
    extensions: list[FieldExtension] = [_Same()] if member.style == "stock" else []
    return strawberry.field(
        resolver=resolver, metadata={BREADTH_FIRST: mark} if mark else None, extensions=extensions
    )


def _without_arguments(resolver: Any) -> Any:
    if resolver.__name__ == "asynchronous":

        async def awaited(parent: Parent[Any], info: Info) -> Any:
            return await resolver(parent, info)

        return awaited

    def called(parent: Parent[Any], info: Info) -> Any:
        return resolver(parent, info)

    return called


def schemas(plan: Blueprint) -> tuple[strawberry.Schema, strawberry.Schema, World]:
    """Return the schema for graphql-core, the same for the breadth-first executor, and its world."""
    world = World(plan)
    stock, compiled = (_schema(plan, world, None), _schema(plan, world, BreadthFirstExecutor))
    return stock, compiled, world


def _schema(
    plan: Blueprint, world: World, executor: type[StrawberryGraphQLCoreExecutionContext] | None
) -> strawberry.Schema:
    module = ModuleType(f"generated_{next(_numbers)}")
    sys.modules[module.__name__] = module
    module.__dict__.update(LEAVES=LEAVES, Optional=Optional, Union=Union)
    try:
        shared = type("Shared", (), {"__module__": module.__name__, "__annotations__": {}})
        if plan.interface:
            member = plan.objects[plan.interface[0]][0]
            shared.__annotations__["shared"] = member.kind.annotation()
        module.__dict__["Shared"] = strawberry.interface(shared) if plan.interface else shared
        made = [_object(plan, world, name, module) for name in plan.objects if name != "Query"]
        either = ", ".join(plan.union)
        module.__dict__["Either"] = Annotated[
            eval(f"Union[{either}]", module.__dict__), strawberry.union(name="Either")
        ]
        query = _object(plan, world, "Query", module)
        config = StrawberryConfig(scalar_map=SCALARS)
        return _Quiet(query, types=made, config=config, execution_context_class=executor)
    finally:
        del sys.modules[module.__name__]


class _Quiet(strawberry.Schema):
    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Log nothing."""


def _object(plan: Blueprint, world: World, name: str, module: ModuleType) -> type:
    row = world.rows[name]

    def is_type_of(cls: type, value: Any, _info: Any) -> bool:
        return isinstance(value, row)

    members: dict[str, Any] = {"__module__": module.__name__, "__annotations__": {}}
    for member in plan.objects[name]:
        members["__annotations__"][member.name] = member.kind.annotation()
        members[member.name] = _declared(member, root=name == "Query")
    if name != "Query":
        members["is_type_of"] = classmethod(by_class(is_type_of) if plan.by_class else is_type_of)
    bases = (module.__dict__["Shared"],) if name in plan.interface else ()
    made = strawberry.type(type(name, bases, members))
    module.__dict__[name] = made
    return made
