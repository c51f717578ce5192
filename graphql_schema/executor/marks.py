"""What a schema may say of its fields and types so that they needn't be asked object by object.

Strawberry's types stay the definition of the schema: a marked field keeps its resolver, which is what runs wherever
this executor doesn't.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Sequence

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")

BREADTH_FIRST = "breadth_first"
"""The key of a field's `metadata` under which its mark is."""


@dataclass(frozen=True)
class Keyed:
    """A field without arguments whose value is found by a key that its parent has.

    Parents with equal keys share one value, which is completed once: what lies below is resolved for each value, not
    for each place that shows it, and the `path` that it sees is that of the first place.
    """

    key: Callable[[Any], Hashable]
    """Returns a parent's key; `None` stands for null, for which nothing is loaded."""
    load: Callable[[Any, list[Any]], Awaitable[Sequence[Any]] | Sequence[Any]]
    """Takes the field's info and the distinct keys; returns a value, or an exception, for each."""


@dataclass(frozen=True)
class Batched:
    """A field that is resolved for all parents of a level at once."""

    resolve: Callable[..., Awaitable[Sequence[Any]] | Sequence[Any]]
    """Takes the parents, the field's info and its arguments; returns a value, or an exception, for each parent."""


def by_class(function: FunctionT) -> FunctionT:
    """Declare that an `is_type_of` depends on nothing but its value's class, so that one value answers for all."""
    function.depends_on_class = True  # type: ignore[attr-defined]  # a mark of ours
    return function


def depends_on_class(function: object) -> bool:
    """Tell whether a function is marked by `by_class`."""
    return getattr(function, "depends_on_class", False) is True


def as_it_came(*arguments: Any) -> Any:
    """Return an input's value unchanged.

    As a scalar's `parse_value` (value) or an input type's `from_input` (class, value, context) it says that nothing
    needs to be converted, or copied.
    """
    return arguments[0] if len(arguments) == 1 else arguments[1]
