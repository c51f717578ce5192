"""What a mutation answers: an outcome for every item, in the order of the items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import strawberry
from strawberry import Parent

from db.errors import Fault
from db.outcomes import Outcome
from graphql_schema.enums import Code
from graphql_schema.fields import resolved_by, stored

if TYPE_CHECKING:
    from db.outcomes import Report

STORED = frozenset({Outcome.CREATED, Outcome.UPDATED, Outcome.DELETED})


class Item(msgspec.Struct, frozen=True, gc=False):
    """What became of one item; a result type shows it."""

    index: int
    outcome: Outcome
    row: Any
    errors: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a mutation; a payload type shows it."""

    count: int
    committed: bool
    results: list[Item]


def answer(report: Report[Any]) -> Answer:
    """Return a report as payload types show it."""
    items = [Item(i, each.outcome, each.row, each.faults) for i, each in enumerate(report.results)]
    outcomes = [each.outcome for each in report.results]
    count = sum(map(outcomes.count, STORED)) if report.committed else 0
    return Answer(count, report.committed, items)


def _dotted(fault: Parent[Fault]) -> str | None:
    steps = fault.pointer.split("/")[1:]
    return ".".join(step.replace("~1", "/").replace("~0", "~") for step in steps) or None


@strawberry.type(description="One thing that is wrong with one item.")
class ItemError:
    code: Code = stored("The reason, to switch over.")
    field: str | None = resolved_by(
        _dotted,
        "The field at fault, with dots where it lies deeper: `displayName`, `tags.0.identifier`. "
        "`null` if it is the item as a whole.",
    )
    detail: str = stored("The reason, for people.", name="message")


@strawberry.type
class ItemResult:
    """The fields that all results have; those of a noun add its object."""

    index: int = stored("The item's place in `input`, from 0.")
    outcome: Outcome = stored("What became of the item.")
    errors: list[ItemError] = stored("All that is wrong with the item; empty if it didn't fail.")


@strawberry.type
class Payload:
    """The fields that all payloads have; those of a noun add its results."""

    count: int = stored("How many objects were created, changed or deleted.")
    committed: bool = stored(
        "Whether the good items were stored. `false` for a dry run, and when a faulty item rejects all."
    )


def results() -> Any:
    """Declare a payload's results."""
    return stored("What became of each item, in the order of `input`.")


def shown_as(name: str, description: str) -> Any:
    """Declare the field of a result that shows the item's object."""
    return stored(description, name=name)
