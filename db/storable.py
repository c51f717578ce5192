"""What JSON allows and we don't: U+0000, lone surrogates, numbers beyond 64 bits, and endless nesting."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from db.errors import Code, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 100
LONGEST_NAMED = 100


def wrong_json(value: object, pointer: str) -> Fault | None:
    """Find the first part of a value that can't be stored, and name it by the way to it; the pointer stays as given."""
    # Iterators, not the parts themselves: a body may hold millions.
    levels: list[Iterator[tuple[str | int, object]]] = [iter((("", value),))]
    way: list[str | int] = []
    while levels:
        for step, part in levels[-1]:
            if wrong := _wrong(part, len(levels)):
                return Fault(Code.INVALID_VALUE, pointer, f"{_named(pointer, [*way, step])} {wrong}")
            if isinstance(part, (dict, list)):
                levels.append(iter(part.items() if isinstance(part, dict) else enumerate(part)))
                way.append(step)
                break
        else:
            levels.pop()
            del way[-1:]
    return None


def checked_text(text: str) -> str | None:
    """Say what is wrong with a text that JSON allows and we do not, if anything."""
    if "\0" in text:
        return "must not contain the character U+0000"
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        return None
    return "must not contain a lone surrogate"


def _wrong(part: object, depth: int) -> str | None:
    """Say what is wrong with a part of a value, save what stands in it."""
    if isinstance(part, str):
        return checked_text(part)
    if isinstance(part, (dict, list)):
        if depth > MAX_DEPTH:
            return f"is nested deeper than {MAX_DEPTH} levels"
        names = map(checked_text, part) if isinstance(part, dict) else ()
        return next((f"has a field whose name {wrong}" for wrong in names if wrong), None)
    if isinstance(part, float):
        return None if isfinite(part) else "is a number beyond 64 bits"
    if isinstance(part, int) and not -(2**63) <= part < 2**64:
        return "is a number beyond 64 bits"
    return None


def _named(pointer: str, way: list[str | int]) -> str:
    named = "/".join([*filter(None, [pointer[1:]]), *map(str, way[1:])])
    return (named if len(named) <= LONGEST_NAMED else named[: LONGEST_NAMED - 1] + "…") or "it"
