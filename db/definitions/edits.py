"""JSON values: pointers into them, and copies that differ at some places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str | int, ...]

DROPPED: Final = object()


def escaped(token: str | int) -> str:
    """Write one step of a JSON pointer (RFC 6901), slash included."""
    if isinstance(token, int):
        return f"/{token}"
    return "/" + (token.replace("~", "~0").replace("/", "~1") if "~" in token or "/" in token else token)


def pointer_to(path: Path) -> str:
    return "".join(map(escaped, path))


def edited(value: Any, changes: Mapping[Path, Any]) -> Any:
    """Copy a value with other values, or none (`DROPPED`), at some paths; only what contains them is copied."""
    if () in changes:
        return changes[()]
    copies: dict[Path, Any] = {(): value.copy()}
    for path, change in changes.items():
        holder = copies[()]
        for length in range(1, len(path)):
            step = path[:length]
            if step not in copies:
                copies[step] = holder[path[length - 1]] = holder[path[length - 1]].copy()
            holder = copies[step]
        if change is DROPPED:
            del holder[path[-1]]
        else:
            holder[path[-1]] = change
    return copies[()]


def extent_of(value: Any, *, limit: int = 1 << 62) -> tuple[int, int]:
    """Count the values in a value, itself included, and its levels; not much further than to the limit."""
    size, depth = 0, 0
    level = [value]
    while level and size <= limit:
        size += len(level)
        depth += 1
        below: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                below.extend(part.values())
            elif isinstance(part, list):
                below.extend(part)
        level = below
    return size, depth
