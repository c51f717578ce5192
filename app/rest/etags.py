"""Conditional requests (RFC 9110 section 13)."""

from __future__ import annotations

import re

from db.commands import ANY_REVISION
from db.errors import Code, Refused

# Empty members of a list are allowed (RFC 9110 section 5.6.1).
_TAG = re.compile(r'[\s,]*(W/)?"([^\x00-\x20"\x7f]*)"\s*(?:,[\s,]*|$)')


def if_match(header: str | None) -> frozenset[str] | None:
    """Return the revisions that If-Match names, `None` without the header; weak tags match nothing (13.1.1)."""
    if header is None:
        return None
    if header.strip() == "*":
        return frozenset({ANY_REVISION})
    return frozenset(tag for weak, tag in _tags("If-Match", header) if not weak and tag != ANY_REVISION)


def none_match(header: str | None, revision: str) -> bool:
    """Tell whether If-None-Match names a revision, by weak comparison (13.1.2): the client has it already."""
    if header is None:
        return False
    return header.strip() == "*" or any(tag == revision for _, tag in _tags("If-None-Match", header))


def _tags(name: str, header: str) -> list[tuple[str, str]]:
    tags: list[tuple[str, str]] = []
    position = 0
    while position < len(header):
        found = _TAG.match(header, position)
        if found is None:
            raise Refused(Code.INVALID_VALUE, f"{name} must be * or a list of quoted entity tags")
        tags.append((found[1] or "", found[2]))
        position = found.end()
    return tags
