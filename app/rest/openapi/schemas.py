"""Schemas of the types that operations name: what msgspec says of them, in the words of JSON Schema 2020-12."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any, get_args

import msgspec
from msgspec import UnsetType

from app.rest.openapi.members import MEANINGS, MEANINGS_IN
from db.shapes import NO_NULL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.rest.openapi.operations import Body, Operation

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"
FIXED = "it can't change: it may be sent as it is stored"
_GENERIC = re.compile(r"(OutcomeShown|Envelope)_(list_)?(?:\w+\.)*(\w+?)_+\Z")

JSON_SCHEMAS: dict[str, Schema] = {
    "JsonValue": {
        "description": "any JSON, nested up to 100 levels, with whole numbers of up to 64 bits",
        "anyOf": [
            {"type": ["null", "boolean"]},
            {"type": "number", "minimum": -(2**63), "maximum": 2**64 - 1},
            {"type": "string", "pattern": NO_NULL},
            {"type": "array", "items": {"$ref": REFERENCE.format(name="JsonValue")}},
            {"$ref": REFERENCE.format(name="JsonObject")},
        ],
    },
    "JsonObject": {
        "type": "object",
        "propertyNames": {"pattern": NO_NULL},
        "additionalProperties": {"$ref": REFERENCE.format(name="JsonValue")},
    },
}


def portable(pattern: str) -> str:
    """Return a regular expression as ECMA-262 spells it."""
    return pattern.replace(r"\Z", "$")


class Schemas:
    """The schemas of all bodies, those with names among the components."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        operations = list(operations)
        bodies = [each.body for each in operations if each.body]
        shapes: dict[Any, None] = dict.fromkeys(body.shape for body in bodies)
        shapes |= dict.fromkeys(
            shape for each in operations for reply in each.replies for shape in reply.shapes
        )
        schemas, found = msgspec.json.schema_components(list(shapes), ref_template=REFERENCE)
        _let_unset_be_absent(shapes, found)
        self._of = {shape: _plain(schema) for shape, schema in zip(shapes, schemas, strict=True)}
        whole = {_name(name): _described(name.partition("_")[0], schema) for name, schema in found.items()}
        narrow = {_name_of(body): _narrowed(whole[body.shape.__name__], body) for body in bodies}
        self.components = whole | narrow | JSON_SCHEMAS

    def of_body(self, body: Body) -> Schema:
        """Return the schema of a request's body."""
        one: Schema = {"$ref": REFERENCE.format(name=_name_of(body))}
        if body.max_items is None:
            return one
        return {"type": "array", "maxItems": body.max_items, "items": one}

    def of_shapes(self, shapes: tuple[Any, ...]) -> Schema:
        """Return the schema of an answer's body, which is one of some shapes."""
        first, *others = (self._of[shape] for shape in shapes)
        # The empty array is told by the first alternative alone.
        return {"oneOf": [first, *({**other, "minItems": 1} for other in others)]} if others else first


def _name_of(body: Body) -> str:
    return body.named or body.shape.__name__


def _narrowed(schema: Schema, body: Body) -> Schema:
    """Return the schema of a body that takes less than its shape does."""
    narrowed = deepcopy(schema)
    for member, part in narrowed["properties"].items():
        if member in body.fixed:
            part["description"] += f"; {FIXED}"
        if member in body.not_null and "anyOf" in part:
            [one] = [each for each in part.pop("anyOf") if each != {"type": "null"}]
            part |= {**one, "description": part["description"]}
    if body.required:
        narrowed["required"] = [member for member in narrowed["properties"] if member in body.required]
    return narrowed


def _let_unset_be_absent(shapes: Iterable[Any], found: dict[str, Schema]) -> None:
    """Correct what msgspec says of fields without a default: one that may be unset isn't required."""
    for struct in _structs(msgspec.inspect.multi_type_info(shapes)):
        if struct.cls.__name__ in found:
            unset = {
                field.encode_name
                for field in msgspec.structs.fields(struct.cls)
                if UnsetType in get_args(field.type)
            }
            schema = found[struct.cls.__name__]
            schema["required"] = [name for name in schema["required"] if name not in unset]


def _structs(types: Iterable[msgspec.inspect.Type]) -> Iterator[msgspec.inspect.StructType]:
    for each in types:
        match each:
            case msgspec.inspect.StructType():
                yield each
                yield from _structs(field.type for field in each.fields)
            case msgspec.inspect.ListType():
                yield from _structs([each.item_type])
            case msgspec.inspect.UnionType():
                yield from _structs(each.types)
            case _:
                pass


def _name(name: str) -> str:
    """Return what to call a component: a generic type is named after what it is of."""
    if (generic := _GENERIC.match(name)) is None:
        return name
    kind, listed, of = generic.groups()
    return of + ("Outcome" if kind == "OutcomeShown" else "ListAnswer" if listed else "Answer")


def _described(owner: str, schema: Schema) -> Schema:
    """Return a component with its members' meanings, and with what holds for every request if it is asked for."""
    asked = schema.get("additionalProperties") is False
    plain = _plain(schema, asked=asked)
    if "properties" in plain:
        plain["properties"] = {
            name: {"description": MEANINGS_IN.get(owner, MEANINGS).get(name) or MEANINGS[name]}
            | {key: value for key, value in part.items() if key != "description"}
            for name, part in plain["properties"].items()
        }
    return plain


def _plain(schema: Schema, *, asked: bool = False) -> Schema:
    """Return a schema without what says nothing to a client, its parts too."""
    plain = {key: value for key, value in schema.items() if key != "title" and value not in (None, [])}
    if asked and not plain:
        return {"$ref": REFERENCE.format(name="JsonValue")}
    if asked and plain == {"type": "object"}:
        return {"$ref": REFERENCE.format(name="JsonObject")}
    for key, part in plain.items():
        match key, part:
            case "$ref", str():
                plain[key] = "/".join([*part.split("/")[:-1], _name(part.rsplit("/", 1)[1])])
            case "pattern", str():
                plain[key] = portable(part)
            case "properties", dict():
                plain[key] = {name: _plain(each, asked=asked) for name, each in part.items()}
            case (("items" | "additionalProperties"), dict()):
                plain[key] = _plain(part, asked=asked)
            case (("anyOf" | "oneOf" | "allOf"), list()):
                plain[key] = [_plain(each, asked=asked) for each in part]
            case _:
                pass
    if asked and plain.get("type") == "string" and plain.keys().isdisjoint({"pattern", "format", "enum"}):
        plain["pattern"] = NO_NULL
    return plain
