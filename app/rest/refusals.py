"""Refusals in the dialect of the path that was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.rest import problems
from app.rest.uploads import envelopes

if TYPE_CHECKING:
    from app.rest.exchange import Answer
    from db.errors import SheafError


def of_error(path: str, error: SheafError) -> Answer:
    """Return the answer for a request that failed as a whole: a problem document, or the upload dialect's envelope."""
    return envelopes.of_error(error) if envelopes.belongs(path) else problems.of_error(error)
