"""From bytes to typed items: one fast pass, and after a fault a second one that finds them all."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeAlias, TypeVar, get_args

import msgspec
from msgspec import Meta

from db.errors import Code, Fault, Refused
from db.ids import LOCAL_PART, Namespace, pattern
from db.storable import MAX_DEPTH, wrong_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from msgspec.structs import FieldInfo

T = TypeVar("T", bound=msgspec.Struct)

MAX_ITEMS = 1_000
MAX_META_BYTES = 64 * 1024
MAX_DATA_BYTES = 1024 * 1024
LONGEST_NUMBER = 4_000
KEY_PATTERN = r"^[A-Za-z0-9_-]{1,128}\Z"

Key = Annotated[str, Meta(pattern=KEY_PATTERN, description="1 to 128 of A-Z a-z 0-9 _ -")]
Name = Annotated[str, Meta(min_length=1, max_length=1_000, description="1 to 1,000 characters")]
Description = Annotated[str, Meta(max_length=10_000, description="up to 10,000 characters")]
ExternalId = Annotated[str, Meta(min_length=1, max_length=512, description="1 to 512 characters")]
NO_NULL = r"^[^\u0000]*$"
# No pattern that every validator reads says what Unicode calls printable; this is exact for Latin-1.
PRINTABLE = r"^[^\u0000-\u001f\u007f-\u00a0\u00ad]*$"
Identifier = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        description="1 to 256 printable characters",
        extra_json_schema={"pattern": PRINTABLE},
    ),
]
Reference = Annotated[str, Meta(min_length=1, max_length=256, description="an id")]
Count = Annotated[int, Meta(ge=1, le=2**31 - 1, description="a whole number from 1 to 2,147,483,647")]

ScopeId = Annotated[str, Meta(pattern=pattern(Namespace.SCOPE))]
ResourceTypeId = Annotated[str, Meta(pattern=pattern(Namespace.RESOURCE_TYPE))]
ResourceId = Annotated[str, Meta(pattern=pattern(Namespace.RESOURCE))]
TagGroupId = Annotated[str, Meta(pattern=pattern(Namespace.TAG_GROUP))]
TagId = Annotated[str, Meta(pattern=pattern(Namespace.TAG))]
TagAssignmentId = Annotated[str, Meta(pattern=pattern(Namespace.TAG_ASSIGNMENT))]
TokenId = Annotated[str, Meta(pattern=pattern(Namespace.TOKEN))]
Timestamp = Annotated[str, Meta(description="RFC 3339, UTC", extra_json_schema={"format": "date-time"})]

_PATTERNS = {pattern(kind): f"{kind}_ and 1 to 128 of A-Z a-z 0-9 . _ -" for kind in Namespace} | {
    KEY_PATTERN: "1 to 128 of A-Z a-z 0-9 _ -"
}
_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
_EXPECTED = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_LENGTH = re.compile(r"Expected `(str|array)` of length (>=|<=) (\d+)")
_BOUND = re.compile(r"Expected `int` (>=|<=) (\d+)")
_REGEX = re.compile(r"Expected `str` matching regex (.*)", re.DOTALL)
_PATH = re.compile(r" - at `(?:key in )?\$([^`]*)`$")
_STEP = re.compile(r"\[(\d+)\]|\.([A-Za-z0-9_]+)")
_LONG_NUMBER = re.compile(rb"[0-9]{19,}")

Item: TypeAlias = T | tuple[Fault, ...]


class NewItem(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, gc=False
):
    """What a client asks to be created; `id` narrows in each noun."""

    id: str | None = None

    @classmethod
    def missing(cls, value: Mapping[str, Any]) -> Iterable[str]:
        """Name the fields that a faulty item also lacks, though no field is required in itself."""
        del value
        return ()


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, gc=False):
    """What a client asks to be changed: a field left out stays as it is."""


@cache
def _decoder(shape: type[T]) -> msgspec.json.Decoder[list[T]]:
    return msgspec.json.Decoder(list[shape])  # type: ignore[valid-type]  # a type made at run time


@cache
def _one(shape: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(shape)


@cache
def _fields(shape: type[msgspec.Struct]) -> dict[str, FieldInfo]:
    """Return a shape's fields by the names that clients write; msgspec reads the annotations anew each time."""
    return {field.encode_name: field for field in msgspec.structs.fields(shape)}


def decode_batch(body: bytes, shape: type[T], *, limit: int = MAX_ITEMS) -> list[Item[T]]:
    """Read a JSON array of items: each becomes a `shape`, or the tuple of its faults.

    Raises `Refused` for what is no array (`malformed`) and for more than `limit` items (`too_many_items`).
    """
    items: list[Item[T]] = []
    try:
        items = _decoder(shape).decode(body)
        clean = b"\\u0000" not in body
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        clean = False
    if not clean:
        values = loads(body)
        if not isinstance(values, list):
            raise Refused(Code.MALFORMED, f"the body must be an array of objects, not {_kind(values)}")
        _bound(len(values), limit)
        return [checked(value, shape) for value in values]
    _bound(len(items), limit)
    return items


def decode_one(body: bytes, shape: type[T]) -> Item[T]:
    """Read one JSON object: a `shape`, or the tuple of its faults."""
    # What is nested is walked, however well it fits: a change is merged into what is stored, level by level.
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH and b"\\u0000" not in body:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            item: T = _one(shape).decode(body)
            return item
    return checked(loads(body), shape)


def loads(body: bytes, what: str = "the body") -> Any:
    """Read JSON (RFC 8259) of any form; raises `Refused` (`malformed`), naming it."""
    try:
        # Decoded here, since `json` would guess UTF-16 and let lone surrogates through.
        return json.loads(body.decode(), parse_constant=_not_json, parse_int=_whole)
    except RecursionError as error:
        raise Refused(Code.MALFORMED, f"{what} is nested deeper than {MAX_DEPTH} levels") from error
    except UnicodeDecodeError as error:
        raise Refused(Code.MALFORMED, f"{what} is not UTF-8: {error.reason} at byte {error.start}") from error
    except ValueError as error:
        raise Refused(Code.MALFORMED, f"{what} is not JSON: {error}") from error


def checked(value: object, shape: type[T]) -> Item[T]:
    """Turn a JSON value into a `shape`, or into all that is wrong with it."""
    if not isinstance(value, dict):
        return (Fault(Code.INVALID_VALUE, "", f"an item must be an object, not {_kind(value)}"),)
    faults: list[Fault] = []
    fields = _fields(shape)
    for name in value:
        if name not in fields:
            detail = f"{_quoted(name)} is not a field that can be set"
            faults.append(Fault(Code.UNKNOWN_FIELD, _pointer(name), detail))
    for name, field in fields.items():
        if value.get(name) is None and field.required:
            faults.append(Fault(Code.MISSING_FIELD, _pointer(name), f"{name} is required"))
        elif name in value:
            faults.extend(_field_faults(name, value[name], field.type))
    if faults and issubclass(shape, NewItem):
        faults.extend(
            Fault(Code.MISSING_FIELD, _pointer(name), f"{name} is required") for name in shape.missing(value)
        )
    return tuple(faults) or msgspec.convert(value, shape)


def encode_json(value: object, field: str, max_bytes: int) -> str | Fault:
    """Turn a JSON value into the text that is stored, or say why it can't be."""
    encoded = msgspec.json.encode(value)
    if len(encoded) > max_bytes:
        return Fault(
            Code.TOO_LARGE, f"/{field}", f"{field} has {len(encoded):,} bytes; the limit is {max_bytes:,}"
        )
    suspicious = _LONG_NUMBER.search(encoded) or encoded.count(b"[") + encoded.count(b"{") > MAX_DEPTH
    if suspicious and (wrong := wrong_json(value, f"/{field}")):
        return wrong
    return encoded.decode()


def _bound(count: int, limit: int) -> None:
    if count > limit:
        raise Refused(Code.TOO_MANY_ITEMS, f"{count:,} items; the limit is {limit:,}")


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _whole(digits: str) -> int | float:
    # Python refuses to read a number of thousands of digits; this one is refused in any case, by its field's name.
    return int(digits) if len(digits) < LONGEST_NUMBER else float("inf")


def _field_faults(name: str, value: object, field_type: object) -> list[Fault]:
    try:
        if wrong := wrong_json(value, _pointer(name)):
            return [wrong]
        msgspec.convert(value, field_type)
    except RecursionError:
        return [Fault(Code.INVALID_VALUE, _pointer(name), f"{name} is nested deeper than {MAX_DEPTH} levels")]
    except msgspec.ValidationError as error:
        message, path = str(error), ""
        if found := _PATH.search(message):
            message = message[: found.start()]
            path = "".join(f"/{a or b}" for a, b in _STEP.findall(found[1]))
        code = Code.MISSING_FIELD if "missing required field" in message else Code.INVALID_VALUE
        words = get_args(field_type) if message.startswith("Invalid enum value") else ()
        told = f"must be one of {', '.join(words)}" if words else _explained(message, value)
        return [Fault(code, _pointer(name) + path, f"{name}{path} {told}")]
    return []


def _explained(message: str, value: object) -> str:
    """Say a decoder's complaint in the words of the contract."""
    if found := _EXPECTED.match(message):
        expected = " or ".join(_WORDS.get(word.strip(), word) for word in found[1].split("|"))
        return f"must be {expected}, not {_WORDS.get(found[2], found[2])}"
    if found := _LENGTH.match(message):
        bound = "at least" if found[2] == ">=" else "at most"
        has = f"; it has {len(value):,}" if isinstance(value, str) else ""
        return f"must have {bound} {int(found[3]):,} characters{has}"
    if found := _BOUND.match(message):
        return f"must be {'at least' if found[1] == '>=' else 'at most'} {int(found[2]):,}"
    if found := _REGEX.match(message):
        known = next((text for regex, text in _PATTERNS.items() if repr(regex) == found[1]), found[1])
        return f"must be {known}"
    return f"is not valid: {message[:1].lower()}{message[1:]}"


def _pointer(name: str) -> str:
    """Return the JSON pointer of a member (RFC 6901), whatever its name is made of."""
    return "/" + name.replace("~", "~0").replace("/", "~1").encode("utf-8", "replace").decode()


def _quoted(name: str) -> str:
    return repr(name[:100]).encode("utf-8", "replace").decode()


def _kind(value: object) -> str:
    names = {
        dict: "object",
        list: "array",
        str: "str",
        bool: "bool",
        int: "int",
        float: "float",
        type(None): "null",
    }
    return _WORDS[names[type(value)]]


__all__ = [
    "LOCAL_PART",
    "Change",
    "Item",
    "NewItem",
    "checked",
    "decode_batch",
    "decode_one",
    "encode_json",
    "loads",
]
