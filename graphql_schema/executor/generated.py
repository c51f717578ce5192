"""Code that is made for a level: it reads attributes, checks leaves and builds the result's objects in one pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from keyword import iskeyword
from math import inf
from types import CodeType
from typing import TYPE_CHECKING, Any, TypeAlias

from graphql_schema.executor.leaves import Leaf, expression
from graphql_schema.executor.sources import Attribute, TypeName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql_schema.executor.fields import FieldPlan

Build: TypeAlias = Callable[..., list[dict[str, Any]]]

_compiled = lru_cache(maxsize=512)(lambda source: compile(source, "<level>", "exec"))


def is_inline(field: FieldPlan) -> bool:
    """Tell whether the generated code does a field itself: `__typename`, and attributes that are leaves."""
    if isinstance(field.source, TypeName):
        return True
    source = field.source
    return (
        isinstance(source, Attribute)
        and isinstance(field.type, Leaf)
        and source.name.isidentifier()
        and not iskeyword(source.name)
    )


def build(fields: Sequence[FieldPlan], inline: Sequence[bool]) -> Build:
    """Return the function that makes the rows of a level of its objects and the columns of its other fields.

    It raises anything for anything unusual; whoever calls it goes on without it.
    """
    names: dict[str, Any] = {"inf": inf}
    checks: list[str] = []
    members: list[str] = []
    columns: list[str] = []
    for index, (field, inside) in enumerate(zip(fields, inline, strict=True)):
        # Keys come from documents: as literals they can't be anything but text.
        key = ascii(field.key)
        if not inside:
            columns.append(str(index))
            members.append(f"{key}: x{index}")
        elif isinstance(field.source, Attribute) and isinstance(field.type, Leaf):
            usual, other = expression(field.type, names, str(index))
            checks += [f"v{index} = o.{field.source.name}"]
            checks += (
                [f"if not ({usual}): v{index} = {other}"] if usual != "False" else [f"v{index} = {other}"]
            )
            members.append(f"{key}: v{index}")
        else:
            members.append(f"{key}: {field.parent_type.name!a}")
    parameters = "".join(f", c{index}" for index in columns)
    loop = "for o in objects:"
    if columns:
        each = "".join(f", x{index}" for index in columns)
        loop = f"for o{each} in zip(objects{parameters}):"
    body = "".join(f"        {line}\n" for line in [*checks, f"append({{{', '.join(members)}}})"])
    head = f"def build(objects{parameters}):\n    rows = []\n    append = rows.append\n    {loop}\n"
    source = f"{head}{body}    return rows\n"
    code: CodeType = _compiled(source)
    exec(code, names)  # noqa: S102 - of names that GraphQL's grammar and Python's attributes allow
    made: Build = names["build"]
    return made
