"""Declaring fields: the annotation is what a client sees, the resolver returns the rows behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def resolved_by(
    resolver: Callable[..., object], description: str, *, metadata: Mapping[str, object] | None = None
) -> Any:
    """Declare a field whose value a function returns, perhaps later.

    `metadata` says what the function does, for an executor that does it without the function.
    """
    return strawberry.field(resolver=resolver, description=description, metadata=metadata)


def stored(description: str, *, name: str | None = None) -> Any:
    """Declare a field whose value is the attribute of that name."""
    return strawberry.field(description=description, name=name)
