"""What one HTTP request may ask for, and what of it its operations have spent."""

from __future__ import annotations

from dataclasses import dataclass

from graphql import GraphQLError

from db.batches import DEFAULT_MAX_QUEUED_RECORDS
from db.errors import Code
from db.reads import MAX_LIMIT
from db.shapes import MAX_ITEMS

# Several times what documents have that are indented deeply.
CHARACTERS_PER_TOKEN = 50
# What any JSON parser reads exactly; a document can ask for numbers of hundreds of digits.
MOST_TOLD = 10**15


@dataclass(frozen=True)
class Limits:
    """What one HTTP request may ask for."""

    depth: int = 15
    aliases: int = 100
    tokens: int = 10_000
    directives: int = 50
    cost: int = 500_000
    operations: int = 10
    page: int = MAX_LIMIT
    batch_items: int = MAX_ITEMS
    body_bytes: int = 16 * 1024 * 1024
    seconds: float = 30.0
    queued_records: int = DEFAULT_MAX_QUEUED_RECORDS
    """How many records may be queued in all accepted uploads, those of this request included."""

    @property
    def characters(self) -> int:
        """The characters of all documents: the parser looks at each, also at those of one long token."""
        return self.tokens * CHARACTERS_PER_TOKEN


class LimitReached(GraphQLError):
    """A request that asks for more than its limits; says which, how much was asked, and how much may be."""

    def __init__(self, limit: str, asked: int, allowed: int) -> None:
        hint = " Pass large values as variables, not in the document." if limit in _OF_TEXT else ""
        asked = min(asked, MOST_TOLD)
        code = Code.TOO_MANY_ITEMS if limit == "batchItems" else Code.LIMIT_REACHED
        super().__init__(
            f"this request has {asked:,} {_WORDS[limit]}; the limit is {allowed:,}.{hint}",
            extensions={"code": code.name, "limit": limit, "requested": asked, "allowed": allowed},
        )


_OF_TEXT = frozenset({"characters", "tokens"})
_WORDS = {
    "depth": "levels of fields or more",
    "aliases": "aliases",
    "characters": "characters in its documents",
    "tokens": "tokens or more",
    "directives": "directives",
    "cost": "points of cost",
    "operations": "operations",
    "page": "objects in a page",
    "batchItems": "items in one mutation",
    "validation": "steps of comparing fields or more, or nests its fragments too deeply",
}


class Budget:
    """The limits of one HTTP request and what its operations have asked for so far."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._spent: dict[str, int] = {}

    def spend(self, limit: str, amount: int) -> None:
        """Count an amount against a limit; raises `LimitReached`."""
        if amount:
            total = self._spent[limit] = self._spent.get(limit, 0) + amount
            self.require(limit, total)

    def require(self, limit: str, asked: int) -> None:
        """Raise `LimitReached` if more is asked than allowed."""
        allowed: int = getattr(self.limits, limit)
        if asked > allowed:
            raise LimitReached(limit, asked, allowed)
