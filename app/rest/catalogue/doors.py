"""What each noun looks like at this door: its path, the shapes it takes, the shape it is shown in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.rest.catalogue import shown
from app.rest.parameters import QueryParameter, text
from db.errors import Code
from db.resource_types import RESOURCE_TYPES, NewResourceType, ResourceTypeChange
from db.resources import RESOURCES, NewResource, ResourceChange
from db.scopes import SCOPES, NewScope, ScopeChange
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, NewTagGroup, TagGroupChange
from db.tags import TAGS, NewTag, TagChange

if TYPE_CHECKING:
    from db.nouns import Noun
    from db.shapes import Change, NewItem


@dataclass(frozen=True, eq=False)
class Door:
    """A noun at the catalogue dialect."""

    path: str
    noun: Noun[Any]
    new: type[NewItem]
    change: type[Change] | None
    shape: type[shown.Shown]
    show: shown.Show
    """Turn a row into what the client sees, with its etag or without."""
    create_rules: frozenset[Code] = frozenset()
    """What the noun's own rules may say to a create."""
    change_rules: frozenset[Code] = frozenset()
    """What they may say to a change or a delete."""
    filters: tuple[QueryParameter[str | None], ...] = field(init=False)

    def __post_init__(self) -> None:
        filters = tuple(text(name, each.says, form=each.form) for name, each in self.noun.filters.items())
        object.__setattr__(self, "filters", filters)


def _door(
    path: str,
    noun: Noun[Any],
    new: type[NewItem],
    change: type[Change],
    shape: type[shown.Shown],
    **rules: frozenset[Code],
) -> Door:
    return Door(path, noun, new, change, shape, shown.first_columns(shape, noun), **rules)


LOCKED = frozenset({Code.LOCKED})
LIMITED = frozenset({Code.LIMIT_REACHED})
INLINE_TAGS = frozenset({Code.DUPLICATE_IN_BATCH, Code.TOO_MANY_ITEMS})

DOORS = (
    _door("/scopes", SCOPES, NewScope, ScopeChange, shown.Scope, create_rules=LIMITED),
    _door("/resource-types", RESOURCE_TYPES, NewResourceType, ResourceTypeChange, shown.ResourceType),
    _door("/resources", RESOURCES, NewResource, ResourceChange, shown.Resource),
    _door(
        "/tag-groups",
        TAG_GROUPS,
        NewTagGroup,
        TagGroupChange,
        shown.TagGroup,
        create_rules=LOCKED | INLINE_TAGS,
        change_rules=LOCKED,
    ),
    _door("/tags", TAGS, NewTag, TagChange, shown.Tag, create_rules=LOCKED, change_rules=LOCKED),
    Door(
        "/tag-assignments",
        TAG_ASSIGNMENTS,
        NewTagAssignment,
        None,
        shown.TagAssignment,
        shown.tag_assignment,
        create_rules=LIMITED,
    ),
)
