"""Reads the bodies of uploads and batch deletes: the envelope is checked here, the records by the engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from db.errors import Code, Fault, Refused
from db.shapes import loads

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_RECORDS = 1_000
RESOURCES = "resources"
MAX_NAMED = 20


class Upload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Records to be stored."""

    resources: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=MAX_RECORDS)]


class Deletion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Records to be deleted: those named, or all."""

    external_ids: Annotated[list[str | int], Meta(min_length=1, max_length=MAX_RECORDS)] | UnsetType = UNSET
    delete_all: bool = False
    cascade: bool = False
    dry_run: bool = False


class Payload(NamedTuple):
    """The records of an upload as they were sent, their number, and what is wrong with their envelope."""

    body: str
    total: int
    faults: tuple[Fault, ...] = ()


class _Sent(msgspec.Struct, forbid_unknown_fields=True):
    resources: Raw


_BEGIN = re.compile(rf'\s*\{{\s*"{RESOURCES}"\s*:\s*')
_sent = msgspec.json.Decoder(_Sent)
# Read whole, so that what is accepted is JSON; strings and numbers in it are the engine's concern.
_records = msgspec.json.Decoder(list[dict[str, Any]])


def read_upload(body: bytes) -> Payload:
    """Read an upload; the records are kept letter by letter."""
    try:
        raw = bytes(_sent.decode(body).resources)
        total = len(_records.decode(raw))
        if 1 <= total <= MAX_RECORDS:
            return Payload(raw.decode(), total)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    return _read_slowly(body)


def _read_slowly(body: bytes) -> Payload:
    """Find all that is wrong with an upload, or take what only a fast reader stumbles over."""
    try:
        envelope = loads(body)
    except Refused as refused:
        return _faulty(Fault(refused.code, "", refused.detail))
    if not isinstance(envelope, dict):
        return _faulty(Fault(Code.MALFORMED, "", f'the body must be an object: {{"{RESOURCES}": [...]}}'))
    faults = [*_unknown(envelope, {RESOURCES}), *_wrong_records(envelope)]
    if faults:
        return _faulty(*faults)
    return _cut_out(body.decode(), envelope[RESOURCES])


def _cut_out(text: str, records: list[Any]) -> Payload:
    """Cut the records out of a body in which nothing else stands."""
    begin = _BEGIN.match(text)
    raw = text[begin.end() : text.rindex("}")] if begin else ""
    try:
        whole = loads(raw.encode()) == records
    except Refused:
        whole = False
    if not whole:
        detail = f'the body must be {{"{RESOURCES}": [...]}}, with that name written once and plainly'
        return _faulty(Fault(Code.MALFORMED, "", detail))
    return Payload(raw, len(records))


def _faulty(*faults: Fault) -> Payload:
    return Payload("[]", 0, faults)


def _wrong_records(envelope: dict[str, Any]) -> Iterator[Fault]:
    records = envelope.get(RESOURCES)
    if not isinstance(records, list):
        code = Code.INVALID_VALUE if RESOURCES in envelope else Code.MISSING_FIELD
        yield Fault(code, "", f"{RESOURCES} must be an array of 1 to {MAX_RECORDS:,} records")
        return
    if not 1 <= len(records) <= MAX_RECORDS:
        detail = f"{RESOURCES} has {len(records):,} records; it must have 1 to {MAX_RECORDS:,}"
        yield Fault(Code.INVALID_VALUE, "", detail)
    wrong = [index for index, record in enumerate(records) if not isinstance(record, dict)]
    for index in wrong[:MAX_NAMED]:
        yield Fault(Code.INVALID_VALUE, "", f"{RESOURCES}[{index}] must be an object")
    if len(wrong) > MAX_NAMED:
        yield Fault(Code.INVALID_VALUE, "", f"{len(wrong) - MAX_NAMED:,} more must be objects")


def _unknown(envelope: dict[str, Any], known: set[str]) -> Iterator[Fault]:
    for name in list(envelope.keys() - known)[:MAX_NAMED]:
        yield Fault(Code.UNKNOWN_FIELD, "", f"{name[:100]!a} is not a member of the body")


_NO_CHOICE = Fault(Code.INVALID_VALUE, "", "either externalIds must be given or deleteAll be true")


def read_deletion(body: bytes) -> tuple[Deletion, tuple[Fault, ...]]:
    """Read what a batch delete asks for, and all that is wrong with it."""
    try:
        asked = msgspec.json.decode(body, type=Deletion)
        faults = tuple(_wrong_choice(asked))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        not_text = Fault(Code.MALFORMED, "", "externalIds must hold text of Unicode")
        return Deletion(), tuple(_wrong_deletion(body)) or (not_text,)
    return asked, faults


def names_of(asked: Deletion) -> list[str]:
    """Return the external ids that a batch delete names, as they are compared."""
    return [] if isinstance(asked.external_ids, UnsetType) else [str(each) for each in asked.external_ids]


def _wrong_choice(asked: Deletion) -> Iterator[Fault]:
    if asked.delete_all is (asked.external_ids is not UNSET):
        yield _NO_CHOICE


def _wrong_deletion(body: bytes) -> Iterator[Fault]:
    try:
        value = loads(body)
    except Refused as refused:
        yield Fault(refused.code, "", refused.detail)
        return
    if not isinstance(value, dict):
        yield Fault(Code.MALFORMED, "", 'the body must be an object: {"externalIds": [...]}')
        return
    flags = ("deleteAll", "cascade", "dryRun")
    yield from _unknown(value, {"externalIds", *flags})
    for name in flags:
        if not isinstance(value.get(name, False), bool):
            yield Fault(Code.INVALID_VALUE, "", f"{name} must be true or false")
    if ("externalIds" in value) is (value.get("deleteAll") is True):
        yield _NO_CHOICE
    wanted = value.get("externalIds", [""])
    if not isinstance(wanted, list):
        yield Fault(Code.INVALID_VALUE, "", f"externalIds must be an array of 1 to {MAX_RECORDS:,} ids")
    elif not 1 <= len(wanted) <= MAX_RECORDS:
        detail = f"externalIds has {len(wanted):,} ids; it must have 1 to {MAX_RECORDS:,}"
        yield Fault(Code.INVALID_VALUE, "", detail)
    elif wrong := [i for i, each in enumerate(wanted) if not isinstance(each, str) and type(each) is not int]:
        yield Fault(Code.INVALID_VALUE, "", f"externalIds[{wrong[0]}] must be text or a whole number")
