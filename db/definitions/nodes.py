"""A schema as a graph: every schema within it is a node, and its keywords are edges."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from db.definitions.edits import Path


@dataclass(slots=True, eq=False)
class Node:
    """One schema within a schema."""

    path: Path
    schema: dict[str, Any] | bool
    # The name of the type whose records this value refers to.
    reference: str | None = None
    # Local `$ref` and `$dynamicRef`.
    local: list[Node] = field(default_factory=list)
    # What else is applied to the same value.
    applied: list[Node] = field(default_factory=list)
    # Of those, what a value may fail without harm: it tells nothing about which fields are known.
    negated: list[Node] = field(default_factory=list)
    # It has `properties`, be they empty, and so says which fields there are.
    declares_fields: bool = False
    properties: dict[str, Node] = field(default_factory=dict)
    patterns: dict[str, Node] = field(default_factory=dict)
    additional: Node | None = None
    unevaluated: Node | None = None
    prefix: list[Node] = field(default_factory=list)
    items: Node | None = None
    # `items` is one schema, and so may lead to references.
    items_alone: bool = False
    # `contains`, `unevaluatedItems`, `propertyNames`.
    beside: list[Node] = field(default_factory=list)
    # It has `unevaluatedProperties` or `unevaluatedItems`, which apply its parts once more.
    evaluates_again: bool = False

    def says_something(self) -> bool:
        """Tell whether it says anything about fields, elements or references itself."""
        return self.declares_fields or self.reference is not None or any(True for _ in self.below())

    def admits_all(self) -> bool:
        """Tell whether any field is welcome, by an explicit word."""
        rest = (self.additional, self.unevaluated)
        return any(node is not None and node.schema is not False for node in rest)

    def in_place(self) -> Iterator[Node]:
        yield from self.local
        yield from self.applied
        yield from self.negated

    def below(self) -> Iterator[Node]:
        yield from self.properties.values()
        yield from self.patterns.values()
        yield from (node for node in (self.additional, self.unevaluated, self.items) if node is not None)
        yield from self.prefix
        yield from self.beside

    def next(self) -> Iterator[Node]:
        yield from self.in_place()
        yield from self.below()

    def next_to_references(self) -> Iterator[tuple[Node, bool]]:
        """List what this node leads to, each with whether a reference may be reached that way."""
        yield from ((node, True) for node in (*self.local, *self.properties.values()))
        yield from ((node, False) for node in (*self.applied, *self.negated, *self.patterns.values()))
        yield from ((node, False) for node in (*self.prefix, *self.beside))
        yield from ((node, False) for node in (self.additional, self.unevaluated) if node is not None)
        if self.items is not None:
            yield self.items, self.items_alone


@dataclass(frozen=True, slots=True)
class Graph:
    """A schema's root, and all nodes, unreached ones too."""

    root: Node
    nodes: tuple[Node, ...]


def leading_to(nodes: Iterable[Node], ends: Iterable[Node]) -> set[Node]:
    """Find the nodes from which any of the `ends` is reached, the ends included."""
    before: dict[Node, list[Node]] = {}
    for node in nodes:
        for other in node.next():
            before.setdefault(other, []).append(node)
    found = set(ends)
    waiting = deque(found)
    while waiting:
        for node in before.get(waiting.popleft(), ()):
            if node not in found:
                found.add(node)
                waiting.append(node)
    return found
