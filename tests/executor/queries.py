"""Random operations on a schema: aliases, fragments, conditions, arguments, variables, merged fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_leaf_type,
)

if TYPE_CHECKING:
    from random import Random

    from graphql import GraphQLField, GraphQLNamedType, GraphQLSchema

DEEPEST = 4


@dataclass
class Query:
    """An operation as text, with its variables."""

    random: Random
    schema: GraphQLSchema
    variables: dict[str, Any] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """What each response key stands for, so that equal keys are of equal fields."""

    def text(self) -> str:
        """Draw the operation."""
        query = self.schema.query_type
        assert query is not None
        selected = self._selection(query, 0)
        if self.random.random() < 0.1:
            selected += " __schema { queryType { name } }"
        declared = ", ".join(f"${name}: {kind}" for name, kind in self.declared.items())
        head = f"query ({declared})" if declared else "query"
        return " ".join([head, "{", selected, "}", *self.fragments.values()])

    def _selection(self, kind: GraphQLNamedType, depth: int) -> str:
        random = self.random
        parts = []
        for _ in range(random.randint(1, 4)):
            choice = random.random()
            if choice < 0.1:
                parts.append("__typename" + self._condition())
            elif choice < 0.25 and depth < DEEPEST:
                parts.append(self._inline(kind, depth))
            elif choice < 0.33 and depth < DEEPEST:
                parts.append(self._spread(kind, depth))
            elif isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
                parts.append(self._field(kind, depth))
        # A condition could leave nothing of the others.
        return " ".join([*parts, "__typename"] if not parts or random.random() < 0.5 else parts)

    def _inline(self, kind: GraphQLNamedType, depth: int) -> str:
        on = self._narrowed(kind)
        named = f" on {on.name}" if on is not kind or self.random.random() < 0.5 else ""
        return f"...{named}{self._condition()} {{ {self._selection(on, depth + 1)} }}"

    def _spread(self, kind: GraphQLNamedType, depth: int) -> str:
        on = self._narrowed(kind)
        known = [name for name in self.fragments if name.startswith(f"On{on.name}_")]
        if known and self.random.random() < 0.3:
            return f"...{self.random.choice(known)}{self._condition()}"
        selected = self._selection(on, depth + 1)
        name = f"On{on.name}_{len(self.fragments)}"
        self.fragments[name] = f"fragment {name} on {on.name} {{ {selected} }}"
        return f"...{name}{self._condition()}"

    def _narrowed(self, kind: GraphQLNamedType) -> GraphQLNamedType:
        if is_abstract_type(kind) and self.random.random() < 0.8:
            chosen: GraphQLNamedType = self.random.choice(self.schema.get_possible_types(kind))
            return chosen
        if isinstance(kind, GraphQLObjectType) and kind.interfaces and self.random.random() < 0.3:
            above: GraphQLNamedType = kind.interfaces[0]
            return above
        return kind

    def _field(self, kind: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        random = self.random
        names = [
            name
            for name, each in kind.fields.items()
            if depth < DEEPEST or is_leaf_type(get_named_type(each.type))
        ]
        if not names:
            return "__typename"
        name = random.choice(names)
        definition = kind.fields[name]
        asked = name + self.arguments(definition)
        key = name if random.random() < 0.6 else f"k{random.randrange(6)}"
        # Fields of different types may share a key, if they can't be of one object; here, they don't.
        stands_for = f"{definition.type} {asked}"
        while self.keys.setdefault(key, stands_for) != stands_for:
            key = f"k{random.randrange(1_000)}"
        alias = "" if key == name else f"{key}: "
        return f"{alias}{asked}{self._condition()}{self._below(definition, depth)}"

    def _below(self, definition: GraphQLField, depth: int) -> str:
        answer = get_named_type(definition.type)
        return f" {{ {self._selection(answer, depth + 1)} }}" if is_composite_type(answer) else ""

    def arguments(self, definition: GraphQLField) -> str:
        """Draw the arguments of a field."""
        if not definition.args or self.random.random() < 0.4:
            return ""
        if self.random.random() < 0.5:
            return f"(number: {self.random.randrange(3)})"
        return f"(number: ${self.variable('Int! = 1', self.random.choice((0, 1, 2)))})"

    def _condition(self) -> str:
        if self.random.random() < 0.8:
            return ""
        value = self.random.random() < 0.5
        name = self.random.choice(("skip", "include"))
        if self.random.random() < 0.5:
            return f" @{name}(if: {str(value).lower()})"
        return f" @{name}(if: ${self.variable('Boolean!', value)})"

    def variable(self, kind: str, value: Any) -> str:
        """Declare a variable, and give it a value or leave it to its default."""
        name = f"v{len(self.declared)}"
        self.declared[name] = kind
        if not kind.endswith("1") or self.random.random() < 0.5:
            self.variables[name] = value
        return name
