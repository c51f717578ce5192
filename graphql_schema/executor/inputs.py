"""Variables: what fits is checked by msgspec in one pass and taken as it came; graphql-core tells what is wrong."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
    Undefined,
    is_required_input_field,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, input_is_nested_too_deeply
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_value

from graphql_schema.executor.marks import as_it_came

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from graphql import GraphQLInputType, GraphQLSchema, VariableDefinitionNode
    from graphql.execution.get_variable_signature import GraphQLVariableSignature

# Scalars whose values, if they are of this class, are taken as they are.
_SAME: dict[Any, Any] = {
    GraphQLString: str,
    GraphQLID: str,
    GraphQLBoolean: bool,
    GraphQLInt: Annotated[int, msgspec.Meta(ge=GRAPHQL_MIN_INT, le=GRAPHQL_MAX_INT)],
}


class _Given:
    """A value that is taken as it came, and isn't null."""


_GIVEN = _Given()


class _Unfit(Exception):
    """A type some values of which must be converted."""


class Variables:
    """The variables of an operation."""

    def __init__(self, schema: GraphQLSchema, nodes: Collection[VariableDefinitionNode]) -> None:
        self._signatures: list[tuple[GraphQLVariableSignature, bool, Any]] = []
        self._readable = True
        for node in nodes:
            signature = get_variable_signature(schema, node)
            if isinstance(signature, GraphQLError):
                self._readable = False
            else:
                self._signatures.append(
                    (signature, node.default_value is not None, _checked_as(signature.type))
                )

    def coerced(self, given: Mapping[str, Any]) -> VariableValues | None:
        """Return the values of the variables; `None` if anything is wrong with them."""
        if not self._readable:
            return None
        try:
            return self._coerced(given)
        except Exception:  # noqa: BLE001 - graphql-core finds it again, and tells it
            return None

    def _coerced(self, given: Mapping[str, Any]) -> VariableValues | None:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, has_default, shape in self._signatures:
            name = signature.name
            value = given.get(name, Undefined)
            if value is Undefined:
                sources[name] = VariableValueSource(signature)
                if has_default:
                    default = coerce_default_value(signature)
                    if default is not Undefined:
                        coerced[name] = default
                elif isinstance(signature.type, GraphQLNonNull):
                    return None
                continue
            sources[name] = VariableValueSource(signature, value)
            if type(value) is shape or (shape is not None and _fits(value, shape)):
                coerced[name] = value
                continue
            if input_is_nested_too_deeply(value, signature.type):
                return None
            coerced[name] = coerce_input_value(value, signature.type)
            if coerced[name] is Undefined:
                return None
        return VariableValues(sources, coerced)


def _fits(value: Any, shape: Any) -> bool:
    """Tell whether a value is what coercing it would give."""
    try:
        msgspec.convert(value, shape, dec_hook=_given)
    except (msgspec.ValidationError, RecursionError):
        return False
    return True


def _given(_kind: type, value: Any) -> _Given:
    # Cheaper than a union of all classes but one, by which msgspec would copy whatever is inside.
    if value is None:
        raise ValueError("null")
    return _GIVEN


def _checked_as(kind: GraphQLInputType) -> Any:
    """Return the type by which values are checked, `None` for a type that is better coerced."""
    inner: Any = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if _SAME.get(inner) in (str, bool):
        return _SAME[inner]
    if not isinstance(inner, (GraphQLList, GraphQLInputObjectType)):
        return None
    try:
        return _shape(kind, ())
    except _Unfit:
        return None


def _shape(kind: Any, around: tuple[GraphQLInputObjectType, ...]) -> Any:
    if isinstance(kind, GraphQLNonNull):
        inner = _inner_shape(kind.of_type, around)
        return _Given if inner is Any else inner
    inner = _inner_shape(kind, around)
    return inner if inner is Any else inner | NoneType


def _inner_shape(kind: Any, around: tuple[GraphQLInputObjectType, ...]) -> Any:
    if isinstance(kind, GraphQLList):
        return list[_shape(kind.of_type, around)]  # type: ignore[misc]  # a type made at run time
    if isinstance(kind, GraphQLInputObjectType):
        return _struct(kind, around)
    if kind in _SAME:
        return _SAME[kind]
    if getattr(kind, "coerce_input_value", None) is as_it_came:
        return Any
    raise _Unfit


def _struct(kind: GraphQLInputObjectType, around: tuple[GraphQLInputObjectType, ...]) -> Any:
    """Return a struct that an input type's values fit, if those have nothing to be filled in or converted."""
    if kind in around or kind.is_one_of or kind.out_type is not GraphQLInputObjectType.out_type:
        raise _Unfit
    fields: list[Any] = []
    names: dict[str, str] = {}
    for index, (name, field) in enumerate(kind.fields.items()):
        if field.out_name not in (None, name) or coerce_default_value(field) is not Undefined:
            raise _Unfit
        # The names of a schema may be words of Python.
        own = f"f{index}"
        names[own] = name
        shape = _shape(field.type, (*around, kind))
        fields.append(
            (own, shape)
            if is_required_input_field(field)
            else (own, shape | msgspec.UnsetType, msgspec.UNSET)
        )
    return msgspec.defstruct(
        kind.name, sorted(fields, key=len), rename=names, forbid_unknown_fields=True, gc=False
    )
