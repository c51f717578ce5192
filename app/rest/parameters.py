"""Query parameters: each known by name, read once, its fault told by name."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from db.errors import Code, Refused

E = TypeVar("E", bound=StrEnum)


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

    def text(self, name: str) -> str | None:
        """Take a parameter as it is."""
        return self._left.pop(name, None)

    def flag(self, name: str) -> bool:
        """Take a parameter that is true or false, false when absent."""
        value = self._left.pop(name, "false")
        if value not in {"true", "false"}:
            raise Refused(Code.INVALID_VALUE, f"{name} must be true or false, not {value!a}")
        return value == "true"

    def choice(self, name: str, choices: type[E], default: E) -> E:
        """Take a parameter that is one of an enum's values."""
        value = self._left.pop(name, default.value)
        try:
            return choices(value)
        except ValueError as error:
            allowed = ", ".join(choice.value for choice in choices)
            raise Refused(Code.INVALID_VALUE, f"{name} must be one of {allowed}, not {value!a}") from error

    def whole(self, name: str, default: int, *, low: int, high: int) -> int:
        """Take a parameter that is a whole number within bounds."""
        value = self._left.pop(name, None)
        if value is None:
            return default
        if value.isascii() and value.isdecimal() and len(value) < 10 and low <= int(value) <= high:
            return int(value)
        raise Refused(
            Code.INVALID_VALUE, f"{name} must be a whole number from {low:,} to {high:,}, not {value!a}"
        )

    def end(self) -> None:
        """Refuse what nobody took: a typo must not vanish."""
        for name in self._left:
            raise Refused(Code.UNKNOWN_PARAMETER, f"there is no parameter {name!a} here")
