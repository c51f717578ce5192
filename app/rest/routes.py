"""The routing table: every REST route, matched without a socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from app.rest.problems import MethodNotAllowed
from db.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.rest.exchange import Call
    from app.rest.openapi.operations import Operation
    from app.rest.work import Work

Handler = Callable[["Call"], "Work"]
"""Reads a request: what it asks for, or an error; it does nothing yet."""


@dataclass(frozen=True)
class Route:
    """One method of one path template, for example POST /resources/batch."""

    method: str
    template: str
    handle: Handler
    operation: Operation
    """What clients read of it; its parameters, statuses and shapes are those of the handler."""

    @property
    def parts(self) -> list[str]:
        """The template's segments; `{id}` is open."""
        return self.template.strip("/").split("/")


class Router:
    """Finds a request's route; a template's fixed segments win over open ones."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._by_parts: dict[tuple[str | None, ...], dict[str, Route]] = {}
        for route in self.routes:
            parts = tuple(None if part.startswith("{") else part for part in route.parts)
            self._by_parts.setdefault(parts, {})[route.method] = route
        # What may fit a path, by its length and first segment, the shape with most fixed segments first.
        self._shapes: dict[tuple[int, str | None], list[tuple[str | None, ...]]] = {}
        for parts in sorted(self._by_parts, key=lambda parts: parts.count(None)):
            self._shapes.setdefault((len(parts), parts[0]), []).append(parts)

    def read(self, call: Call) -> Work:
        """Read a call by its route; raises `NotFound` or `MethodNotAllowed` where there is none."""
        route, segments = self.match(call.method, call.path)
        return route.handle(replace(call, segments=segments))

    def is_public(self, path: str) -> bool:
        """Tell whether a path takes no token, whatever the method."""
        return any(
            route.operation.public
            for parts in self._candidates(path.split("/")[1:])
            for route in self._by_parts.get(parts, {}).values()
        )

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route of a method and a percent-encoded path, and what fills its open segments."""
        given = path.split("/")[1:]
        for parts in self._candidates(given):
            if methods := self._by_parts.get(parts):
                if method not in methods:
                    raise MethodNotAllowed(method, sorted(methods))
                route = methods[method]
                names = zip(route.parts, given, parts, strict=True)
                return route, {name[1:-1]: _decoded(text) for name, text, part in names if part is None}
        raise NotFound(f"there is no route {path[:200]}")

    def _candidates(self, given: list[str]) -> Iterable[tuple[str | None, ...]]:
        """Yield the shapes that fit a path, the one with most fixed segments first."""
        for parts in self._shapes.get((len(given), given[0]), ()):
            if all(part == text or (part is None and text) for part, text in zip(parts, given, strict=True)):
                yield parts


def _decoded(segment: str) -> str:
    # What isn't UTF-8 becomes U+FFFD, which no id holds.
    return unquote(segment, errors="replace")
