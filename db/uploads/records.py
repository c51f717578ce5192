"""Reads the records of a batch: each becomes a step of the chain of its external id, or fails alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import msgspec

from db.data_rules.known import ResourceKey
from db.definitions import external_id_of
from db.errors import Code, Fault, Refused
from db.shapes import loads
from db.storable import MAX_DEPTH, wrong_json
from db.uploads.chains import Chain, Stake, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from db.definitions import Definition
    from db.uploads.settlements import Settlement

NAMED_UNKNOWN_FIELDS = 20

_decode = msgspec.json.Decoder(list[dict[str, Any]]).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
# What is fine for JSON and not for us, all of which is rare: then each record is looked through.
_BAD_ESCAPE = re.compile(r"\\u0000|\\u[dD][89a-fA-F]")
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19


class Place:
    """Where the records of one batch belong, and what is asked of them."""

    __slots__ = (
        "by",
        "definition",
        "field",
        "ignore_unknown",
        "must_be_new",
        "must_exist",
        "root_id",
        "scope_id",
        "type_id",
    )

    def __init__(
        self,
        *,
        root_id: str,
        scope_id: str,
        type_id: str,
        definition: Definition,
        by: str,
        ignore_unknown: bool,
        must_be_new: bool = False,
        must_exist: bool = False,
    ) -> None:
        self.root_id = root_id
        self.scope_id = scope_id
        self.type_id = type_id
        self.definition = definition
        self.field = definition.external_id_field
        self.by = by
        self.ignore_unknown = ignore_unknown
        self.must_be_new = must_be_new
        self.must_exist = must_exist


def decoded(body: str) -> tuple[list[dict[str, Any] | Fault], bool]:
    """Return the records of a payload, and whether each must be looked through."""
    # Finds long numbers ten times as fast as a regular expression.
    suspicious = _LONG_NUMBER in body.encode().translate(_ZEROS)
    suspicious = suspicious or ("\\u" in body and _BAD_ESCAPE.search(body) is not None)
    try:
        if not suspicious:
            return [*_decode(body)], False
        return [*loads(body.encode())], True
    except (msgspec.DecodeError, RecursionError, Refused):
        return [_one(each) for each in _split(body)], True


def _one(record: msgspec.Raw) -> dict[str, Any] | Fault:
    """Read a record by itself: another one, that can't be read at all, mustn't hurt it."""
    try:
        return cast("dict[str, Any]", loads(bytes(record)))
    except Refused as refused:
        return Fault(Code.INVALID_VALUE, "", refused.detail)


def _is_deep(record: dict[str, Any]) -> bool:
    """Tell whether a record may be nested deeper than the limit: it has as many objects and arrays."""
    for value in record.values():
        if type(value) is dict or type(value) is list:
            text = msgspec.json.encode(record)
            return text.count(b"{") + text.count(b"[") > MAX_DEPTH
    return False


def chains_of(place: Place, batch_id: str, body: str, settlement: Settlement) -> list[Chain]:
    """Group the records of a batch by their external ids, in order; those without one fail."""
    records, suspicious = decoded(body)
    chains: dict[str, Chain] = {}
    for index, record in enumerate(records):
        stake = [Stake(batch_id, index)]
        external_id, step = (
            (None, (record,))
            if isinstance(record, Fault)
            else step_of(place, record, stake, suspicious=suspicious)
        )
        if isinstance(step, tuple):
            settlement.fail(place.root_id, stake, external_id, step, waited=False)
            continue
        assert external_id is not None, "a step has an external id"
        chain = chains.get(external_id)
        if chain is None:
            chain = chains[external_id] = chain_of(place, external_id)
        chain.steps.append(step)
    return list(chains.values())


def chain_of(place: Place, external_id: str) -> Chain:
    """Begin the chain of one record."""
    key = ResourceKey(place.root_id, external_id, place.scope_id, place.type_id)
    return Chain(key, place.definition, place.by)


def step_of(
    place: Place, record: dict[str, Any], stakes: list[Stake], *, suspicious: bool
) -> tuple[str | None, Step | tuple[Fault, ...]]:
    """Read one record: its external id, and its step or all that is wrong with it."""
    if (suspicious or _is_deep(record)) and (wrong := wrong_json(record, "")):
        return None, (wrong,)
    if place.field is None:
        return None, (Fault(Code.MISSING_FIELD, "", "the schema definition names no externalIdField"),)
    external_id = external_id_of(record, place.field)
    if isinstance(external_id, Fault):
        return None, (external_id,)
    definition = place.definition
    unknown = definition.unknown(record)
    if unknown:
        if not place.ignore_unknown:
            return external_id, tuple(_unknown(pointer) for pointer in unknown[:NAMED_UNKNOWN_FIELDS])
        record = definition.without_unknown(record)
    return external_id, Step(record, stakes, must_be_new=place.must_be_new, must_exist=place.must_exist)


def _unknown(pointer: str) -> Fault:
    return Fault(Code.UNKNOWN_FIELD, f"/data{pointer}", f"{pointer[1:]} is no field of the schema")


def faults_of(chains: Iterable[Chain]) -> Iterable[tuple[Chain, Step]]:
    """Yield the steps that came to nothing."""
    for chain in chains:
        for step in chain.steps:
            if step.faults:
                yield chain, step
