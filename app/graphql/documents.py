"""Documents that clients name instead of sending them."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from db.errors import Code, Refused
from graphql_schema.errors import UnknownDocument, UntrustedDocument
from graphql_schema.schema import faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.graphql.requests import Operation

# How a documentId is written that is no name, but a hash.
HASH_PREFIX = "sha256:"
KEPT = 1_000
KEPT_BYTES = 8 * 1024 * 1024


class PersistedDocuments:
    """Those that clients registered by their hash, the last used ones; or a closed list of trusted ones.

    A client whose document was forgotten, or is known to another process only, sends it once more.
    """

    def __init__(
        self,
        trusted: Mapping[str, str] | None = None,
        *,
        most: int = KEPT,
        capacity_bytes: int = KEPT_BYTES,
    ) -> None:
        self._trusted = trusted
        self._listed = {hash_of(text): text for text in (trusted or {}).values()}
        self._most = most
        self._capacity = capacity_bytes
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._size = 0

    def text_of(self, operation: Operation) -> str:
        """Return the document that an operation sends or names.

        Raises `UnknownDocument`, `UntrustedDocument`, or `Refused` if it sends another one than it names.
        """
        named, query = operation.sha256, operation.query
        if named is not None and query is not None and named != hash_of(query):
            raise Refused(Code.INVALID_VALUE, "provided sha does not match query")
        if self._trusted is not None:
            return self._text_of_trusted(operation, self._trusted)
        if query is not None:
            return query
        known = _named(operation)
        if known not in self._kept:
            raise UnknownDocument
        self._kept.move_to_end(known)
        return self._kept[known]

    def keep(self, operation: Operation, text: str) -> None:
        """Register the valid document of an operation that also says its hash."""
        name = operation.sha256
        if name is None or name in self._kept or self._trusted is not None:
            return
        # One document must not push out all the others.
        if sys.getsizeof(text) > self._capacity // 4:
            return
        self._kept[name] = text
        self._size += sys.getsizeof(text)
        while self._size > self._capacity or len(self._kept) > self._most:
            _, dropped = self._kept.popitem(last=False)
            self._size -= sys.getsizeof(dropped)

    def _text_of_trusted(self, operation: Operation, trusted: Mapping[str, str]) -> str:
        text = trusted.get(operation.document_id or "")
        if text is None:
            sent = operation.query
            text = self._listed.get(_named(operation) if sent is None else hash_of(sent))
        if text is None:
            raise UntrustedDocument
        return text


DOCUMENTS = web.AppKey("documents", PersistedDocuments)


def trusted_documents(path: str | None) -> dict[str, str] | None:
    """Read the trusted documents; raises `ValueError`, which says what is wrong with the file."""
    if path is None:
        return None
    try:
        listed = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"SHEAF_TRUSTED_DOCUMENTS is not JSON: {error}") from error
    if not isinstance(listed, dict) or not all(isinstance(text, str) for text in listed.values()):
        raise ValueError("SHEAF_TRUSTED_DOCUMENTS must hold an object of documents by their ids")
    for name, text in listed.items():
        if found := faults(text):
            raise ValueError(f"SHEAF_TRUSTED_DOCUMENTS: {name}: {found[0].message}")
    return listed


def hash_of(text: str) -> str:
    """Return the hash that names a document."""
    # A lone surrogate has no UTF-8; the document is refused anyway.
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _named(operation: Operation) -> str:
    """Return the hash by which an operation names its document."""
    if operation.sha256 is not None:
        return operation.sha256
    return (operation.document_id or "").removeprefix(HASH_PREFIX).lower()
