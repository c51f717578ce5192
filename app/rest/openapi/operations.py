"""What a route takes and gives, declared beside it: the source of its part of `openapi.json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.rest.problems import PROBLEM, Problem
from db.errors import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from app.rest.headers import Header
    from app.rest.parameters import QueryParameter

# What may be said of any body.
REFUSED_BODIES = frozenset(
    {
        Code.INVALID_VALUE,
        Code.MISSING_FIELD,
        Code.UNKNOWN_FIELD,
        Code.TOO_LARGE,
        Code.UNSUPPORTED_MEDIA_TYPE,
    }
)


@dataclass(frozen=True)
class PathParameter:
    """An open segment of a route's template."""

    name: str
    says: str
    schema: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a request carries: one object, or an array of them."""

    shape: type[msgspec.Struct]
    max_items: int | None = None
    """How many objects the array may hold; `None`: it is one object, no array."""
    example: object
    media_types: tuple[str, ...] = ("application/json",)
    named: str | None = None
    """What to call the schema, where this operation takes less than the shape does."""
    fixed: frozenset[str] = frozenset()
    """Members that may be sent only as they are stored."""
    not_null: frozenset[str] = frozenset()
    """Members that can't be null here, though the shape lets them be told apart from other faults."""
    required: frozenset[str] = frozenset()
    """Members that can't be left out here."""


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


@dataclass(frozen=True)
class Refusal:
    """The form in which a dialect refuses."""

    media_type: str
    shape: type[msgspec.Struct]
    names: str = ""
    """What the names of its responses begin with."""

    @property
    def tells_code(self) -> bool:
        """Whether the code is a member of it."""
        return "code" in self.shape.__struct_fields__


PROBLEM_DOCUMENT = Refusal(PROBLEM, Problem)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path, as a client sees it."""

    id: str
    summary: str
    tag: str
    parameters: tuple[QueryParameter[Any] | PathParameter | Header, ...] = ()
    body: Body | None = None
    replies: tuple[Reply, ...]
    refusals: frozenset[Code] = field(default_factory=frozenset)
    """The codes of its refusals, besides those that any operation may have."""
    refusal: Refusal = PROBLEM_DOCUMENT
    public: bool = False
    """Whether it takes no token."""
