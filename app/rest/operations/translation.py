"""From the operations of an envelope to those of a plan."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import structlog
from yarl import URL

from app.rest import problems
from app.rest.exchange import Call
from app.rest.operations import references
from app.rest.operations.envelope import Request, refuse_nested
from app.rest.operations.references import Unresolved
from app.rest.operations.results import Result
from app.rest.work import Act, Write, idempotency_key
from app.telemetry import request_id
from db.coalescing import Keyed
from db.errors import Code, Refused, SheafError
from db.plans import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from app.rest.operations.envelope import Entry, Envelope
    from app.rest.routes import Router
    from db.coalescing import Task
    from db.idempotency import Answer

log = structlog.get_logger("sheaf.batch")


class Translation:
    """Reads each operation as the direct request would be read, when its turn comes."""

    def __init__(self, inner: Router, outer: Call, envelope: Envelope) -> None:
        self._inner = inner
        self._outer = outer
        self._takes_values = envelope.takes_values
        self._renders: dict[int, Callable[[Any], Answer]] = {}
        self.operations = [self._operation(index, entry) for index, entry in enumerate(envelope.entries)]

    def _operation(self, index: int, entry: Entry) -> Operation[Result]:
        return Operation(
            begin=partial(self._begin, index, entry),
            finish=lambda outcome: Result(self._renders[index](outcome)),
            fail=partial(failure, index),
            id=entry.id,
            depends_on=frozenset(entry.depends_on),
            refers_to=self._referred(entry),
        )

    def _referred(self, entry: Entry) -> frozenset[str]:
        request = entry.request
        if not self._takes_values or isinstance(request, Refused):
            return frozenset()
        values = [request.body, dict(request.params), dict(request.headers)]
        return frozenset([*references.names(values), *references.names_in_path(request.url)])

    def _begin(self, index: int, entry: Entry, results: Mapping[str, Result]) -> Task | Result:
        if isinstance(entry.request, Refused):
            return failure(index, entry.request)
        try:
            request = self._filled(entry.request, results) if self._takes_values else entry.request
            call = self._call(request)
            work = self._inner.read(call)
        except Unresolved as unresolved:
            return Result(problems.problem(Code.FAILED_DEPENDENCY, str(unresolved)))
        except SheafError as error:
            return failure(index, error)
        if isinstance(work, Act):
            return failure(
                index, Refused(Code.INVALID_VALUE, f"{request.url[:200]} can't be part of a batch")
            )
        self._renders[index] = work.render
        if not isinstance(work, Write):
            return work.task
        key = idempotency_key(call)
        return work.command if key is None else Keyed(work.command, key)

    @staticmethod
    def _filled(request: Request, results: Mapping[str, Result]) -> Request:
        """Fill in the values of earlier answers; what the url names then is checked like what a client wrote."""
        known = {name: result.json for name, result in results.items()}
        url = references.fill_path(request.url, known)
        refuse_nested(url)
        return Request(
            request.method,
            url,
            {name: references.fill_text(text, known) for name, text in request.headers.items()},
            {name: references.fill_text(text, known) for name, text in request.params.items()},
            references.fill(request.body, known),
            request.has_body,
        )

    def _call(self, request: Request) -> Call:
        path, _, query = request.url.partition("?")
        pairs = [
            pair
            for pair in URL.build(query_string=query, encoded=True).query.items()
            if pair[0] not in request.params
        ]
        return Call(
            database=self._outer.database,
            caller=self._outer.caller,
            method=request.method,
            path=path,
            query=(*pairs, *request.params.items()),
            headers=request.headers,
            body=_encoded(request.body) if request.has_body else b"",
        )


def _encoded(body: object) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        # A lone surrogate, which the direct request would send as an escape and be told of.
        return json.dumps(body).encode()


def failure(index: int, error: Exception) -> Result:
    """Return the result of an operation that raised; a bug is told with the request id, and logged."""
    if isinstance(error, SheafError):
        return Result(problems.of_error(error))
    log.error("bug_in_operation", index=index, exc_info=error)
    detail = f"an internal error; its request id is {request_id.get()}"
    return Result(problems.problem(Code.INTERNAL, detail))
