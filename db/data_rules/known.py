"""What one write knows of the rules for its data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from db.definitions import Definition, ReferenceFound


class UsableType(NamedTuple):
    """A type that a reference may mean, and where it can be used."""

    id: str
    root_id: str
    key: str
    path: str
    external_id_field: str | None = None
    stored: bool = True


class ResourceKey(NamedTuple):
    """What names a resource beside its id, in the order of the index."""

    root_id: str
    external_id: str
    scope_id: str
    type_id: str


@dataclass
class DataRules:
    """What was looked up for the resources of one write, and what became of it."""

    definitions: dict[tuple[str, str], Definition] = field(default_factory=dict)
    """By (id, root_id) of a type; a type that demands nothing has none."""
    targets: set[tuple[str, str]] = field(default_factory=set)
    """The types, by (id, root_id), that some schema refers to."""
    stored: dict[ResourceKey, str] = field(default_factory=dict)
    """The ids of stored resources that data refers to; they are locked."""
    planned: dict[ResourceKey, str] = field(default_factory=dict)
    """The ids of resources that this write is about to make."""
    relied: set[ResourceKey] = field(default_factory=set)
    """Those of `planned` that data of this write refers to."""
    references: dict[tuple[str, str], list[ReferenceFound]] = field(default_factory=dict)
    """What the data of a resource, by (id, root_id), refers to."""
    usable: list[UsableType] = field(default_factory=list)
    """The types that the references of this write's schemas may mean."""
    relied_types: set[tuple[str, str]] = field(default_factory=set)
    """Those, by (id, root_id), that this write is about to make and a schema of it refers to."""
    paths: dict[tuple[str, str], str] = field(default_factory=dict)
    """The paths of the scopes, by (id, root_id), of the types that this write makes or changes."""
