"""Where a record's data says what it is called: its external id, and the path to its display name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from db.definitions.edits import escaped
from db.errors import Code, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.definitions.edits import Path

MAX_DISPLAY_NAME: Final = 1_000
MAX_EXTERNAL_ID: Final = 512
MAX_PATH: Final = 1_000
# RFC 9535: I-JSON's exact integers.
MAX_INDEX: Final = 2**53 - 1

_BLANK: Final = r"[ \t\n\r]*"
# What is allowed beyond ASCII is told by what isn't: `re` takes milliseconds for a range of a million characters.
_BEYOND_ASCII: Final = r"[^\x00-\x7f\ud800-\udfff]"
_NAME: Final = rf"(?:[A-Za-z_]|{_BEYOND_ASCII})(?:[0-9A-Za-z_]|{_BEYOND_ASCII})*"
_ESCAPE: Final = (
    r"\\(?:[bfnrt/\\]|u(?:[0-9A-CE-Fa-ce-f][0-9A-Fa-f]{3}|[Dd][0-7][0-9A-Fa-f]{2}"
    r"|[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}))"
)
_PLAIN: Final = r"[^\x00-\x1f\\'\"\ud800-\udfff]"
_SEGMENT: Final = re.compile(
    rf"{_BLANK}(?:\.(?P<name>{_NAME})|\[(?:'(?P<single>(?:{_PLAIN}|\"|\\'|{_ESCAPE})*)'"
    rf"|\"(?P<double>(?:{_PLAIN}|'|\\\"|{_ESCAPE})*)\"|(?P<index>0|-?[1-9][0-9]{{0,15}}))\])"
)
_MISWRITTEN: Final = "isn't a singular query of RFC 9535, such as $.name or $['names'][0]"


def check_display_path(path: str) -> str | None:
    """Say what is wrong with a path to a display name; `None` if nothing is."""
    steps = _parsed(path)
    return steps if isinstance(steps, str) else None


def parse_display_path(path: str) -> Path:
    """Read a path that `check_display_path` accepts."""
    steps = _parsed(path)
    assert isinstance(steps, tuple), steps
    return steps


def _parsed(path: str) -> Path | str:
    if len(path) > MAX_PATH:
        return f"is longer than {MAX_PATH:,} characters"
    if not path.startswith("$"):
        return _MISWRITTEN
    position = 1
    steps: list[str | int] = []
    while position < len(path):
        segment = _SEGMENT.match(path, position)
        if segment is None:
            return f"{_MISWRITTEN}: character {position + 1} is unexpected"
        position = segment.end()
        if segment["index"] is not None:
            index = int(segment["index"])
            if abs(index) > MAX_INDEX:
                return f"has an index beyond {MAX_INDEX}"
            steps.append(index)
        elif segment["name"] is not None:
            steps.append(segment["name"])
        else:
            steps.append(_unquoted(segment["single"], segment["double"]))
    return tuple(steps)


def _unquoted(single: str | None, double: str | None) -> str:
    if single is not None:
        double = re.sub(r"\\.|\"", lambda found: {"\\'": "'", '"': '\\"'}.get(found[0], found[0]), single)
    name: str = orjson.loads(f'"{double}"')
    return name


def value_at(data: Any, path: Path) -> Any:
    """Follow a path; `None` where it leads nowhere."""
    for step in path:
        if isinstance(step, str):
            if not isinstance(data, dict):
                return None
            data = data.get(step)
        elif isinstance(data, list) and -len(data) <= step < len(data):
            data = data[step]
        else:
            return None
    return data


def display_text(value: Any) -> str | None:
    """Write a display name: text as it is, numbers and booleans as JSON, nothing else."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int):
        text = str(value)
    elif isinstance(value, float):
        text = orjson.dumps(value).decode()
        if text == "null":  # NaN and the infinities, which JSON doesn't have
            return None
    else:
        return None
    return text[:MAX_DISPLAY_NAME] or None


def id_text(value: Any) -> str | None:
    """Write an external id as it is compared: text as it is, whole numbers in decimals; `None` for the rest."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None


def external_id_of(data: Mapping[str, Any], field: str) -> str | Fault:
    """Read a record's external id from its data."""
    pointer = f"/data{escaped(field)}"
    value = data.get(field)
    if value is None:
        return Fault(Code.MISSING_FIELD, pointer, f"{field} is required: it is the record's external id")
    text = id_text(value)
    if text is None or not 1 <= len(text) <= MAX_EXTERNAL_ID or not _storable(text):
        detail = f"{field} must be text of 1 to {MAX_EXTERNAL_ID} characters, or a whole number"
        return Fault(Code.INVALID_VALUE, pointer, detail)
    return text


def _storable(text: str) -> bool:
    """Tell whether a database can hold a text: no U+0000, no half of a surrogate pair."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
