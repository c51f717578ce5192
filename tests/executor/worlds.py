"""Random worlds: types, and what their objects hold, right or wrong, as a seed has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any, NewType

import strawberry

SYNCHRONOUS = ("attribute", "method", "with_info", "stock", "batched", "keyed")
ASYNCHRONOUS = ("async", "loader", "batched_later", "keyed_later", "awaitable_items")
FAULTS = 24
"""One value in so many is wrong."""

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
