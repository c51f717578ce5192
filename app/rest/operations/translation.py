"""From the operations of an envelope to those of a plan."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import structlog
from yarl import URL

from app.rest import problems, refusals
from app.rest.exchange import Call
from app.rest.operations import references
from app.rest.operations.envelope import require_few_items
from app.rest.operations.references import MAX_FILLED_BYTES, Unresolved, Values
from app.rest.operations.requests import Request, encoded, items_in, refuse_nested
from app.rest.operations.results import Result
from app.rest.work import Act, Write, idempotency_key
from app.telemetry import request_id
from db.batches import BATCHES
from db.coalescing import Keyed
from db.commands import Create
from db.errors import Code, Refused, SheafError
from db.plans import Operation
from db.storable import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.rest.operations.envelope import Entry, Envelope
    from app.rest.routes import Found, Route, Router
    from db.coalescing import Task
    from db.commands import Command
    from db.idempotency import Answer

log = structlog.get_logger("sheaf.batch")


class Translation:
    """Reads each operation as the direct request would be read, when its turn comes."""

    def __init__(self, inner: Router, outer: Call, envelope: Envelope) -> None:
        self._inner = inner
        self._outer = outer
        self._renders: dict[int, Callable[[Any], Answer]] = {}
        self._routes: dict[tuple[str, str], Found] = {}
        # By index: how many items an operation has, and how many bytes of values it took.
        self._items: dict[int, int] = {}
        self._filled_bytes: dict[int, int] = {}
        # By index: where an operation goes, with all values filled in.
        self._urls: dict[int, str] = {}
        self._dry_run = envelope.dry_run
        self.operations: list[Operation[Result]] = []
        for index, entry in enumerate(envelope.entries):
            takes: list[str] = []
            if isinstance(entry.request, Request):
                self._items[index] = entry.request.items
                takes = _references(entry.request) if envelope.takes_values else []
            begin = partial(self._begin, index, entry, bool(takes))
            self.operations.append(self._operation(index, entry, begin, takes))

    def _operation(
        self, index: int, entry: Entry, begin: Callable[..., Task | Result], takes: list[str]
    ) -> Operation[Result]:
        return Operation(
            begin=begin,
            finish=lambda outcome: Result(self._renders[index](outcome)),
            fail=partial(self._failure, index, entry),
            id=entry.id,
            depends_on=frozenset(entry.depends_on),
            refers_to=frozenset(filter(None, map(references.named, takes))),
        )

    def _begin(
        self, index: int, entry: Entry, takes_values: bool, results: Mapping[str, Result]
    ) -> Task | Result:
        if isinstance(entry.request, Refused):
            return self._failure(index, entry, entry.request)
        try:
            request = self._filled(index, entry.request, results) if takes_values else entry.request
            self._urls[index] = request.url
            call, route = self._call(request)
            work = route.handle(call)
            if isinstance(work, Act):
                detail = f"{request.url[:200]} can't be part of a batch"
                raise Refused(Code.INVALID_VALUE, detail)
            if self._dry_run and isinstance(work, Write) and _is_upload(work.command):
                raise Refused(Code.INVALID_VALUE, "an upload batch can't be part of a dry run")
            self._renders[index] = work.render
            if not isinstance(work, Write):
                return work.task
            key = idempotency_key(call)
            return work.command if key is None else Keyed(work.command, key)
        except Unresolved as unresolved:
            return Result(problems.problem(Code.FAILED_DEPENDENCY, str(unresolved)))
        except SheafError as error:
            return self._failure(index, entry, error)

    def _failure(self, index: int, entry: Entry, error: Exception) -> Result:
        """Return the result of an operation that raised; a bug is told with the request id, and logged."""
        if not isinstance(error, SheafError):
            log.error("bug_in_operation", index=index, exc_info=error)
            detail = f"an internal error; its request id is {request_id.get()}"
            error = SheafError(Code.INTERNAL, detail)
        written = entry.request.url if isinstance(entry.request, Request) else ""
        return Result(refusals.of_error(self._urls.get(index, written), error))

    def _filled(self, index: int, request: Request, results: Mapping[str, Result]) -> Request:
        """Fill in the values of earlier answers; what comes of it then is checked like what a client wrote."""
        others = sum(size for other, size in self._filled_bytes.items() if other != index)
        values = Values(results, MAX_FILLED_BYTES - others)
        url = references.fill_path(request.url, values.text)
        refuse_nested(url)
        headers = {name: references.fill(text, values.text) for name, text in request.headers.items()}
        params = {name: references.fill(text, values.text) for name, text in request.params.items()}
        try:
            body = references.fill(request.body, values.value)
            sent = encoded(body) if request.sent else b""
        except RecursionError as error:
            raise Refused(Code.MALFORMED, f"the body is nested deeper than {MAX_DEPTH} levels") from error
        items = {**self._items, index: items_in(body)}
        require_few_items(items.values())
        self._items, self._filled_bytes[index] = items, values.bytes
        return Request(request.method, url, headers, params, body, sent, items[index])

    def _call(self, request: Request) -> tuple[Call, Route]:
        path, _, query = request.url.partition("?")
        # Most operations of a batch go to a few routes.
        known = self._routes.get((request.method, path))
        if known is None:
            known = self._routes[request.method, path] = self._inner.match(request.method, path)
        route, segments = known
        pairs = URL.build(query_string=query, encoded=True).query.items() if query else ()
        params = request.params
        call = Call(
            self._outer.database,
            self._outer.caller,
            request.method,
            path,
            (*(pair for pair in pairs if pair[0] not in params), *params.items()),
            request.headers,
            request.sent,
            segments,
            self._outer.max_queued_records,
        )
        return call, route


def _is_upload(command: Command) -> bool:
    return isinstance(command, Create) and command.noun is BATCHES


def _references(request: Request) -> list[str]:
    texts = chain(request.headers.values(), request.params.values())
    return [
        *references.in_path(request.url),
        *filter(references.refers, texts),
        *references.in_value(request.body),
    ]
