"""The routing table: every REST route, matched without a socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

from msgspec.structs import replace

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

    @cached_property
    def parts(self) -> list[str]:
        """The template's segments; `{id}` is open."""
        return self.template.strip("/").split("/")

    @cached_property
    def open_parts(self) -> list[tuple[int, str]]:
        """Where the open segments stand, and their names."""
        return [(position, part[1:-1]) for position, part in enumerate(self.parts) if part.startswith("{")]


Found = tuple[Route, Mapping[str, str]]
"""A route, and what fills its open segments."""

NOTHING_OPEN: Mapping[str, str] = {}
_NO_METHODS: Mapping[str, Route] = {}


@dataclass(frozen=True)
class _Shape:
    """A path with open segments, `None` for each, and its routes by method."""

    parts: tuple[str | None, ...]
    methods: dict[str, Route] = field(default_factory=dict)

    def fits(self, given: list[str]) -> bool:
        """Tell whether a path is of this shape; an open segment can't be empty."""
        for part, text in zip(self.parts, given, strict=True):
            if part != text and (part is not None or not text):
                return False
        return True


class Router:
    """Finds a request's route; a template's fixed segments win over open ones."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        # Routes by path where nothing is open, else shapes by length and first segment, those with most fixed
        # segments first.
        self._fixed: dict[str, dict[str, Route]] = {}
        self._shapes: dict[tuple[int, str], list[_Shape]] = {}
        self._ending_open: dict[str, dict[str, Route]] = {}
        by_parts: dict[tuple[str | None, ...], _Shape] = {}
        for route in self.routes:
            if not route.open_parts:
                self._fixed.setdefault(route.template, {})[route.method] = route
                continue
            parts = tuple(None if part.startswith("{") else part for part in route.parts)
            by_parts.setdefault(parts, _Shape(parts)).methods[route.method] = route
            if parts.index(None) == len(parts) - 1:
                self._ending_open.setdefault(route.template.rpartition("/")[0], {})[route.method] = route
        for shape in sorted(by_parts.values(), key=lambda shape: shape.parts.count(None)):
            self._shapes.setdefault((len(shape.parts), shape.parts[0] or ""), []).append(shape)

    def read(self, call: Call) -> Work:
        """Read a call by its route; raises `NotFound` or `MethodNotAllowed` where there is none."""
        route, segments = self.match(call.method, call.path)
        return route.handle(replace(call, segments=segments))

    def is_public(self, path: str) -> bool:
        """Tell whether a path takes no token, whatever the method."""
        return any(route.operation.public for route in self._methods(path).values())

    def find(self, method: str, path: str) -> Found | None:
        """Return the route of a method and a percent-encoded path, and what fills its open segments."""
        if (fixed := self._fixed.get(path)) is not None:
            route = fixed.get(method)
            return (route, NOTHING_OPEN) if route else None
        # Most open templates end in their one open segment: /resources/{id}.
        before, _, last = path.rpartition("/")
        if last and (route := self._ending_open.get(before, _NO_METHODS).get(method)):
            return route, {route.open_parts[0][1]: _decoded(last)}
        given = path.split("/")[1:]
        route = self._open(given).get(method)
        if route is None:
            return None
        return route, {name: _decoded(given[position]) for position, name in route.open_parts}

    def match(self, method: str, path: str) -> Found:
        """Find the route of a method and a path; raises `NotFound` or `MethodNotAllowed` where there is none."""
        if found := self.find(method, path):
            return found
        if methods := self._methods(path):
            raise MethodNotAllowed(method, sorted(methods))
        raise NotFound(f"there is no route {path[:200]}")

    def _methods(self, path: str) -> dict[str, Route]:
        """Return the routes of a path by method."""
        return self._fixed.get(path) or self._open(path.split("/")[1:])

    def _open(self, given: list[str]) -> dict[str, Route]:
        """Return the routes of a path with open segments by method."""
        for shape in self._shapes.get((len(given), given[0]), ()) if given else ():
            if shape.fits(given):
                return shape.methods
        return {}


def _decoded(segment: str) -> str:
    # What isn't UTF-8 becomes U+FFFD, which no id holds.
    return unquote(segment, errors="replace")
