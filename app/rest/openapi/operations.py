"""What a route takes and gives, declared beside it: the source of its part of `openapi.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.rest.headers import Header
    from app.rest.parameters import QueryParameter
    from db.errors import Code


@dataclass(frozen=True)
class PathParameter:
    """An open segment of a route's template."""

    name: str
    says: str
    schema: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a request carries."""

    shape: Any
    """The type that the body is read as: a struct, or a list of one."""
    example: object
    media_types: tuple[str, ...] = ("application/json",)
    named: str | None = None
    """The schema's name, where this operation takes less than the shape does."""
    fixed: frozenset[str] = frozenset()
    """Members that may be sent only as they are stored."""
    not_null: frozenset[str] = frozenset()
    """Members that the shape lets be null, and this operation doesn't."""
    required: frozenset[str] = frozenset()
    """Members that the shape lets be absent, and this operation doesn't."""
    max_items: int | None = None


@dataclass(frozen=True)
class Link:
    """Where an answer leads: to each route of a template, with what to fill in (runtime expressions)."""

    template: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer to a request that was not refused."""

    status: int
    says: str
    shapes: tuple[Any, ...] = ()
    """The types that the body may be; none: there is no body."""
    example: object = None
    headers: tuple[Header, ...] = ()
    link: Link | None = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path, as a client sees it."""

    id: str
    summary: str
    tag: str
    parameters: tuple[QueryParameter[Any] | PathParameter | Header, ...] = ()
    body: Body | None = None
    replies: tuple[Reply, ...]
    refusals: frozenset[Code] = frozenset()
    """The codes of its problems, besides those that any operation may have."""
    public: bool = False
    """Whether it takes no token."""

    def __post_init__(self) -> None:
        names = [each.name for each in self.parameters]
        assert len(names) == len(set(names)), names
