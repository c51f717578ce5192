"""Cursors: where in which list a page ended. Opaque to clients, the same at both doors."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any

import msgspec

from db.errors import Code, Refused
from db.tables import NAME_START_CHARACTERS


def fingerprint(*parts: object) -> str:
    """Return a short digest of what makes a list that list: its order and its filters."""
    return blake2b(msgspec.json.encode(parts, order="sorted"), digest_size=6).hexdigest()


def encode(of_list: str, row: Any, value: str = "", *, hides_root: bool) -> str:
    """Return the cursor of a row: it holds what the row is ordered by (value, id, root), so it survives the row.

    The root may be left out of a list within one: whoever reads a scope needn't know the root above it.
    """
    key = (of_list, row.id, "" if hides_root else row.root_id, value)
    return urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def bounds(of_list: str, after: str | None, before: str | None) -> dict[str, object]:
    """Return the parameters of the conditions that cursors stand for; `Refused` for a foreign one."""
    parameters: dict[str, object] = {}
    for name, cursor in (("after", after), ("before", before)):
        if cursor is not None:
            row_id, root_id, value = _decode(of_list, name, cursor)
            parameters |= {name: row_id, f"{name}_root": root_id, f"{name}_value": value}
            parameters[f"{name}_start"] = value[:NAME_START_CHARACTERS]
    return parameters


def _decode(of_list: str, name: str, cursor: str) -> tuple[str, str, str]:
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        made_for, *key = msgspec.json.decode(raw, type=tuple[str, str, str, str])
    except (ValueError, msgspec.MsgspecError) as error:
        raise Refused(Code.INVALID_VALUE, f"{name} is not a cursor that this server made") from error
    if made_for != of_list:
        raise Refused(Code.INVALID_VALUE, f"{name} is a cursor of another list: order or filters differ")
    if "\0" in "".join(key):
        raise Refused(Code.INVALID_VALUE, f"{name} is not a cursor that this server made")
    return key[0], key[1], key[2]
