"""Where the values of a field come from, for all objects of a level."""

from __future__ import annotations

from asyncio import isfuture
from operator import attrgetter
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol

from graphql import is_introspection_type
from graphql.pyutils import is_awaitable
from graphql.type import SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef
from strawberry.types.field import StrawberryField

from graphql_schema.executor.arguments import Conversion
from graphql_schema.executor.fallback import Stock
from graphql_schema.executor.infos import ResolveInfo
from graphql_schema.executor.marks import BREADTH_FIRST, Batched, Keyed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from strawberry.types.fields.resolver import StrawberryResolver

    from graphql_schema.executor.fields import FieldPlan
    from graphql_schema.executor.places import Place
    from graphql_schema.executor.runs import Run

DEFINITION = "strawberry-definition"
# How often a long row of calls looks at the clock.
CALLS_PER_LOOK = 256


class Source(Protocol):
    """What has the values of a field: a list of as many as there are parents, or a coroutine of it."""

    def values(self, run: Run, objects: list[Any], place: Place) -> Any:
        """Return them; an exception is the error of its place."""


def of(field: FieldPlan) -> Source | Keyed | Stock:
    """Choose how a field is resolved, from the fastest way to that of graphql-core."""
    definition = field.definition
    if definition is TypeNameMetaFieldDef:
        return TypeName(field)
    if definition in (SchemaMetaFieldDef, TypeMetaFieldDef) or is_introspection_type(field.parent_type):
        return Stock(field)
    declared = definition.extensions.get(DEFINITION)
    if field.wrapped or not isinstance(declared, StrawberryField) or not _is_plain(declared):
        return Called(field)
    resolver = declared.base_resolver
    if resolver is None:
        return (
            Attribute(field, declared.python_name) if declared.default_resolver is getattr else Called(field)
        )
    metadata: Mapping[Any, Any] = declared.metadata or {}
    match metadata.get(BREADTH_FIRST):
        case Keyed() as mark if not definition.args:
            return mark
        case Batched() as mark:
            return Resolved(field, declared, mark)
        case _:
            return Direct(field, declared, resolver)


def _is_plain(declared: StrawberryField) -> bool:
    """Tell whether nothing stands between a field and its resolver: no permission, extension or handler."""
    return not declared.extensions and type(declared).get_result is StrawberryField.get_result


class TypeName:
    """`__typename`."""

    def __init__(self, field: FieldPlan) -> None:
        self.name = field.parent_type.name

    def values(self, _run: Run, objects: list[Any], _place: Place) -> list[Any]:
        """Return the type's name for each."""
        return [self.name] * len(objects)


class Attribute:
    """A field without a resolver: an attribute of the parent."""

    def __init__(self, field: FieldPlan, name: str) -> None:
        self.field, self.name = field, name
        self._read = attrgetter(name)

    def values(self, run: Run, objects: list[Any], _place: Place) -> Any:
        """Read the attribute of each parent."""
        try:
            values = [*map(self._read, objects)]
        except Exception:  # noqa: BLE001 - found again, parent by parent
            values = one_by_one(self._read, objects)
        return run.settled(values)


class Called:
    """Any resolver of graphql-core, called for each parent."""

    def __init__(self, field: FieldPlan) -> None:
        self.field = field

    def values(self, run: Run, objects: list[Any], place: Place) -> Any:
        """Call it."""
        field = self.field
        resolve = field.definition.resolve or run.executor.field_resolver
        try:
            arguments = field.arguments(run)
        except Exception as error:  # noqa: BLE001 - the error of each parent
            return [error] * len(objects)
        values = []
        for index, each in enumerate(objects):
            if not index % CALLS_PER_LOOK:
                run.pace(0)
            try:
                values.append(resolve(each, ResolveInfo(run, field, place, index), **arguments))
            except Exception as error:  # noqa: BLE001 - the error of its place
                values.append(error)
        return run.settled(values)


class Direct:
    """A Strawberry resolver, called for each parent without what Strawberry wraps around it."""

    def __init__(
        self, field: FieldPlan, declared: StrawberryField, resolver: StrawberryResolver[Any]
    ) -> None:
        self.field, self.declared, self.resolver = field, declared, resolver
        self._of_parent = [
            parameter.name for parameter in (resolver.parent_parameter, resolver.root_parameter) if parameter
        ]
        self._positional = resolver.self_parameter is not None
        self._info = resolver.info_parameter.name if resolver.info_parameter else None
        self._conversion = Conversion(declared, field.definition)

    def values(self, run: Run, objects: list[Any], place: Place) -> Any:
        """Call it."""
        field, conversion = self.field, self._conversion
        try:
            given = field.arguments(run)
        except Exception as error:  # noqa: BLE001 - the error of each parent
            return [error] * len(objects)
        info_class = run.strawberry_schema.config.info_class
        # Made once where nothing in them could be changed by a resolver, or depends on its info.
        fixed = conversion.fixed(given)
        values: list[Any] = []
        info: Any = None
        for index, each in enumerate(objects):
            if not index % CALLS_PER_LOOK:
                run.pace(0)
            try:
                if self._info is not None or fixed is None:
                    info = info_class(ResolveInfo(run, field, place, index), self.declared)
                keywords = dict(fixed) if fixed is not None else conversion.made(run, given, info)
                for name in self._of_parent:
                    keywords[name] = each
                if self._info is not None:
                    keywords[self._info] = info
                called = self.resolver(each, **keywords) if self._positional else self.resolver(**keywords)
                values.append(called)
            except Exception as error:  # noqa: BLE001 - the error of its place
                values.append(error)
        return run.settled(values)


class Resolved:
    """A resolver that takes all parents at once."""

    def __init__(self, field: FieldPlan, declared: StrawberryField, mark: Batched) -> None:
        self.field, self.declared, self.mark = field, declared, mark
        self._conversion = Conversion(declared, field.definition)

    def values(self, run: Run, objects: list[Any], place: Place) -> Any:
        """Call it once."""
        info = ResolveInfo(run, self.field, place)
        try:
            given = self.field.arguments(run)
            arguments = self._conversion.fixed(given)
            if arguments is None:
                arguments = self._conversion.made(
                    run, given, run.strawberry_schema.config.info_class(info, self.declared)
                )
            answer = self.mark.resolve(objects, info, **arguments)
        except Exception as error:  # noqa: BLE001 - the error of each parent
            return [error] * len(objects)
        return checked(run, answer, len(objects))


def one_by_one(function: Callable[[Any], Any], objects: list[Any]) -> list[Any]:
    """Return what a function says of each object, or raises."""
    values = []
    for each in objects:
        try:
            values.append(function(each))
        except Exception as error:  # noqa: BLE001 - the error of its place
            values.append(error)
    return values


def checked(run: Run, answer: Any, count: int) -> Any:
    """Return what a marked field answers, a value for each, or a coroutine of it."""
    if type(answer) is not list and (isfuture(answer) or is_awaitable(answer)):
        return _awaited(run, answer, count)
    return run.settled(_counted(answer, count))


async def _awaited(run: Run, answer: Any, count: int) -> Any:
    try:
        values = _counted(await answer, count)
    except Exception as error:  # noqa: BLE001 - the error of each
        return [error] * count
    settled = run.settled(values)
    return await settled if type(settled) is CoroutineType else settled


def _counted(answer: Any, count: int) -> list[Any]:
    values = answer if type(answer) is list else list(answer)
    if len(values) == count:
        return values
    error = ValueError(f"a breadth-first resolver answered {len(values)} values for {count} objects")
    return [error] * count
