"""What a validator's error is called in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from db.definitions.edits import escaped, pointer_to
from db.errors import Code, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    import jsonschema_rs

    from db.definitions.edits import Path

# Stands for the value in the validator's messages, which would else repeat it whole. Nobody writes it: it is private.
MASK: Final = "\uf8f0"
MAX_SHOWN: Final = 100


def shortened(text: str, length: int = MAX_SHOWN) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def plain_message(error: jsonschema_rs.ValidationError, name: str) -> str:
    """Say what is wrong with a value that is called `name`."""
    return shortened(error.message, 2 * MAX_SHOWN).replace(MASK, shortened(name))


def faults_of(error: jsonschema_rs.ValidationError) -> Iterator[Fault]:
    """Word an error about a record's data, one fault for each field that it is about."""
    path = tuple(error.instance_path)
    pointer = f"/data{pointer_to(path)}"
    name = shortened(_name(path))
    details: dict[str, Any] = error.kind.as_dict()
    match error.kind.name:
        case "required":
            missing = details["property"]
            detail = f"{shortened(_name((*path, missing)))} is required"
            yield Fault(Code.MISSING_FIELD, pointer + escaped(missing), detail)
        case "additionalProperties" | "unevaluatedProperties":
            for field in details["unexpected"]:
                detail = f"{shortened(_name((*path, field)))} isn't a field of this schema"
                yield Fault(Code.INVALID_VALUE, pointer + escaped(field), detail)
        case kind:
            yield Fault(Code.INVALID_VALUE, pointer, f"{name} {_reason(kind, details, error)}")


def _name(path: Path) -> str:
    """Name a field by the whole way to it, since many fields may have its own name."""
    return pointer_to(path).removeprefix("/") or "data"


def _reason(kind: str, details: dict[str, Any], error: jsonschema_rs.ValidationError) -> str:
    match kind:
        case "type":
            return f"must be of type {' or '.join(details['types'])}"
        case "enum":
            return f"must be one of {_listed(details['options'])}"
        case "const":
            return f"must be {_json(details['expected_value'])}"
        case "pattern":
            return f"must match the pattern {shortened(details['pattern'])}"
        case "format":
            return f"must be in the format {shortened(details['format'])}"
        case "minLength":
            return f"must have a length of at least {details['limit']}"
        case "maxLength":
            return f"must have a length of at most {details['limit']}"
        case "falseSchema":
            return "isn't allowed"
        case _:
            message = shortened(error.message, 2 * MAX_SHOWN)
            return message.removeprefix(MASK).strip().replace(MASK, "the value")


def _listed(options: list[Any]) -> str:
    # Never the whole of an `enum`, which may be as large as a schema.
    text = ", ".join(_json(option) for option in options[:10])
    return shortened(text if len(options) <= 10 else f"{text}, …")


def _json(value: Any) -> str:
    try:
        return shortened(orjson.dumps(value).decode())
    except (TypeError, ValueError):  # an integer of more than 64 bits
        return shortened(str(value))
