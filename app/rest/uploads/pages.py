"""Pages of the upload dialect's lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.rest.uploads.parameters import CURSOR
from db import reads
from db.errors import Refused

if TYPE_CHECKING:
    from db.access import Principal
    from db.database import Reader
    from db.nouns import Noun, RowT
    from db.reads import Page, Selection


class Pagination(msgspec.Struct, frozen=True, rename="camel"):
    """Whether a list goes on, and how."""

    has_next_page: bool
    cursor: str | UnsetType
    total: Annotated[int, Meta(ge=0)]


async def page(
    reader: Reader, caller: Principal, noun: Noun[RowT], selection: Selection, wanted: Page
) -> tuple[list[RowT], Pagination]:
    """Read a page of a list, and how the list goes on behind it."""
    try:
        found = await reads.page(reader, caller, noun, selection, wanted)
    except Refused as refused:
        # The other dialects call it so.
        raise Refused(refused.code, refused.detail.replace("after", CURSOR.name, 1)) from refused
    total = await reads.count(reader, caller, noun, selection)
    cursor = found.cursor(found.rows[-1]) if found.has_next else UNSET
    return found.rows, Pagination(found.has_next, cursor, total)
