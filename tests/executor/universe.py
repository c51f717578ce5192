"""Random schemas: object types, interfaces and unions whose resolvers answer, or fail, as a seed has it."""

from __future__ import annotations

import asyncio
import itertools
import sys
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, NewType, Optional, Union

import strawberry
from strawberry import Parent
from strawberry.dataloader import DataLoader
from strawberry.extensions import FieldExtension
from strawberry.schema.config import StrawberryConfig

from graphql_schema.executor import BREADTH_FIRST, Batched, BreadthFirstExecutor, Keyed, by_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

SYNCHRONOUS = ("attribute", "method", "with_info", "stock", "batched", "keyed")
ASYNCHRONOUS = ("async", "loader", "batched_later", "keyed_later", "awaitable_items")
FAULTS = 24
"""One value in so many is wrong."""

_numbers = itertools.count()

Even = NewType("Even", int)


class Colour(Enum):
    """An enum of the schemas."""

    RED = "red"
    GREEN = 2
    BLUE = "blue"


def _only_even(value: Any) -> int | None:
    if value == 4:
        return None
    if not isinstance(value, int) or value % 2:
        raise ValueError(f"{value!r} is odd")
    return value


LEAVES: dict[str, Any] = {
    "String": str,
    "Int": int,
    "Float": float,
    "Boolean": bool,
    "ID": strawberry.ID,
    "Colour": strawberry.enum(Colour),
    "Even": Even,
}
SCALARS: dict[object, Any] = {
    Even: strawberry.scalar(name="Even", serialize=_only_even, parse_value=_only_even)
}


@dataclass(frozen=True)
class Kind:
    """A type in a field's place: nested lists of a named type, each of which may be null or not."""

    name: str
    nulls: tuple[bool, ...]
    """Whether the type may be null, from the outermost list to the named type."""

    def annotation(self) -> str:
        """Return the type as Python writes it."""
        text = self.name if self.name not in LEAVES else f"LEAVES['{self.name}']"
        for depth, null in enumerate(reversed(self.nulls)):
            text = text if depth == 0 else f"list[{text}]"
            text = f"Optional[{text}]" if null else text
        return text


@dataclass(frozen=True)
class Member:
    """A field: its type, and the way it is resolved."""

    name: str
    kind: Kind
    style: str
    arguments: bool = False


@dataclass
class Blueprint:
    """What a schema is to be like."""

    seed: int
    objects: dict[str, list[Member]] = field(default_factory=dict)
    interface: list[str] = field(default_factory=list)
    """The types that have the interface `Shared`."""
    union: list[str] = field(default_factory=list)
    """The types of the union `Either`."""
    by_class: bool = True

    @property
    def synchronous(self) -> bool:
        """Whether nothing in it is ever awaited."""
        return all(each.style in SYNCHRONOUS for members in self.objects.values() for each in members)

    def names_of(self, name: str) -> list[str]:
        """Return the object types that a named type stands for."""
        return {"Shared": self.interface, "Either": self.union}.get(name, [name])


def blueprint(random: Random, *, asynchronous: bool) -> Blueprint:
    """Draw a schema."""
    names = [f"Thing{i}" for i in range(random.randint(1, 3))]
    made = Blueprint(random.getrandbits(32), by_class=random.random() < 0.5)
    made.interface = [name for name in names if random.random() < 0.6]
    made.union = names[: random.randint(1, len(names))]
    composite = [*names, "Either", *(["Shared"] if made.interface else [])]
    styles = (*SYNCHRONOUS, *ASYNCHRONOUS) if asynchronous else SYNCHRONOUS
    shared = Member("shared", Kind("String", (random.random() < 0.5,)), "attribute")
    for owner in [*names, "Query"]:
        members = [shared] if owner in made.interface else []
        for index in range(random.randint(2, 5)):
            named = random.choice(composite if random.random() < 0.5 else [*LEAVES])
            depth = random.choice((0, 0, 0, 1, 1, 2))
            kind = Kind(named, tuple(random.random() < 0.6 for _ in range(depth + 1)))
            members.append(Member(f"f{index}", kind, random.choice(styles), arguments=random.random() < 0.3))
        made.objects[owner] = members
    return made


class Thing:
    """An object of a generated type, known by its number; what it holds follows from that and the seed."""

    def __init__(self, number: int, world: World) -> None:
        self.number, self.world = number, world

    def __getattr__(self, name: str) -> Any:
        """Return the value of the attribute field of this name."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self.world.value(self, name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.number})"


class World:
    """Answers what the fields of the things of a schema hold."""

    def __init__(self, plan: Blueprint) -> None:
        self.plan = plan
        self.members = {(owner, each.name): each for owner, all_ in plan.objects.items() for each in all_}
        self.rows: dict[str, type[Thing]] = {name: type(name, (Thing,), {}) for name in plan.objects}

    def value(self, parent: Any, name: str, argument: int = 0) -> Any:
        """Return what a field of a thing holds; raises what it is said to raise."""
        owner = "Query" if parent is None else type(parent).__name__
        member = self.members[owner, name]
        number = 0 if parent is None else parent.number
        random = Random(f"{self.plan.seed}/{owner}/{number}/{name}/{argument}")
        if not random.randrange(FAULTS):
            match random.randrange(3):
                case 0:
                    raise ValueError(f"{name} of {number} failed")
                case 1:
                    return RuntimeError(f"{name} of {number} is an error")
                case _:
                    return None
        return self._of_kind(member.kind, 0, random)

    def _of_kind(self, kind: Kind, depth: int, random: Random) -> Any:
        if not random.randrange(FAULTS):
            return random.choice((None, RuntimeError("an error in it"), object, 7, "text"))
        if kind.nulls[depth] and random.random() < 0.1:
            return None
        if depth < len(kind.nulls) - 1:
            items = [self._of_kind(kind, depth + 1, random) for _ in range(random.randrange(4))]
            return tuple(items) if random.random() < 0.2 else items
        return self._named(kind.name, random)

    def _named(self, name: str, random: Random) -> Any:
        match name:
            case "String" | "ID":
                return (
                    random.choice(("a", "b", 3, True)) if random.random() < 0.3 else f"text {random.random()}"
                )
            case "Int":
                return random.choice((1, 2**31, 2.0, 2.5, "7", True)) if random.random() < 0.2 else 5
            case "Float":
                return random.choice((1, 0.5, float("nan"), "2.5"))
            case "Boolean":
                return random.choice((True, False, True, False, 1, "yes"))
            case "Colour":
                return random.choice((Colour.RED, Colour.GREEN, Colour.BLUE, "red", "none"))
            case "Even":
                return random.choice((2, 6, 8, 10, 12, 3, 4))
            case _:
                kinds = self.plan.names_of(name)
                if not random.randrange(FAULTS):
                    kinds = [*self.plan.objects]
                return self.rows[random.choice(kinds)](random.randrange(50), self)


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
