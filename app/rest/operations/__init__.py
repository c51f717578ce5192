"""The operations dialect (seed 003): `POST /batch`, many requests of the other dialects in one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.rest.operations.description import RUN_BATCH
from app.rest.operations.envelope import Envelope, read_envelope
from app.rest.operations.requests import Request
from app.rest.operations.results import Result, rendered
from app.rest.operations.translation import Translation
from app.rest.parameters import Parameters
from app.rest.routes import Route
from app.rest.work import Act, key_text
from db import plans
from db.idempotency import Key
from db.plans import Plan, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.rest.exchange import Answer, Call
    from app.rest.routes import Router

PATH = "/batch"


def routes(inner: Router) -> Iterator[Route]:
    """Yield the route, whose operations are requests to an inner router."""
    yield Route("POST", PATH, partial(run_batch, inner), RUN_BATCH)


def run_batch(inner: Router, call: Call) -> Act:
    """Run many operations in order; the answer is 200 whatever became of each."""
    call.require_json()
    Parameters(call.query).end()
    envelope = read_envelope(call.body)
    return Act(partial(_run, inner, call, envelope))


async def _run(inner: Router, call: Call, envelope: Envelope) -> Answer:
    translation = Translation(inner, call, envelope)
    if call.database.meter:
        gets = sum(
            isinstance(entry.request, Request) and entry.request.method == "GET" for entry in envelope.entries
        )
        call.database.meter.reads(call.caller.token_hash, gets)
    plan = Plan(
        operations=translation.operations,
        failed=lambda result: result.failed,
        stop_on_error=envelope.stop_on_error,
        atomic=envelope.atomic,
        dry_run=envelope.dry_run,
        record=_record(call),
    )
    return rendered(await plans.run(call.database, call.caller, plan), envelope)


def _record(call: Call) -> Record[Result]:
    """Keep the results under the envelope's key K: operation i has the key K/i, and the whole body's fingerprint."""
    key = key_text(call.headers.get("idempotency-key"))

    if key is None:
        return Record(dump=_answer, load=Result)
    whole = Key.of(call.caller, key, b"POST", PATH.encode(), call.body)

    def of(index: int) -> Key:
        return Key(Key.of(call.caller, f"{key}/{index}").id, whole.fingerprint)

    return Record(dump=_answer, load=Result, key=of)


def _answer(result: Result) -> Answer:
    return result.answer
