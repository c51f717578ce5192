"""The dependency graph: distributions as projects that refer to those that they require."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

from demo.metadata import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from demo.metadata import Distribution

Item = dict[str, Any]

PROJECT = "project"
DEFINITION: Item = {
    "name": PROJECT,
    "pluralName": "projects",
    "description": "A distribution, with the projects that it requires on whatever platform",
    "externalIdField": "name",
    "exposeNameJsonPath": "$.name",
    "schema": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "version": {"type": "string"},
            "summary": {"type": "string"},
            "requires": {"type": "array", "items": {"$ref": f"schemas/{PROJECT}"}},
            "optional": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["name", "version", "requires"],
        "additionalProperties": False,
    },
}

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_OF_AN_EXTRA = re.compile(r"\bextra\b")


def record(of: Distribution) -> Item:
    """Return a distribution as a record; what only an extra requires is kept as it is written."""
    return {
        "name": of.key,
        "version": of.version,
        # Null takes away what an earlier version said.
        "summary": of.summary,
        "requires": sorted({_required(text) for text in of.requires if not _is_optional(text)}),
        "optional": [text for text in of.requires if _is_optional(text)],
    }


def _required(text: str) -> str:
    found = _NAME.match(text)
    return normalised(found[1] if found else text)


def _is_optional(text: str) -> bool:
    return _OF_AN_EXTRA.search(text.partition(";")[2]) is not None


def shuffled(records: Iterable[Item]) -> list[Item]:
    """Return records in an order that has nothing to do with what they require, the same each time."""
    mixed = list(records)
    random.Random(0).shuffle(mixed)  # noqa: S311 - an order, and no secret
    return mixed


def storable(records: Sequence[Item], stored: Iterable[str] = ()) -> set[str]:
    """Return the names of those whose requirements are all there, and theirs, all the way down.

    What is `stored` already is there. Projects that require each other are there together.
    """
    requires: Mapping[str, set[str]] = {each["name"]: set(each["requires"]) for each in records}
    before, there = set(stored), set(requires)
    while lacking := {name for name in there if not requires[name] <= there | before}:
        there -= lacking
    return there
