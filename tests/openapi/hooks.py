"""What Schemathesis is told beside openapi.json, each with its reason; `schemathesis.toml` loads this."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import RejectedPositiveData

from app.rest.problems import STATUS
from app.rest.uploads.envelopes import belongs
from db.errors import Code

if TYPE_CHECKING:
    from schemathesis import Case, HookContext, Response
    from schemathesis.core.failures import Failure

# A schema says what is well formed, not what is stored: these refusals are about the latter.
ABOUT_WHAT_IS_STORED = {code for code in Code if STATUS[code] in {404, 409, 412, 422}}

# What JSON Schema can't say, by the words with which the server tells it.
BEYOND_JSON_SCHEMA = (
    # Unicode has more unprintable characters than a pattern that all validators read can name.
    "identifier must be 1 to 256 printable characters",
    "subject must have 1 to 256 printable characters",
    # To JSON Schema 1.0 is an integer; we take whole numbers as such only.
    "must be a whole number or null, not a number",
    # The dialect acts in one scope, and this token reaches all.
    "name the scope to act in with the header reach-tenant-id",
    # How members relate to each other, or to those of other items.
    "parentScopeId: the items are their own ancestors",
    "two operations have the id",
)


_keys = (f"key-{number}" for number in count())


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Take out of valid requests what would keep them from doing anything."""
    # A second request with a key is told just that.
    if "Idempotency-Key" in case.headers and _is_valid(case, ParameterLocation.HEADER):
        case.headers["Idempotency-Key"] = next(_keys)
    # A cursor can't be guessed: the server makes it, for one list.
    for cursor in ("after", "cursor"):
        if cursor in case.query and _is_valid(case, ParameterLocation.QUERY):
            del case.query[cursor]


def _is_valid(case: Case[Any], location: ParameterLocation) -> bool:
    """Tell whether what a case has at a location fits its description."""
    part = case.meta.components.get(location) if case.meta else None
    return part is not None and part.mode.is_positive


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Keep a failure unless there is an excuse for it."""
    if isinstance(failure, RejectedPositiveData):
        if belongs(case.path):
            return not _is_beyond_the_schema_of_uploads(response)
        return not _is_beyond_the_schema(response.json())
    if isinstance(failure, AcceptedNegativeData):
        return not _fails_alone(case, response)
    return True


def _is_beyond_the_schema(problem: dict[str, Any]) -> bool:
    faults = problem.get("errors") or [problem]
    return all(
        fault["code"] in ABOUT_WHAT_IS_STORED or any(words in fault["detail"] for words in BEYOND_JSON_SCHEMA)
        for fault in faults
    )


def _is_beyond_the_schema_of_uploads(response: Response) -> bool:
    if response.status_code in {404, 409, 422}:
        return True
    refused = response.json()
    told = refused.get("errors", [refused["message"]])
    return all(any(words in each for words in BEYOND_JSON_SCHEMA) for each in told)


def _fails_alone(case: Case[Any], response: Response) -> bool:
    """Tell whether a part was refused alone: an operation of POST /batch, or an item under onError=continue."""
    answer = response.json()
    if response.status_code == 207:
        return any(each["outcome"] == "failed" for each in answer)
    return case.path == "/batch" and not answer["success"]
