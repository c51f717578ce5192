"""Whether the server is well: GET /healthz, GET /readyz. Both take no token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from app.rest.exchange import json_answer
from app.rest.openapi.operations import Operation, Reply
from app.rest.routes import Route
from app.rest.work import Act
from db.errors import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.rest.exchange import Answer, Call


class Health(msgspec.Struct, frozen=True):
    """What a probe answers."""

    status: Literal["ok", "ready"]


def routes() -> Iterator[Route]:
    """Yield the routes of probes."""
    yield Route("GET", "/healthz", healthy, _operation("getHealthz", "Ask whether the process runs"))
    yield Route(
        "GET", "/readyz", ready, _operation("getReadyz", "Ask whether the database answers", Code.OVERLOADED)
    )


def healthy(_call: Call) -> Act:
    """Say that the process runs."""
    return _HEALTHY


def ready(call: Call) -> Act:
    """Say that the database answers; its migrations were checked at the start."""

    async def answer() -> Answer:
        await call.database.ping()
        return json_answer(200, Health("ready"))

    return Act(answer)


async def _well() -> Answer:
    return _WELL


# Load balancers ask for it all day, and it never changes.
_WELL = json_answer(200, Health("ok"))
_HEALTHY = Act(_well)


def _operation(name: str, summary: str, *refusals: Code) -> Operation:
    reply = Reply(status=200, says="yes", shapes=(Health,))
    return Operation(
        id=name, summary=summary, tag="server", replies=(reply,), refusals=frozenset(refusals), public=True
    )
