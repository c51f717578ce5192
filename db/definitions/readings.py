"""Reading a schema when it is given: everything that could go wrong with it later is found here."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from db.definitions.dialects import Dialect, dialect_of
from db.definitions.edits import DROPPED, edited
from db.definitions.graphs import Faults, GraphBuilder, TooMuch
from db.definitions.growth import Growth, growth_of
from db.definitions.patterns import LINEAR, check_patterns
from db.definitions.wording import MASK, plain_message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from db.definitions.edits import Path
    from db.definitions.nodes import Graph, Node
    from db.errors import Fault

MAX_DEPTH: Final = 100
# Finding all that is wrong with a larger schema takes too long; the first fault is told.
MAX_EXPLAINED_PARTS: Final = 2_000
MAX_REFERENCE: Final = 512

_ID: Final[dict[str, Any]] = {"type": ["string", "integer"], "minLength": 1, "maxLength": MAX_REFERENCE}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sound schema asks of others."""

    # As written, without their prefix: keys or ids of types.
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Parsed:
    """All that is known of a sound schema."""

    graph: Graph
    growth: Growth
    validator: jsonschema_rs.Validator
    # Finding the first error takes no longer than finding that there is one.
    ends_at_first_error: bool


def read_schema(schema: dict[str, Any] | bool) -> Reading | tuple[Fault, ...]:
    """Check a schema, and name the types that it refers to; or say all that is wrong with it."""
    parsed = parse_schema(schema)
    if isinstance(parsed, tuple):
        return parsed
    return Reading(frozenset(node.reference for node in parsed.graph.nodes if node.reference is not None))


def parse_schema(schema: dict[str, Any] | bool) -> Parsed | tuple[Fault, ...]:
    """Read and compile a schema, or say all that is wrong with it."""
    faults = Faults()
    try:
        return _parse(schema, faults) or tuple(faults)
    except TooMuch:
        return tuple(faults)


def _parse(schema: dict[str, Any] | bool, faults: Faults) -> Parsed | None:
    parts = _check_value(schema, faults)
    dialect = dialect_of(schema)
    if dialect is None:
        detail = "$schema isn't supported: drafts 7, 2019-09 and 2020-12 are"
        faults.add(("$schema",), detail)
    if faults or dialect is None:
        return None
    _check_against_metaschema((), schema, dialect, faults, parts=parts)
    if faults:
        return None
    builder = GraphBuilder(schema, dialect, faults)
    graph = builder.build()
    for stray in builder.strays:
        _check_against_metaschema(stray.path, stray.schema, dialect, faults, parts=parts)
    _check_places(graph, faults)
    check_patterns(graph, faults)
    growth = growth_of(graph, faults)
    if faults or growth is None:
        return None
    validator = _compiled(schema, dialect, graph, faults)
    if validator is None:
        return None
    return Parsed(graph, growth, validator, ends_at_first_error=_ends_at_first_error(graph, growth))


def _ends_at_first_error(graph: Graph, growth: Growth) -> bool:
    # For `anyOf` and `oneOf` the validator collects the errors of each alternative.
    alternatives = any(
        keyword in node.schema
        for node in graph.nodes
        if isinstance(node.schema, dict)
        for keyword in ("anyOf", "oneOf")
    )
    return not alternatives and not growth.multiplies


def _check_value(schema: Any, faults: Faults) -> int:
    """Count the parts of what is a JSON object or boolean, not nested too deeply, and Unicode; refuse the rest."""
    if not isinstance(schema, (dict, bool)):
        faults.add((), "a schema is an object or a boolean")
        raise TooMuch
    waiting: list[tuple[Path, Any]] = [((), schema)]
    parts = 0
    while waiting:
        path, value = waiting.pop()
        parts += 1
        if len(path) > MAX_DEPTH:
            faults.add(path[:MAX_DEPTH], f"the schema is nested deeper than {MAX_DEPTH} levels")
            raise TooMuch
        if isinstance(value, dict):
            for name in value:
                _check_text(name, path, faults)
            waiting.extend(((*path, name), part) for name, part in value.items() if _is_worth_a_look(part))
        elif isinstance(value, list):
            waiting.extend(((*path, at), part) for at, part in enumerate(value) if _is_worth_a_look(part))
        elif isinstance(value, str):
            _check_text(value, path, faults)
    return parts


def _is_worth_a_look(value: Any) -> bool:
    return isinstance(value, (dict, list)) or (isinstance(value, str) and not value.isascii())


def _check_text(text: str, path: Path, faults: Faults) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        faults.add(path, "a text has half of a surrogate pair")
        raise TooMuch from None


def _check_against_metaschema(
    path: Path, schema: dict[str, Any] | bool, dialect: Dialect, faults: Faults, *, parts: int
) -> None:
    validator = dialect.metavalidator()
    if validator.is_valid(schema):
        return
    errors: Iterable[jsonschema_rs.ValidationError] = ()
    if parts <= MAX_EXPLAINED_PARTS:
        errors = validator.iter_errors(schema)
    else:
        try:
            validator.validate(schema)
        except jsonschema_rs.ValidationError as first:
            errors = (first,)
    for error in errors:
        place = (*path, *error.instance_path)
        faults.add(place, plain_message(error, str(place[-1]) if place else "the schema"))


def _check_places(graph: Graph, faults: Faults) -> None:
    """Refuse references that are, or are also, reached by anything but `properties`, `items` and local `$ref`s."""
    seen: set[tuple[Node, bool]] = {(graph.root, True)}
    waiting = deque(seen)
    while waiting:
        node, allowed = waiting.popleft()
        for other, by_allowed in node.next_to_references():
            step = (other, allowed and by_allowed)
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    for node in graph.nodes:
        if node.reference is not None and ((node, False) in seen or (node, True) not in seen):
            detail = "a reference to another schema must be reached through properties and items only"
            faults.add((*node.path, "$ref"), detail)


def _compiled(
    schema: dict[str, Any] | bool, dialect: Dialect, graph: Graph, faults: Faults
) -> jsonschema_rs.Validator | None:
    changes: dict[Path, Any] = {}
    for node in graph.nodes:
        if node.reference is not None and isinstance(node.schema, dict):
            changes[node.path] = _without_reference(node.schema, dialect)
    if isinstance(schema, dict) and () not in changes:
        for keyword in ("$schema", "$id"):
            if keyword in schema and not schema[keyword].startswith("#"):
                changes[keyword,] = DROPPED
    try:
        return dialect.validator(
            edited(schema, changes) if changes else schema,
            validate_formats=True,
            pattern_options=LINEAR,
            offline=True,
            mask=MASK,
        )
    except jsonschema_rs.ValidationError as error:
        faults.add(tuple(error.instance_path), plain_message(error, "the schema"))
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        faults.add((), f"the schema can't be compiled: {str(error)[:200]}")
    return None


def _without_reference(schema: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    if dialect.ref_stands_alone:
        return _ID
    others = {name: value for name, value in schema.items() if name not in ("$ref", "$schema", "$id")}
    return {**others, "allOf": [*others.get("allOf", ()), _ID]}
