"""The routing table: every REST route, matched without a socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
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

    @cached_property
    def parts(self) -> list[str]:
        """The template's segments; `{id}` is open."""
        return self.template.strip("/").split("/")

    @cached_property
    def open_parts(self) -> list[tuple[int, str]]:
        """Where the open segments stand, and their names."""
        return [(position, part[1:-1]) for position, part in enumerate(self.parts) if part.startswith("{")]


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
        by_parts: dict[tuple[str | None, ...], _Shape] = {}
        for route in self.routes:
            if not route.open_parts:
                self._fixed.setdefault(route.template, {})[route.method] = route
                continue
            parts = tuple(None if part.startswith("{") else part for part in route.parts)
            by_parts.setdefault(parts, _Shape(parts)).methods[route.method] = route
        for shape in sorted(by_parts.values(), key=lambda shape: shape.parts.count(None)):
            self._shapes.setdefault((len(shape.parts), shape.parts[0] or ""), []).append(shape)

    def paths(self) -> list[str]:
        """Return patterns of aiohttp that cover all routes, which it finds faster than one for everything."""
        return [*self._fixed, *dict.fromkeys(f"/{first}/{{rest:.+}}" for _, first in self._shapes)]

    def read(self, call: Call) -> Work:
        """Read a call by its route; raises `NotFound` or `MethodNotAllowed` where there is none."""
        route, segments = self.match(call.method, call.path)
        return route.handle(replace(call, segments=segments))

    def is_public(self, path: str) -> bool:
        """Tell whether a path takes no token, whatever the method."""
        methods = self._methods(path, path.split("/")[1:])
        return any(route.operation.public for route in methods.values())

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route of a method and a percent-encoded path, and what fills its open segments."""
        given = path.split("/")[1:]
        methods = self._methods(path, given)
        if not methods:
            raise NotFound(f"there is no route {path[:200]}")
        if method not in methods:
            raise MethodNotAllowed(method, sorted(methods))
        route = methods[method]
        return route, {name: _decoded(given[position]) for position, name in route.open_parts}

    def _methods(self, path: str, given: list[str]) -> dict[str, Route]:
        """Return the routes of a path by method."""
        if fixed := self._fixed.get(path):
            return fixed
        for shape in self._shapes.get((len(given), given[0]), ()) if given else ():
            if shape.fits(given):
                return shape.methods
        return {}


def _decoded(segment: str) -> str:
    # What isn't UTF-8 becomes U+FFFD, which no id holds.
    return unquote(segment, errors="replace")
