"""How often a schema has one and the same value checked: what would never end is refused before it is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from db.definitions.edits import extent_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from db.definitions.graphs import Faults
    from db.definitions.nodes import Graph, Node

# Checks of one value: more than an `anyOf` of hundreds makes, and soon done.
MAX_CHECKS: Final = 2_000
# Searching an `enum` takes as long as so many checks for each of its values. Texts alone are looked up.
_PER_TEXT: Final = 1
_PER_INTEGER: Final = 2
_PER_COMPOSITE: Final = 4
_PER_FRACTION: Final = 20
# An error holds a copy of what these keywords say.
_COPIED: Final = ("enum", "const", "required", "not")


class Growth(NamedTuple):
    """How many checks a value needs at most, and how much is written for one that fails."""

    checks: int
    # Recursion multiplies the checks at each level.
    multiplies: bool
    # Values in the largest error.
    error_size: int


def growth_of(graph: Graph, faults: Faults) -> Growth | None:
    """Bound what a schema costs, and refuse one without a bound."""
    for component in components(graph.nodes, lambda node: node.in_place()):
        if len(component) > 1 or component[0] in component[0].in_place():
            first = min(component, key=lambda node: len(node.path))
            faults.add(first.path, "the schema applies itself to the same value without end")
            return None
    checks: dict[Node, int] = {}
    multiplies = False
    for component in components(graph.nodes, lambda node: node.next()):
        inside = set(component)
        multiplies = multiplies or any(_overlaps(node, inside) for node in component)
        # Within a cycle, what leads back counts once.
        found = [(node, _checks(node, checks)) for node in component]
        checks.update(found)
        for node, cost in found:
            if cost > MAX_CHECKS:
                detail = (
                    f"one value would take more than {MAX_CHECKS:,} checks, or a search in as many values"
                )
                faults.add(node.path, detail)
                return None
    return Growth(checks[graph.root], multiplies, error_size=max(map(_error_size, graph.nodes)))


def _checks(node: Node, known: dict[Node, int]) -> int:
    def cost(other: Node | None) -> int:
        return known.get(other, 1) if other is not None else 0

    members = max(map(cost, node.properties.values()), default=0) + sum(map(cost, node.patterns.values()))
    items = max((*map(cost, node.prefix), cost(node.items)))
    own = max(
        _choices(node),
        members,
        cost(node.additional),
        cost(node.unevaluated),
        items + sum(map(cost, node.beside)),
    )
    # Finding out what wasn't evaluated applies the parts of a schema again.
    again = 3 if node.evaluates_again else 1
    return min(own + again * sum(map(cost, node.in_place())), 2 * MAX_CHECKS)


def _choices(node: Node) -> int:
    choices = node.schema.get("enum") if isinstance(node.schema, dict) else None
    if not isinstance(choices, list) or all(isinstance(choice, str) for choice in choices):
        return 1
    return sum(map(_cost_of_choice, choices))


def _cost_of_choice(choice: Any) -> int:
    if isinstance(choice, (dict, list)):
        return _PER_COMPOSITE
    if isinstance(choice, float):
        return _PER_FRACTION
    return _PER_INTEGER if isinstance(choice, int) else _PER_TEXT


def _error_size(node: Node) -> int:
    if isinstance(node.schema, bool):
        return 1
    return 1 + sum(extent_of(node.schema[keyword])[0] for keyword in _COPIED if keyword in node.schema)


def _overlaps(node: Node, inside: set[Node]) -> bool:
    """Tell whether two ways lead back into a cycle from one value."""
    ways = sum(other in inside for other in (*node.in_place(), *node.patterns.values(), *node.beside))
    ways += any(other in inside for other in node.properties.values())
    ways += any(other in inside for other in (node.additional, node.unevaluated))
    ways += any(other in inside for other in (*node.prefix, node.items))
    return ways > 1


def components(nodes: Iterable[Node], follow: Callable[[Node], Iterable[Node]]) -> Iterator[list[Node]]:
    """Yield the strongly connected components (Tarjan's), each after all that it leads to; without recursion."""
    order: dict[Node, int] = {}
    low: dict[Node, int] = {}
    open_nodes: dict[Node, None] = {}
    for start in nodes:
        if start in order:
            continue
        order[start] = low[start] = len(order)
        open_nodes[start] = None
        stack = [(start, iter(list(follow(start))))]
        while stack:
            node, others = stack[-1]
            other = next(others, None)
            if other is None:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[node])
                if low[node] == order[node]:
                    yield _closed(open_nodes, node)
            elif other not in order:
                order[other] = low[other] = len(order)
                open_nodes[other] = None
                stack.append((other, iter(list(follow(other)))))
            elif other in open_nodes:
                low[node] = min(low[node], order[other])


def _closed(open_nodes: dict[Node, None], node: Node) -> list[Node]:
    component = []
    while True:
        last, _ = open_nodes.popitem()
        component.append(last)
        if last is node:
            return component
