"""Values of earlier answers: a whole string `$ref:ID#/pointer` stands for a member of the result of operation ID."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import msgspec

from db.errors import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from app.rest.operations.results import Result

MARK = "$ref:"
ESCAPED = "$$ref:"
MAX_FILLED_BYTES = 16 * 1024 * 1024
LONGEST_INDEX = 9
_REFERENCE = re.compile(r"\$ref:([^#]+)#((?:/.*)?)\Z", re.DOTALL)


class Unresolved(Exception):
    """A reference that has no value, or one that can't stand where it stands."""


def refers(text: str) -> bool:
    """Tell whether a string isn't to be taken as it is: a reference, or the escape of one."""
    return text.startswith((MARK, ESCAPED))


def in_value(value: object) -> Iterator[str]:
    """Yield the references and escapes in a JSON value."""
    pending = [value]
    while pending:
        match pending.pop():
            case str(text):
                if refers(text):
                    yield text
            case list(members):
                pending.extend(members)
            case dict(members):
                pending.extend(members.values())
            case _:
                pass


def in_path(url: str) -> Iterator[str]:
    """Yield the references and escapes in the segments of a url."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    fill_path(url, note)
    yield from found


def named(reference: str) -> str | None:
    """Return the id of the operation that a reference is to."""
    found = _REFERENCE.match(reference)
    return found[1] if found else None


def fill(value: Any, filled: Callable[[str], Any]) -> Any:
    """Return a JSON value with its references and escapes replaced."""
    match value:
        case str():
            return filled(value) if refers(value) else value
        case list():
            return [fill(each, filled) for each in value]
        case dict():
            return {name: fill(each, filled) for name, each in value.items()}
        case _:
            return value


def fill_path(url: str, filled: Callable[[str], str]) -> str:
    """Return a url whose segments' references and escapes are replaced, percent-encoded.

    A reference is a segment of its own, percent-encoded; at a path's end it may stand as it is, `/` and all.
    """
    path, question_mark, query = url.partition("?")
    segments = path.split("/")
    for position, segment in enumerate(segments):
        text = unquote(segment)
        if not refers(text):
            continue
        if segment.endswith("#"):
            text = unquote("/".join(segments[position:]))
            segments[position:] = [quote(filled(text), safe="")]
            break
        segments[position] = quote(filled(text), safe="")
    return "/".join(segments) + question_mark + query


class Values:
    """The results of earlier operations, as one operation looks into them."""

    def __init__(self, results: Mapping[str, Result], room_bytes: int) -> None:
        self._results = results
        self._room = room_bytes
        self._found: dict[str, tuple[Any, int]] = {}
        self.bytes = 0
        """How much was taken."""

    def value(self, text: str) -> Any:
        """Return what a reference stands for; raises `Unresolved`, and `Refused` where it gets too much."""
        if text.startswith(ESCAPED):
            return text[1:]
        if text not in self._found:
            value = self._resolved(text)
            self._found[text] = value, len(msgspec.json.encode(value))
        value, size = self._found[text]
        self.bytes += size
        if self.bytes > self._room:
            detail = f"the values of earlier answers have more than {MAX_FILLED_BYTES:,} bytes together"
            raise Refused(Code.TOO_LARGE, detail)
        return value

    def text(self, text: str) -> str:
        """Return what a reference stands for, where only a text can stand."""
        value = self.value(text)
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, (str, int, float)):
            raise Unresolved(f"{text[:200]!a} is no text, and stands where only text can")
        return str(value)

    def _resolved(self, reference: str) -> Any:
        found = _REFERENCE.match(reference)
        if found is None:
            raise Unresolved(f"{reference[:200]!a} is no reference: $ref:ID#/pointer")
        if found[1] not in self._results:
            raise Unresolved(f"{reference[:200]!a}: no earlier operation {found[1][:100]!a} has a result")
        value: Any = self._results[found[1]].json
        for token in found[2].split("/")[1:]:
            value = _member(value, token.replace("~1", "/").replace("~0", "~"), reference)
        return value


def _member(value: Any, name: str, reference: str) -> Any:
    """Take one step of a JSON pointer (RFC 6901 section 4)."""
    if isinstance(value, dict) and name in value:
        return value[name]
    whole = name.isascii() and name.isdecimal() and (name == "0" or not name.startswith("0"))
    if isinstance(value, list) and whole and len(name) <= LONGEST_INDEX and int(name) < len(value):
        return value[int(name)]
    raise Unresolved(f"{reference[:200]!a}: the result has nothing there")
