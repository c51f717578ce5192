"""GET /openapi.json."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from app.rest.exchange import JSON, Answer
from app.rest.openapi import document
from app.rest.openapi.operations import Operation, Reply
from app.rest.routes import Route
from app.rest.work import Act

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from app.rest.exchange import Call

OPERATION = Operation(
    id="getOpenapi",
    summary="Read this document",
    tag="server",
    replies=(Reply(status=200, says="the OpenAPI document", shapes=(dict[str, Any],)),),
    public=True,
)


def routes(table: Callable[[], Sequence[Route]]) -> Iterator[Route]:
    """Yield the route that describes a routing table, which it is itself a part of."""

    @cache
    def body() -> bytes:
        return document.text(table()).encode()

    async def answer() -> Answer:
        return Answer(200, {"Content-Type": JSON}, body())

    def describe(_call: Call) -> Act:
        return Act(answer)

    yield Route("GET", "/openapi.json", describe, OPERATION)
