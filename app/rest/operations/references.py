"""Values of earlier answers: a whole string `$ref:ID#/pointer` stands for a member of the result of operation ID."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

MARK = "$ref:"
ESCAPED = "$$ref:"
_REFERENCE = re.compile(r"\$ref:([^#]+)#((?:/.*)?)\Z", re.DOTALL)
# In a path the reference is a segment of its own: percent-encoded, or as it is where nothing follows it.
_IN_PATH = re.compile(r"/(\$\$?ref:[^?]*)")

Results = Mapping[str, Any]


class Unresolved(Exception):
    """A reference that has no value, or one that can't stand where it stands."""


def names(value: object) -> Iterator[str]:
    """Yield the ids of the operations that a JSON value refers to."""
    match value:
        case str():
            if found := _REFERENCE.match(value):
                yield found[1]
        case list():
            for each in value:
                yield from names(each)
        case dict():
            for each in value.values():
                yield from names(each)
        case _:
            pass


def names_in_path(url: str) -> Iterator[str]:
    """Yield the ids of the operations that a url's segments refer to."""
    for text in _segments(url):
        yield from names(text)


def fill(value: Any, results: Results) -> Any:
    """Return a JSON value with its references replaced; raises `Unresolved`."""
    match value:
        case str():
            if value.startswith(ESCAPED):
                return value[1:]
            return _resolve(value, results) if value.startswith(MARK) else value
        case list():
            return [fill(each, results) for each in value]
        case dict():
            return {name: fill(each, results) for name, each in value.items()}
        case _:
            return value


def fill_text(value: str, results: Results) -> str:
    """Return a text with its reference replaced by a text or number; raises `Unresolved`."""
    filled = fill(value, results)
    if isinstance(filled, bool) or not isinstance(filled, (str, int, float)):
        raise Unresolved(f"{value} is no text, and stands where only text can")
    return str(filled)


def fill_path(url: str, results: Results) -> str:
    """Return a url whose segments' references are replaced, percent-encoded; raises `Unresolved`."""
    return _rewritten(url, lambda text: quote(fill_text(text, results), safe=""))


def _segments(url: str) -> list[str]:
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    _rewritten(url, note)
    return found


def _rewritten(url: str, replace: Callable[[str], str]) -> str:
    path, query_mark, query = url.partition("?")
    written: list[str] = []
    rest = path
    while rest:
        if found := _IN_PATH.match(rest):
            written.append("/" + replace(found[1]))
            break
        end = rest.find("/", 1)
        segment, rest = (rest, "") if end < 0 else (rest[:end], rest[end:])
        decoded = unquote(segment[1:])
        refers = decoded.startswith((MARK, ESCAPED))
        written.append("/" + replace(decoded) if refers else segment)
    return "".join(written) + query_mark + query


def _resolve(reference: str, results: Results) -> Any:
    found = _REFERENCE.match(reference)
    if found is None:
        raise Unresolved(f"{reference[:200]} is no reference: $ref:ID#/pointer")
    if found[1] not in results:
        raise Unresolved(f"{reference[:200]}: no earlier operation {found[1][:100]} has a result")
    value = results[found[1]]
    for token in found[2].split("/")[1:]:
        value = _member(value, token.replace("~1", "/").replace("~0", "~"), reference)
    return value


def _member(value: Any, name: str, reference: str) -> Any:
    """Take one step of a JSON pointer (RFC 6901 section 4)."""
    if isinstance(value, dict) and name in value:
        return value[name]
    whole = name.isascii() and name.isdecimal() and (name == "0" or not name.startswith("0"))
    if isinstance(value, list) and whole and int(name) < len(value):
        return value[int(name)]
    raise Unresolved(f"{reference[:200]}: the result has nothing there")
