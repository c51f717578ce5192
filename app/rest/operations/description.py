"""`POST /batch`, as `openapi.json` describes it; what is read of a request is in `envelope`, operation by operation."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.rest import headers
from app.rest.openapi.operations import REFUSED_BODIES, Body, Operation, Reply
from app.rest.operations.requests import MAX_ID_CHARACTERS, METHODS
from app.rest.operations.results import BatchShown
from app.samples import OPERATIONS
from db.errors import Code
from db.plans import MAX_OPERATIONS

Texts = dict[str, str | float | bool | None]
Method = Annotated[str, Meta(extra_json_schema={"enum": list(METHODS)})]
Url = Annotated[str, Meta(pattern="^/(?!/)")]
OperationId = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]


class OperationRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One operation: a request to another route of this server. What is wrong with it fails it alone."""

    method: Method
    url: Url
    params: Texts | None = None
    headers: Texts | None = None
    body: Any = None
    id: OperationId | None = None
    depends_on: list[OperationId] | None = None


class Operations(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Operations to run in order."""

    requests: Annotated[list[OperationRequest], Meta(max_length=MAX_OPERATIONS)]
    stop_on_error: bool = False
    atomic: bool = False
    dry_run: bool = False


RUN_BATCH = Operation(
    id="runBatch",
    summary="Run many operations in order, each as the direct request would run",
    tag="batch",
    parameters=(headers.IDEMPOTENCY_KEY,),
    body=Body(shape=Operations, example=OPERATIONS),
    replies=(
        Reply(
            status=200,
            says="what became of each operation, whatever that is",
            shapes=(BatchShown,),
            headers=(headers.IDEMPOTENCY_REPLAYED,),
        ),
    ),
    refusals=REFUSED_BODIES | {Code.TOO_MANY_ITEMS},
)
