"""GET of a list, page by page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from app.rest.exchange import json_answer
from app.rest.parameters import Parameters, flag, listed, text, whole
from app.rest.work import Read
from db import reads
from db.coalescing import Query

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from app.rest.catalogue.doors import Door
    from app.rest.exchange import Answer, Call
    from db.database import Reader

MAX_IDS = 100

LIMIT = whole("limit", "how many objects at most", default=reads.DEFAULT_LIMIT, low=1, high=reads.MAX_LIMIT)
AFTER = text("after", "a cursor of this list, as `Link` gives it: the page begins behind it")
ETAGS = flag("etags", "whether each object has its `etag` as a member")
SCOPE_ID = text(
    "scopeId", "keep those in exactly this scope; without it everything that can be read is listed"
)
WITH_DESCENDANTS = flag("withDescendants", "whether `scopeId` also means the scopes below it")
IDS = listed("ids", "keep those with these ids; those that don't exist are left out", most=MAX_IDS)
PARAMETERS = (LIMIT, AFTER, SCOPE_ID, WITH_DESCENDANTS, IDS, ETAGS)


def get_page(door: Door, call: Call) -> Read:
    """Read a page of what the caller may read; `Link` leads to the next one (RFC 8288)."""
    parameters = Parameters(call.query)
    wanted = reads.Page(parameters.take(LIMIT), parameters.take(AFTER))
    with_etags = parameters.take(ETAGS)
    given = {each.name: parameters.take(each) for each in door.filters}
    selection = reads.Selection(
        scope_id=parameters.take(SCOPE_ID),
        with_descendants=parameters.take(WITH_DESCENDANTS),
        filters={name: value for name, value in given.items() if value is not None},
        ids=parameters.take(IDS),
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
