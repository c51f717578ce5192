"""A type's schema, compiled: what it says about the data of one record after the other."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from db.definitions.edits import DROPPED, edited, extent_of, pointer_to
from db.definitions.paths import display_text, parse_display_path, value_at
from db.definitions.readings import parse_schema
from db.definitions.states import ReferenceFound, States, find_references, find_unknown
from db.definitions.wording import faults_of
from db.errors import Code, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.definitions.edits import Path
    from db.definitions.readings import Parsed

MAX_FAULTS: Final = 20
# The validator finds all errors or one; this many checks are soon made, and their errors soon written.
_MAX_EXPLAINED_CHECKS: Final = 20_000

_NOT_UNICODE: Final = Fault(Code.INVALID_VALUE, "/data", "data holds text that isn't Unicode")
_UNEXPLAINED: Final = Fault(
    Code.INVALID_VALUE,
    "/data",
    "data doesn't match the schema, and is too large or nested too deeply for this schema to say where",
)


class Definition:
    """What a type says about the data of its records; immutable, so that all requests may share it."""

    __slots__ = ("_display_path", "_parsed", "_states", "_valid", "external_id_field")

    def __init__(
        self, parsed: Parsed | None, states: States | None, *, field: str | None, path: Path | None
    ) -> None:
        self._parsed = parsed
        self._states = states
        self._valid = parsed.validator.is_valid if parsed is not None else None
        self._display_path = path
        self.external_id_field = field

    def faults(self, data: Any) -> tuple[Fault, ...]:
        """Say what is wrong with a record's data, up to 20 faults."""
        if self._parsed is None or self._valid is None:
            return ()
        try:
            if self._valid(data):
                return ()
            return _explained(self._parsed, data)
        except UnicodeEncodeError:
            return (_NOT_UNICODE,)

    def references(self, data: Any) -> list[ReferenceFound]:
        """Find all that a record refers to, in the order of the schema."""
        found: list[ReferenceFound] = []
        if self._states is not None:
            find_references(self._states.root, data, "", found)
        return found

    def unknown(self, data: Any) -> list[str]:
        """Point to the fields that the schema doesn't know."""
        paths = self._unknown(data)
        return [pointer_to(path) for path in paths] if paths else []

    def without_unknown(self, data: Any) -> Any:
        """Drop the fields that the schema doesn't know: the same data if there are none, else a copy."""
        paths = self._unknown(data)
        return edited(data, dict.fromkeys(paths, DROPPED)) if paths else data

    def _unknown(self, data: Any) -> list[Path]:
        found: list[Path] = []
        if self._states is not None:
            find_unknown(self._states.root, data, (), found)
        return found

    def display_name(self, data: Any) -> str | None:
        """Read what a record is called."""
        return display_text(value_at(data, self._display_path)) if self._display_path is not None else None


def compile_definition(
    schema: dict[str, Any] | bool | None,
    targets: Mapping[str, str],
    *,
    external_id_field: str | None,
    display_name_path: str | None,
) -> Definition:
    """Compile what `read_schema` and `check_display_path` accept; `targets` has a type's id for each name."""
    path = parse_display_path(display_name_path) if display_name_path is not None else None
    if schema is None:
        return Definition(None, None, field=external_id_field, path=path)
    parsed = parse_schema(schema)
    assert not isinstance(parsed, tuple), f"a schema that was never read: {parsed[0].detail}"
    states = States(parsed.graph, dict(targets))
    return Definition(parsed, states, field=external_id_field, path=path)


def _explained(parsed: Parsed, data: Any) -> tuple[Fault, ...]:
    """List the errors, as far as finding them ends soon: the validator's own limit is the number of all."""
    checks, multiplies, error_size = parsed.growth
    size, depth = extent_of(data, limit=_MAX_EXPLAINED_CHECKS)
    # Only the answer valid or not is remembered for a place; errors are found anew on every way to it.
    cost = size * (min(checks, 100) ** (depth + 1) if multiplies else checks)
    if cost * max(1, error_size // 100) <= _MAX_EXPLAINED_CHECKS:
        errors = chain.from_iterable(map(faults_of, parsed.validator.iter_errors(data)))
        return tuple(islice(dict.fromkeys(errors), MAX_FAULTS)) or (_UNEXPLAINED,)
    if parsed.ends_at_first_error:
        try:
            parsed.validator.validate(data)
        except jsonschema_rs.ValidationError as error:
            return tuple(islice(faults_of(error), MAX_FAULTS))
    return (_UNEXPLAINED,)
