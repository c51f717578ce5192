"""What became of each item of a command."""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from db.errors import Fault

Row_co = TypeVar("Row_co", covariant=True)


class Outcome(StrEnum):
    """The fate of one item, the same words at every door."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    SKIPPED = "skipped"
    NOT_ATTEMPTED = "not_attempted"


class Result(msgspec.Struct, Generic[Row_co], frozen=True, gc=False):
    """One item's outcome: the object as it is stored now, or the faults for which it isn't."""

    outcome: Outcome
    row: Row_co | None = None
    faults: tuple[Fault, ...] = ()


class Report(msgspec.Struct, Generic[Row_co], frozen=True):
    """A command's results in the order of its items, and whether anything of it was stored."""

    results: list[Result[Row_co]]
    committed: bool

    @property
    def faulty(self) -> bool:
        """Whether any item failed."""
        return any(result.faults for result in self.results)


def failed(*faults: Fault) -> Result[Row_co]:
    """Return the result of a faulty item."""
    return Result(Outcome.FAILED, None, faults)
