"""How often a schema has one and the same value checked: what would never end is refused before it is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from db.definitions.graphs import Faults
    from db.definitions.nodes import Graph, Node

# Checks of one value: more than an `anyOf` of hundreds makes, and soon done.
MAX_CHECKS: Final = 2_000
# `$ref` to `$ref` to `$ref`: the validator goes down them on the stack.
MAX_CHAIN: Final = 200


class Growth(NamedTuple):
    """How many checks a value needs at most, and whether recursion multiplies them at each level."""

    checks: int
    multiplies: bool


def growth_of(graph: Graph, faults: Faults) -> Growth:
    """Bound what a schema costs, and refuse one without a bound."""
    for component in components(graph.nodes, lambda node: node.in_place()):
        if len(component) > 1 or component[0] in component[0].in_place():
            first = min(component, key=lambda node: len(node.path))
            faults.add(first.path, "the schema applies itself to the same value without end")
            return Growth(0, multiplies=False)
    checks: dict[Node, int] = {}
    chains: dict[Node, int] = {}
    multiplies = False
    for component in components(graph.nodes, lambda node: node.next()):
        inside = set(component)
        multiplies = multiplies or any(_overlaps(node, inside) for node in component)
        # Within a cycle, what leads back counts once.
        found = [(node, _checks(node, checks), _chain(node, chains)) for node in component]
        for node, cost, length in found:
            checks[node], chains[node] = cost, length
            if cost > MAX_CHECKS or length > MAX_CHAIN:
                faults.add(node.path, _detail(cost))
                return Growth(0, multiplies=False)
    return Growth(checks[graph.root], multiplies)


def _detail(cost: int) -> str:
    if cost > MAX_CHECKS:
        return f"one value would be checked against more than {MAX_CHECKS:,} schemas"
    return f"more than {MAX_CHAIN} schemas lead to one another in a row"


def _checks(node: Node, known: dict[Node, int]) -> int:
    def cost(other: Node | None) -> int:
        return known.get(other, 1) if other is not None else 0

    members = max(map(cost, node.properties.values()), default=0) + sum(map(cost, node.patterns.values()))
    items = max((*map(cost, node.prefix), cost(node.items)))
    own = max(1, members, cost(node.additional), cost(node.unevaluated), items + sum(map(cost, node.beside)))
    # Finding out what wasn't evaluated applies the parts of a schema again.
    again = 3 if node.evaluates_again else 1
    return min(own + again * sum(map(cost, node.in_place())), 2 * MAX_CHECKS)


def _chain(node: Node, known: dict[Node, int]) -> int:
    return 1 + max((known.get(other, 0) for other in node.next()), default=0)


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
