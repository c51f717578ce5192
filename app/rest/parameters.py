"""Query parameters: each declared as a value that says what it takes and reads it, so that the two can't differ."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from db.errors import Code, Refused
from db.shapes import NO_NULL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A lone surrogate, the other thing that can't be stored, has no percent-encoding.
STORABLE = {"type": "string", "pattern": NO_NULL}

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


@dataclass(frozen=True)
class QueryParameter(Generic[T]):
    """A parameter of a route's query."""

    name: str
    says: str
    absent: T
    """What a request means that doesn't send it."""
    read: Callable[[str], T]
    """Turn its text into its value; raises `Refused` (`invalid_value`)."""
    schema: Mapping[str, object]
    """What its text may be, as JSON Schema; an array is sent as one text, with commas."""


def text(name: str, says: str, *, form: str | None = None) -> QueryParameter[str | None]:
    """Declare a parameter that is taken as it is; `form` names a format of JSON Schema."""
    schema = {"type": "string", "format": form} if form else STORABLE
    return QueryParameter[str | None](name, says, None, lambda value: value, schema)


def flag(name: str, says: str) -> QueryParameter[bool]:
    """Declare a parameter that is true or false, false when absent."""

    def read(value: str) -> bool:
        if value not in {"true", "false"}:
            raise Refused(Code.INVALID_VALUE, f"{name} must be true or false, not {value!a}")
        return value == "true"

    return QueryParameter(name, says, False, read, {"type": "boolean", "default": False})


def choice(name: str, says: str, default: E) -> QueryParameter[E]:
    """Declare a parameter that is one of the values of its default's enum."""
    choices = type(default)
    allowed = [each.value for each in choices]

    def read(value: str) -> E:
        try:
            return choices(value)
        except ValueError as error:
            detail = f"{name} must be one of {', '.join(allowed)}, not {value!a}"
            raise Refused(Code.INVALID_VALUE, detail) from error

    return QueryParameter(
        name, says, default, read, {"type": "string", "enum": allowed, "default": default.value}
    )


def whole(name: str, says: str, default: int, *, low: int, high: int) -> QueryParameter[int]:
    """Declare a parameter that is a whole number within bounds."""

    def read(value: str) -> int:
        if value.isascii() and value.isdecimal() and len(value) < 10 and low <= int(value) <= high:
            return int(value)
        detail = f"{name} must be a whole number from {low:,} to {high:,}, not {value!a}"
        raise Refused(Code.INVALID_VALUE, detail)

    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return QueryParameter(name, says, default, read, schema)


def listed(name: str, says: str, *, most: int) -> QueryParameter[tuple[str, ...] | None]:
    """Declare a parameter that is a list of texts with commas between them."""

    def read(value: str) -> tuple[str, ...]:
        texts = value.split(",")
        if len(texts) > most:
            raise Refused(Code.INVALID_VALUE, f"{name} holds {len(texts):,} {name}; the limit is {most:,}")
        return tuple(dict.fromkeys(each for each in texts if each))

    schema = {"type": "array", "items": STORABLE, "maxItems": most}
    return QueryParameter[tuple[str, ...] | None](name, says, None, read, schema)


class Parameters:
    """The query of one request; what is asked for is taken out, and what is left over is unknown."""

    def __init__(self, query: tuple[tuple[str, str], ...]) -> None:
        self._left: dict[str, str] = {}
        for name, value in query:
            if name in self._left:
                raise Refused(Code.INVALID_VALUE, f"the parameter {name!a} is given twice")
            if "\0" in value or (not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value)):
                raise Refused(
                    Code.INVALID_VALUE, f"the parameter {name!a} holds a character that can't be stored"
                )
            self._left[name] = value

    def take(self, parameter: QueryParameter[T]) -> T:
        """Take a parameter, each fault told by its name."""
        value = self._left.pop(parameter.name, None)
        return parameter.absent if value is None else parameter.read(value)

    def end(self) -> None:
        """Refuse what nobody took: a typo must not vanish."""
        for name in self._left:
            raise Refused(Code.UNKNOWN_PARAMETER, f"there is no parameter {name!a} here")
