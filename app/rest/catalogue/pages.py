"""GET of a list, page by page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from app.rest.exchange import json_answer
from app.rest.parameters import Parameters
from app.rest.work import Read
from db import reads
from db.coalescing import Query
from db.errors import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from app.rest.catalogue.doors import Door
    from app.rest.exchange import Answer, Call
    from db.database import Reader

MAX_IDS = 100


def get_page(door: Door, call: Call) -> Read:
    """Read a page of what the caller may read; `Link` leads to the next one (RFC 8288)."""
    parameters = Parameters(call.query)
    wanted = reads.Page(
        parameters.whole("limit", reads.DEFAULT_LIMIT, low=1, high=reads.MAX_LIMIT), parameters.text("after")
    )
    with_etags = parameters.flag("etags")
    selection = reads.Selection(
        scope_id=parameters.text("scopeId"),
        with_descendants=parameters.flag("withDescendants"),
        filters={name: text for name in door.noun.filters if (text := parameters.text(name)) is not None},
        ids=_ids(parameters.text("ids")),
    )
    parameters.end()

    def read(reader: Reader) -> Awaitable[reads.Slice[Any]]:
        return reads.page(reader, call.caller, door.noun, selection, wanted)

    return Read(Query(f"list_{door.noun.table.name}", read), partial(_render, door, call, with_etags))


def _render(door: Door, call: Call, with_etags: bool, page: reads.Slice[Any]) -> Answer:
    headers = {}
    if page.has_next:
        query = [(name, value) for name, value in call.query if name != "after"]
        query.append(("after", page.cursor(page.rows[-1])))
        headers["Link"] = f'<{call.path}?{urlencode(query)}>; rel="next"'
    return json_answer(200, [door.show(row, with_etags) for row in page.rows], headers)


def _ids(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    ids = tuple(dict.fromkeys(part for part in text.split(",") if part))
    if len(ids) > MAX_IDS:
        raise Refused(Code.INVALID_VALUE, f"ids holds {len(ids):,} ids; the limit is {MAX_IDS}")
    return ids
