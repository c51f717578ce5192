"""Patterns: only such as are matched in a time linear to the text, by the validator's own engine."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from db.definitions.edits import Path
    from db.definitions.graphs import Faults
    from db.definitions.nodes import Graph

MAX_PATTERNS: Final = 1_000
MAX_LENGTH: Final = 5_000
# Compiled sizes. A long text is matched in the time of its length times this size, so both must be small.
_SMALL_BYTES: Final = 64 * 1024
_LARGE_BYTES: Final = 512 * 1024
_LARGE_COUNTS: Final = _LARGE_BYTES // _SMALL_BYTES

LINEAR: Final = jsonschema_rs.RegexOptions(size_limit=_LARGE_BYTES, dfa_size_limit=_LARGE_BYTES)
_SMALL: Final = jsonschema_rs.RegexOptions(size_limit=_SMALL_BYTES, dfa_size_limit=_LARGE_BYTES)


def check_patterns(graph: Graph, faults: Faults) -> None:
    """Refuse patterns that the engine can't compile, or not within the limits of size and number."""
    weight = 0
    for path, pattern in _patterns(graph):
        if len(pattern) > MAX_LENGTH:
            faults.add(path, f"a pattern has more than {MAX_LENGTH:,} characters")
            continue
        if _compiles(pattern, small=True):
            weight += 1
        elif _compiles(pattern, small=False):
            weight += _LARGE_COUNTS
        else:
            faults.add(path, f"the pattern {pattern[:100]} isn't linear-time: {_reason(pattern)}")
        if weight > MAX_PATTERNS:
            faults.add(path, f"the schema has more than {MAX_PATTERNS:,} patterns, or fewer large ones")
            return


def _patterns(graph: Graph) -> Iterator[tuple[Path, str]]:
    for node in graph.nodes:
        if not isinstance(node.schema, dict):
            continue
        pattern = node.schema.get("pattern")
        if isinstance(pattern, str):
            yield (*node.path, "pattern"), pattern
        by_pattern = node.schema.get("patternProperties")
        if isinstance(by_pattern, dict):
            for pattern in by_pattern:
                yield (*node.path, "patternProperties", pattern), pattern


def _reason(pattern: str) -> str:
    if "(?=" in pattern or "(?!" in pattern or "(?<=" in pattern or "(?<!" in pattern:
        return "it looks ahead or behind"
    return "it refers back, is too large when compiled, or isn't a regular expression"


@lru_cache(maxsize=4096)
def _compiles(pattern: str, *, small: bool) -> bool:
    try:
        _validator({"pattern": pattern}, _SMALL if small else LINEAR)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Compile patterns that `check_patterns` accepts, to tell whether a text matches any of them."""
    return _validator({"anyOf": [{"pattern": pattern} for pattern in patterns]}, LINEAR).is_valid


def _validator(schema: dict[str, Any], options: jsonschema_rs.RegexOptions) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(schema, pattern_options=options, offline=True)
