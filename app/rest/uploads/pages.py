"""Pages of the upload dialect's lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

if TYPE_CHECKING:
    from db.reads import Slice


class Pagination(msgspec.Struct, frozen=True, rename="camel"):
    """Whether a list goes on, and how."""

    has_next_page: bool
    cursor: str | UnsetType
    total: Annotated[int, Meta(ge=0)]


def cut(page: Slice[Any], total: int) -> Pagination:
    """Return how a list goes on behind a page."""
    return Pagination(page.has_next, page.cursor(page.rows[-1]) if page.has_next else UNSET, total)
