"""Walking data along a schema: each place of the data is seen once, with all the schemas that apply to it.

A set of schemas that apply to one place is a state. States are made when data first reaches them and kept,
so recursion costs nothing that the data doesn't ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from db.definitions.edits import escaped
from db.definitions.nodes import leading_to
from db.definitions.paths import id_text
from db.definitions.patterns import matcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from db.definitions.edits import Path
    from db.definitions.nodes import Graph, Node

# Data chooses which states are made, and a schema may have more of them than there is memory: so many names
# of fields are kept.
MAX_KEPT: Final = 200_000


class ReferenceFound(msgspec.Struct, frozen=True, gc=False):
    """A value that refers to a record of another type, at a JSON pointer within data."""

    pointer: str
    target_type_id: str
    external_id: str


class States:
    """The states of one schema; shared by all threads, for whom making one twice does no harm."""

    def __init__(self, graph: Graph, targets: Mapping[str, str]) -> None:
        nodes = graph.nodes
        self.targets = targets
        self.referring = leading_to(nodes, (node for node in nodes if node.reference is not None))
        self.closing = leading_to(nodes, (node for node in nodes if node.declares_fields))
        self.matchers: dict[str, Callable[[str], bool]] = {
            pattern: matcher((pattern,)) for node in nodes for pattern in node.patterns
        }
        self._kept: dict[frozenset[Node], State] = {}
        self._weight = 0
        self.root = self.of((graph.root,))

    def of(self, nodes: Iterable[Node]) -> State:
        """Find the state of a place that these schemas apply to."""
        # What `not` refuses tells nothing about the fields of a value, so it isn't followed.
        found = dict.fromkeys(nodes)
        waiting = list(found)
        while waiting:
            node = waiting.pop()
            for other in (*node.local, *node.applied):
                if other not in found:
                    found[other] = None
                    waiting.append(other)
        # A `$ref` to what many share makes no state of its own.
        saying = tuple(node for node in found if node.says_something())
        key = frozenset(saying)
        state = self._kept.get(key)
        if state is None:
            state = State(self, saying)
            if self._weight < MAX_KEPT:
                self._weight += 1 + len(state.known)
                self._kept[key] = state
        return state


class State:
    """What a schema says of one place of the data."""

    __slots__ = (
        "_elements",
        "_members",
        "_nodes",
        "_patterns",
        "_prefix_length",
        "_states",
        "closed",
        "closing_elements",
        "closing_names",
        "closing_others",
        "known",
        "referring_elements",
        "referring_names",
        "targets",
    )

    def __init__(self, states: States, nodes: tuple[Node, ...]) -> None:
        self._states = states
        self._nodes = nodes
        self._members: dict[str, State] = {}
        self._elements: dict[int, State] = {}
        self._patterns = tuple(dict.fromkeys(pattern for node in nodes for pattern in node.patterns))
        self._prefix_length = max((len(node.prefix) for node in nodes), default=0)
        names = [node.reference for node in nodes if node.reference is not None]
        self.targets = tuple(dict.fromkeys(states.targets[name] for name in names))
        self.known = frozenset(name for node in nodes for name in node.properties)
        # Fields that aren't known are unknown, unless a pattern admits them.
        self.closed = any(node.declares_fields for node in nodes) and not any(map(_admits_all, nodes))
        self.referring_names = _leading(nodes, states.referring)
        self.referring_elements = any(node.items in states.referring for node in nodes)
        self.closing_names = _leading(nodes, states.closing)
        self.closing_others = any(
            other in states.closing
            for node in nodes
            for other in (*node.patterns.values(), node.additional, node.unevaluated)
        )
        self.closing_elements = any(
            other in states.closing for node in nodes for other in (*node.prefix, node.items)
        )

    def member(self, name: str) -> State:
        """Find the state of an object's field."""
        state = self._members.get(name)
        if state is None:
            state = self._states.of(self._of_member(name))
            if name in self.known:  # the other names are the data's, without number
                self._members[name] = state
        return state

    def _of_member(self, name: str) -> list[Node]:
        found: list[Node] = []
        for node in self._nodes:
            mine = [node.properties[name]] if name in node.properties else []
            matchers = self._states.matchers
            mine += [other for pattern, other in node.patterns.items() if matchers[pattern](name)]
            found += mine or ([node.additional] if node.additional is not None else [])
        return found or [node.unevaluated for node in self._nodes if node.unevaluated is not None]

    def element(self, index: int) -> State:
        """Find the state of an array's element."""
        index = min(index, self._prefix_length)
        state = self._elements.get(index)
        if state is None:
            nodes = (node.prefix[index] if index < len(node.prefix) else node.items for node in self._nodes)
            state = self._elements[index] = self._states.of([node for node in nodes if node is not None])
        return state

    def _matches(self, name: str) -> bool:
        return bool(self._patterns) and matcher(self._patterns)(name)

    def admits(self, name: str) -> bool:
        """Tell whether an object may have a field, whatever validation says of its value."""
        return not self.closed or name in self.known or self._matches(name)


def _admits_all(node: Node) -> bool:
    return node.admits_all()


def _leading(nodes: tuple[Node, ...], ends: set[Node]) -> tuple[tuple[str, str], ...]:
    """List the properties that lead to some of the `ends`, each with its step of a JSON pointer."""
    names = [name for node in nodes for name, other in node.properties.items() if other in ends]
    return tuple((name, escaped(name)) for name in dict.fromkeys(names))


def find_references(state: State, value: Any, pointer: str, found: list[ReferenceFound]) -> None:
    """Collect the references in a value; what can't be one is left to validation."""
    if isinstance(value, dict):
        _find_references_within(state, value, pointer, found)
    elif isinstance(value, list):
        if state.referring_elements:
            for index, element in enumerate(value):
                find_references(state.element(index), element, f"{pointer}/{index}", found)
    elif state.targets:
        external_id = id_text(value)
        if external_id is not None:
            found.extend([ReferenceFound(pointer, target, external_id) for target in state.targets])


def _find_references_within(
    state: State, value: dict[str, Any], pointer: str, found: list[ReferenceFound]
) -> None:
    for name, step in state.referring_names:
        if name in value:
            part = value[name]
            below = state.member(name)
            if isinstance(part, str):  # the plain case, without a call
                found.extend([ReferenceFound(pointer + step, target, part) for target in below.targets])
            else:
                find_references(below, part, pointer + step, found)


def find_unknown(state: State, value: Any, path: Path, found: list[Path]) -> None:
    """Collect the paths of fields that a schema doesn't know; what is in them isn't looked at."""
    if isinstance(value, dict):
        if state.closed and not value.keys() <= state.known:
            found.extend([(*path, name) for name in value if not state.admits(name)])
        if state.closing_names or state.closing_others:
            _find_unknown_within(state, value, path, found)
    elif isinstance(value, list) and state.closing_elements:
        for index, element in enumerate(value):
            if isinstance(element, (dict, list)):
                find_unknown(state.element(index), element, (*path, index), found)


def _find_unknown_within(state: State, value: dict[str, Any], path: Path, found: list[Path]) -> None:
    # A field that isn't admitted itself has no state of interest, so what is in it isn't looked at.
    names = value if state.closing_others else [name for name, _ in state.closing_names if name in value]
    for name in names:
        part = value[name]
        if isinstance(part, (dict, list)):
            find_unknown(state.member(name), part, (*path, name), found)
