"""Arguments as a Strawberry resolver takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.types.arguments import convert_argument
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryOptional,
    get_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition

from graphql_schema.executor.marks import as_it_came

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLField
    from strawberry.types.field import StrawberryField

    from graphql_schema.executor.runs import Run

_LEAVES = (str, int, float, bool, strawberry.ID)


class Conversion:
    """How the arguments of a field, by the schema's names, become those of its resolver."""

    def __init__(self, declared: StrawberryField, definition: GraphQLField) -> None:
        pairs = zip(definition.args, declared.arguments, strict=True)
        self._arguments = [(name, each, _simple(each.type)) for name, each in pairs]

    def fixed(self, given: dict[str, Any]) -> dict[str, Any] | None:
        """Return the arguments if they serve for all calls, else `None`."""
        if not given:
            return {}
        made: dict[str, Any] = {}
        for name, argument, simple in self._arguments:
            if name not in given:
                continue
            if simple is not as_it_came and not (simple is _copied and given[name] is None):
                return None
            made[str(argument.python_name)] = given[name]
        return made

    def made(self, run: Run, given: dict[str, Any], info: Any) -> dict[str, Any]:
        """Return the arguments for one call."""
        made: dict[str, Any] = {}
        converter = run.strawberry_schema.schema_converter
        for name, argument, simple in self._arguments:
            if name not in given:
                continue
            if simple is not None:
                made[str(argument.python_name)] = simple(given[name])
                continue
            made[str(argument.python_name)] = convert_argument(
                given[name],
                argument.type,
                scalar_registry=converter.scalar_registry,
                config=converter.config,
                info=info,
                path=(name,),
            )
        return made


def _simple(kind: Any) -> Callable[[Any], Any] | None:
    """Return what converts a type's values as Strawberry does, if that is next to nothing."""
    if isinstance(kind, StrawberryMaybe):
        return None
    if isinstance(kind, StrawberryOptional):
        return _simple(kind.of_type)
    if isinstance(kind, StrawberryList):
        inner = kind.of_type
        while isinstance(inner, StrawberryOptional) and not isinstance(inner, StrawberryMaybe):
            inner = inner.of_type
        if _comes_as_it_is(inner):
            return as_it_came
        return _copied if inner in _LEAVES else None
    if kind in _LEAVES or _comes_as_it_is(kind) or isinstance(kind, StrawberryEnumDefinition):
        return as_it_came
    return None


def _copied(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value


def _comes_as_it_is(kind: Any) -> bool:
    definition = get_object_definition(kind)
    return definition is not None and definition.from_input is as_it_came
