"""Ids: a namespace, `_`, and a UUIDv7 (RFC 9562) or what the client chose."""

from __future__ import annotations

import os
import re
import secrets
from enum import StrEnum
from typing import TYPE_CHECKING

import uuid6

if TYPE_CHECKING:
    from collections.abc import Iterator


class Namespace(StrEnum):
    """The kinds of objects that have ids."""

    SCOPE = "scope"
    RESOURCE_TYPE = "resource_type"
    RESOURCE = "resource"
    TAG_GROUP = "tag_group"
    TAG = "tag"
    TAG_ASSIGNMENT = "tag_assignment"
    BATCH = "batch"
    TOKEN = "token"  # noqa: S105 - a namespace


LOCAL_PART = r"[A-Za-z0-9._-]{1,128}"
# The longest namespace is read first: tag_group_x is never a tag.
_LONGEST_FIRST = sorted(Namespace, key=len, reverse=True)
_ID = re.compile(rf"({'|'.join(_LONGEST_FIRST)})_{LOCAL_PART}\Z")


def pattern(namespace: Namespace) -> str:
    """Return the regular expression of the ids of a namespace."""
    longer = [other.removeprefix(namespace) for other in Namespace if other.startswith(f"{namespace}_")]
    never = (
        f"(?!{'|'.join(re.escape(rest[1:]) + '_' + LOCAL_PART + '$' for rest in longer)})" if longer else ""
    )
    return rf"^{namespace}_{never}{LOCAL_PART}\Z"


# Of a digit its lower two bits, behind those of the variant.
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_NAMED = {each.value: each for each in Namespace}


def namespace_of(any_id: str) -> Namespace | None:
    """Return the kind of object that an id names, `None` for what is no id."""
    found = _ID.match(any_id)
    return _NAMED[found[1]] if found else None


def new_ids(namespace: Namespace, count: int) -> Iterator[str]:
    """Yield server ids that rise in the order they are yielded.

    One clock reading and one block of random bits serve them all. The 12 bits of `rand_a` are a counter that starts
    at random below 2048 and carries into the milliseconds (RFC 9562 section 6.2, method 1).
    """
    seed = uuid6.uuid7().int
    first = (seed >> 80 << 12) | (seed >> 64 & 0x7FF)
    noise = os.urandom(8 * count).hex()
    begun, head = None, ""
    for i in range(count):
        milliseconds, ticks = divmod(first + i, 4096)
        if milliseconds != begun:
            begun, time = milliseconds, f"{milliseconds:012x}"
            head = f"{namespace}_{time[:8]}-{time[8:]}-7"
        at = 16 * i
        yield f"{head}{ticks:03x}-{_VARIANTS[noise[at]]}{noise[at + 1 : at + 4]}-{noise[at + 4 : at + 16]}"


def new_id(namespace: Namespace) -> str:
    """Return one server id."""
    return next(new_ids(namespace, 1))


def new_revision() -> str:
    """Return a revision, never used before for any object (RFC 9110 section 8.8.1: a strong validator)."""
    return secrets.token_urlsafe(12)


def new_path_key() -> str:
    """Return a scope's own part of its path."""
    return secrets.token_urlsafe(9)
