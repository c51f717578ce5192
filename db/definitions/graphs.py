"""Making a graph of a schema, and what keeps a schema from being one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from db.definitions.dialects import BELOW, NOWHERE, Dialect
from db.definitions.edits import pointer_to
from db.definitions.nodes import Graph, Node
from db.errors import Code, Fault

if TYPE_CHECKING:
    from db.definitions.edits import Path

MAX_NODES: Final = 20_000
MAX_FAULTS: Final = 100
MAX_REFERENCE_NAME: Final = 256
REFERENCE_PREFIXES: Final = ("schemas/", "reach:schemas/")


class TooMuch(Exception):
    """A schema that is larger or worse than what is read to its end."""


class Faults(list[Fault]):
    """What is wrong with a schema, each with a pointer into it."""

    def add(self, path: Path, detail: str, *, code: Code = Code.INVALID_VALUE) -> None:
        self.append(Fault(code, f"/schema{pointer_to(path)}", detail))
        if len(self) >= MAX_FAULTS:
            raise TooMuch


class GraphBuilder:
    """Reads a schema that its metaschema has accepted."""

    def __init__(self, schema: dict[str, Any] | bool, dialect: Dialect, faults: Faults) -> None:
        self._schema = schema
        self._dialect = dialect
        self._known = dialect.known
        self._faults = faults
        self._nodes: dict[Path, Node] = {}
        self._waiting: list[Node] = []
        self._anchors: dict[str, Node] = {}
        # Schemas under keywords that no draft knows, which a local `$ref` leads to: no metaschema has seen them.
        self.strays: list[Node] = []

    def build(self) -> Graph:
        root = self._node((), self._schema)
        self._read_waiting()
        resolved = 0
        # A `$ref` may lead to a schema that nothing else leads to, with a `$ref` of its own.
        while resolved < len(self._nodes):
            for node in list(self._nodes.values())[resolved:]:
                resolved += 1
                if isinstance(node.schema, dict):
                    self._resolve_all(node, node.schema)
        return Graph(root, tuple(self._nodes.values()))

    def _node(self, path: Path, schema: dict[str, Any] | bool) -> Node:
        if len(self._nodes) >= MAX_NODES:
            self._faults.add(path, f"the schema has more than {MAX_NODES:,} schemas within it")
            raise TooMuch
        node = self._nodes[path] = Node(path, schema)
        self._waiting.append(node)
        return node

    def _read_waiting(self) -> None:
        while self._waiting:
            node = self._waiting.pop()
            if isinstance(node.schema, dict):
                self._read_identity(node, node.schema)
                self._read_parts(node, node.schema)

    def _read_parts(self, node: Node, schema: dict[str, Any]) -> None:
        dialect = self._dialect
        stands_alone = dialect.ref_stands_alone and isinstance(schema.get("$ref"), str)
        for keyword, value in schema.items():
            if isinstance(value, (dict, bool)) and keyword in dialect.single:
                where = NOWHERE if stands_alone else dialect.single[keyword]
                _attach(node, keyword, self._node((*node.path, keyword), value), where)
            elif isinstance(value, list) and keyword in dialect.array:
                where = NOWHERE if stands_alone else dialect.array[keyword]
                for index, part in enumerate(value):
                    if isinstance(part, (dict, bool)):
                        _attach_one(node, self._node((*node.path, keyword, index), part), where)
            elif isinstance(value, dict) and keyword in dialect.named:
                where = NOWHERE if stands_alone else dialect.named[keyword]
                node.declares_fields |= keyword == "properties" and where == BELOW
                for name, part in value.items():
                    if isinstance(part, (dict, bool)):
                        _attach_named(
                            node, keyword, name, self._node((*node.path, keyword, name), part), where=where
                        )

    def _read_identity(self, node: Node, schema: dict[str, Any]) -> None:
        anchors = [schema[keyword] for keyword in self._dialect.anchors if keyword in schema]
        identity = schema.get("$id")
        if isinstance(identity, str) and identity.startswith("#") and self._dialect.ref_stands_alone:
            anchors.append(identity[1:])
        elif identity is not None and node.path:
            self._faults.add((*node.path, "$id"), "$id is allowed at the root only")
        if "$schema" in schema and node.path:
            self._faults.add((*node.path, "$schema"), "$schema is allowed at the root only")
        for anchor in anchors:
            if isinstance(anchor, str) and self._anchors.setdefault(anchor, node) is not node:
                self._faults.add(node.path, f"the anchor {anchor[:100]} is given twice")

    def _resolve_all(self, node: Node, schema: dict[str, Any]) -> None:
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            target = schema.get(keyword)
            if not isinstance(target, str):
                continue
            if keyword == "$ref" and target.startswith(REFERENCE_PREFIXES):
                self._read_reference(node, target)
            elif not target.startswith("#"):
                detail = f"{keyword} is remote: it must begin with '#', or be schemas/NAME: {target[:100]}"
                self._faults.add((*node.path, keyword), detail)
            elif keyword in self._dialect.refs:
                found = self._resolve(target)
                if found is None:
                    detail = f"{keyword} leads to no schema in this document: {target[:100]}"
                    self._faults.add((*node.path, keyword), detail)
                else:
                    node.local.append(found)

    def _read_reference(self, node: Node, target: str) -> None:
        name = target.removeprefix("reach:").removeprefix("schemas/")
        if not 1 <= len(name) <= MAX_REFERENCE_NAME:
            detail = f"a reference names a type in 1 to {MAX_REFERENCE_NAME} characters"
            self._faults.add((*node.path, "$ref"), detail)
        else:
            node.reference = name

    def _resolve(self, target: str) -> Node | None:
        fragment = unquote(target[1:])
        if fragment and not fragment.startswith("/"):
            return self._anchors.get(fragment)
        path: list[str | int] = []
        value: Any = self._schema
        for token in fragment.split("/")[1:]:
            token = token.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and token in value:
                path.append(token)
                value = value[token]
            elif isinstance(value, list) and token.isdecimal() and int(token[:9]) < len(value):
                path.append(int(token[:9]))
                value = value[int(token[:9])]
            else:
                return None
        return self._nodes.get(tuple(path)) or self._stray(tuple(path), value)

    def _stray(self, path: Path, value: Any) -> Node | None:
        above = next(path[:length] for length in range(len(path) - 1, -1, -1) if path[:length] in self._nodes)
        if path[len(above)] in self._known or not isinstance(value, (dict, bool)):
            return None
        node = self._node(path, value)
        self.strays.append(node)
        self._read_waiting()
        return node


def _attach(node: Node, keyword: str, part: Node, where: str) -> None:
    if where == NOWHERE:
        return
    if where != BELOW:
        (node.negated if keyword == "not" else node.applied).append(part)
    elif keyword == "additionalProperties":
        node.additional = part
    elif keyword == "items":
        node.items, node.items_alone = part, True
    elif keyword == "additionalItems":
        # It has a meaning beside an array of `items` only.
        if isinstance(node.schema, dict) and isinstance(node.schema.get("items"), list):
            node.items = part
    else:
        node.evaluates_again |= keyword.startswith("unevaluated")
        if keyword == "unevaluatedProperties":
            node.unevaluated = part
        else:
            node.beside.append(part)


def _attach_one(node: Node, part: Node, where: str) -> None:
    if where == BELOW:
        node.prefix.append(part)
    elif where != NOWHERE:
        node.applied.append(part)


def _attach_named(node: Node, keyword: str, name: str, part: Node, *, where: str) -> None:
    if where == BELOW:
        (node.properties if keyword == "properties" else node.patterns)[name] = part
    elif where != NOWHERE:
        node.applied.append(part)
