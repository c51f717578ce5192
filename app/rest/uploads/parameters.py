"""What the upload dialect's requests say beside their records; all that is wrong with it is told at once."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, TypeVar

from app.rest.openapi.operations import PathParameter
from app.rest.parameters import STORABLE, Parameters, QueryParameter, choice, flag, text, whole
from db.batches import Kind, OnStored, Status
from db.errors import Code, Fault, Refused
from db.reads import Member

if TYPE_CHECKING:
    from app.rest.exchange import Call

T = TypeVar("T")

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_WAIT_S = 60
MAX_DEPENDENCY_WAIT_S = 86_400
MAX_CONDITIONS = 10
CONDITION = "data."
# What JSON calls a number, of a size that can be stored.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?\Z")
_TRUTH = {"true": True, "false": False}


class SortBy(StrEnum):
    """What a list of batches is ordered by, newest first."""

    CREATED_AT = "createdAt"
    STARTED_AT = "startedAt"
    COMPLETED_AT = "completedAt"


def _nullable(parameter: QueryParameter[T]) -> QueryParameter[T]:
    """Let a parameter also be empty or `null`, which is as if it weren't sent."""
    plain = {key: value for key, value in parameter.schema.items() if key != "default"}
    return replace(
        parameter,
        read=lambda value: parameter.absent if value in {"", "null"} else parameter.read(value),
        schema={"anyOf": [plain, {"enum": ["", "null"]}], "default": parameter.absent},
    )


def _word(name: str, says: str, words: type[StrEnum]) -> QueryParameter[str | None]:
    """Declare a parameter that is one of some words, or isn't sent."""
    allowed = [each.value for each in words]

    def read(value: str) -> str:
        if value not in allowed:
            detail = f"{name} must be one of {', '.join(allowed)}, not {value!a}"
            raise Refused(Code.INVALID_VALUE, detail)
        return value

    return QueryParameter[str | None](name, says, None, read, {"type": "string", "enum": allowed})


ON_CONFLICT = choice(
    "onconflict",
    "what becomes of a record that is stored already: `upsert` merges into it, `reject` fails the record",
    OnStored.UPSERT,
)
IGNORE_UNKNOWN = _nullable(
    flag(
        "ignoreUnknownFields",
        "what becomes of fields that the schema doesn't know: true drops them, false fails their record",
    )
)
DEPENDENCY_WAIT = _nullable(
    whole(
        "dependencyWaitTimeout",
        "for how many seconds a record may wait for what it refers to; 0 fails it at once",
        0,
        low=0,
        high=MAX_DEPENDENCY_WAIT_S,
    )
)
CURSOR = text("cursor", "a cursor of this list, as `pagination` gives it: the page begins behind it")
LIMIT = whole("limit", "how many at most", DEFAULT_LIMIT, low=1, high=MAX_LIMIT)
PENDING_DETAILS = flag("includePendingDetails", "whether the records that wait are listed, and what for")
WAIT = whole(
    "wait", "for how many seconds to wait with the answer until the status changes", 0, low=0, high=MAX_WAIT_S
)
BATCH_TYPE = _word("batchType", "keep the batches of this type", Kind)
STATUS = _word("status", "keep the batches with this status", Status)
SORT_BY = choice("sortBy", "what the list is ordered by, newest first", SortBy.CREATED_AT)

FIELD = QueryParameter[str | None](
    f"{CONDITION}FIELD",
    "keep the records whose field FIELD of `data` is this: a text, a number or a truth value; "
    "a dot leads into an object",
    None,
    lambda value: value,
    STORABLE,
)
SCHEMA = PathParameter(
    "schemaDefinitionNameOrId",
    "the name, in any case, or the id of a schema definition; the nearest that the scope can use",
    {"type": "string", "minLength": 1},
)
EXTERNAL_ID = PathParameter("externalId", "the record's external id", {"type": "string", "minLength": 1})
BATCH_ID = PathParameter("batchId", "the batch's id", {"type": "string", "minLength": 1})


class Query:
    """The query of one request, and all that was found wrong with it so far."""

    def __init__(self, call: Call) -> None:
        self.faults: list[Fault] = []
        self._left: dict[str, str] = {}
        for name, value in call.query:
            if name in self._left:
                self._blame(Code.INVALID_VALUE, f"the parameter {name!a} is given twice")
                continue
            try:
                Parameters(((name, value),))
            except Refused as refused:
                self._blame(refused.code, refused.detail)
            self._left[name] = value

    def take(self, parameter: QueryParameter[T]) -> T:
        """Take a parameter; what is wrong with it is noted, and stands for its absence."""
        value = self._left.pop(parameter.name, None)
        if value is None:
            return parameter.absent
        try:
            return parameter.read(value)
        except Refused as refused:
            self._blame(refused.code, refused.detail)
            return parameter.absent

    def conditions(self) -> tuple[Member, ...]:
        """Take what fields of the records must be."""
        members: list[Member] = []
        for name in [each for each in self._left if each.startswith(CONDITION)]:
            value = self._left.pop(name)
            path = tuple(name.removeprefix(CONDITION).split("."))
            if "" in path or any(letter in name for letter in '"\\\0'):
                self._blame(Code.INVALID_VALUE, f"{name[:100]!a} names no field of data")
            else:
                members.append(Member(path, value, _readings(value)))
        if len(members) > MAX_CONDITIONS:
            detail = f"{len(members)} conditions on data; the limit is {MAX_CONDITIONS}"
            self._blame(Code.INVALID_VALUE, detail)
        return tuple(members)

    def end(self) -> list[Fault]:
        """Return all faults; what nobody took is one: a typo must not vanish."""
        for name in self._left:
            self._blame(Code.UNKNOWN_PARAMETER, f"there is no parameter {name[:100]!a} here")
        self._left.clear()
        return self.faults

    def _blame(self, code: Code, detail: str) -> None:
        self.faults.append(Fault(code, "", detail))


def _readings(value: str) -> tuple[float | bool, ...]:
    """Return what else than a text a value may be: the number or the truth value that it spells."""
    if value in _TRUTH:
        return (_TRUTH[value],)
    if not _NUMBER.match(value):
        return ()
    number = int(value) if value.lstrip("-").isdecimal() else float(value)
    return (number,) if isfinite(number) else ()
