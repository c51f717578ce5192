"""Random commands over a few ids and keys, so that they meet each other's objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from db.commands import Create, Delete, OfItems, OnConflict, OnError, Target, Update, Updating
from db.resource_types import RESOURCE_TYPES, NewResourceType, ResourceTypeChange
from db.resources import RESOURCES, NewResource, ResourceChange
from db.scopes import SCOPES, NewScope, ScopeChange
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, NewTagGroup, TagGroupChange
from db.tags import TAGS, NewTag, TagChange
from tests.db.rules import ROOT

SCOPE = st.sampled_from([ROOT, "scope_a", "scope_b", "scope_c"])
NAME = st.sampled_from(["n1", "n2"])
DATA = st.sampled_from([None, {"a": 1}, {"b": 2}])
PATCH = st.sampled_from([None, {"a": 1}, {"b": 2}, {"a": None}, {}])


def ids(noun: str) -> st.SearchStrategy[str]:
    return st.sampled_from([f"{noun}_{i}" for i in "111222233"])


def own(noun: str) -> st.SearchStrategy[str | None]:
    return st.none() | ids(noun)


scope_ids = st.sampled_from(["scope_a", "scope_b", "scope_b", "scope_c", "scope_c", "scope_d"])
external_ids = st.sampled_from([None, "e1", "e2", "e3"])
NEW: dict[Any, st.SearchStrategy[Any]] = {
    SCOPES: st.builds(
        NewScope,
        id=st.none() | scope_ids,
        parent_scope_id=SCOPE,
        name=NAME,
        external_id=external_ids,
        meta=DATA,
    ),
    RESOURCE_TYPES: st.builds(
        NewResourceType,
        id=own("resource_type"),
        scope_id=SCOPE,
        key=st.sampled_from(["k1", "K1", "k2"]),
        name=NAME,
    ),
    RESOURCES: st.builds(
        NewResource,
        id=own("resource"),
        scope_id=SCOPE,
        resource_type_id=ids("resource_type"),
        external_resource_id=st.sampled_from(["x1", "x2"]),
        display_name=st.none() | NAME,
        data=DATA,
    ),
    TAG_GROUPS: st.builds(
        NewTagGroup,
        id=own("tag_group"),
        scope_id=SCOPE,
        key=st.sampled_from(["g1", "g2"]),
        name=NAME,
        max_applied_per_target=st.sampled_from([None, 1, 2]),
        is_locked=st.sampled_from([None, False, True]),
    ),
    TAGS: st.builds(
        NewTag,
        id=own("tag"),
        scope_id=SCOPE,
        tag_group_id=ids("tag_group"),
        identifier=st.sampled_from(["i1", "i2", "i3"]),
        label=NAME,
    ),
    TAG_ASSIGNMENTS: st.builds(
        NewTagAssignment,
        id=own("tag_assignment"),
        tag_id=ids("tag"),
        resource_id=ids("resource"),
        scope_id=st.none() | SCOPE,
    ),
}


def changes(shape: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: shape(**given))


CHANGES: dict[Any, tuple[st.SearchStrategy[str], st.SearchStrategy[Any]]] = {
    SCOPES: (scope_ids, changes(ScopeChange, name=NAME, external_id=external_ids, meta=PATCH)),
    RESOURCE_TYPES: (
        ids("resource_type"),
        changes(ResourceTypeChange, name=NAME, category=st.none() | NAME, key=st.sampled_from(["k1", "k2"])),
    ),
    RESOURCES: (
        ids("resource"),
        changes(ResourceChange, display_name=st.none() | NAME, data=PATCH, scope_id=SCOPE),
    ),
    TAG_GROUPS: (
        ids("tag_group"),
        changes(
            TagGroupChange,
            name=NAME,
            max_applied_per_target=st.sampled_from([None, 1, 2]),
            is_locked=st.sampled_from([None, False, True]),
        ),
    ),
    TAGS: (ids("tag"), changes(TagChange, label=NAME, tag_group_id=ids("tag_group"))),
}
NOUNS = list(NEW)
on_error = st.sampled_from(OnError)


def targets(of: st.SearchStrategy[str]) -> st.SearchStrategy[Target]:
    revision = st.sampled_from([None, None, None, None, "current", "stale", "*"])
    return st.builds(lambda name, match: Target(name, match and frozenset({match})), of, revision)


def creates(noun: Any) -> st.SearchStrategy[OfItems]:
    items = st.lists(NEW[noun], min_size=1, max_size=5)
    return st.builds(Create, st.just(noun), items, on_error, st.sampled_from(OnConflict))


def updates(noun: Any) -> st.SearchStrategy[OfItems]:
    of, change = CHANGES[noun]
    item = st.builds(Updating, targets(of), change, st.booleans())
    return st.builds(
        Update, st.just(noun), st.lists(item.filter(_writes_no_nulls), min_size=1, max_size=4), on_error
    )


def deletes(noun: Any) -> st.SearchStrategy[OfItems]:
    of = scope_ids if noun is SCOPES else ids(str(noun.namespace))
    return st.builds(Delete, st.just(noun), st.lists(targets(of), min_size=1, max_size=3), on_error)


def _writes_no_nulls(item: Updating) -> bool:
    """Leave out the one thing that the model doesn't know: null as a member of what replaces data."""
    return not item.replace or getattr(item.change, "data", None) != {"a": None} != getattr(
        item.change, "meta", None
    )


@dataclass(frozen=True)
class Step:
    """A command, the scope that its caller reaches if there is one, and whether it is a trial."""

    command: OfItems
    reach: str
    dry_run: bool

    def __repr__(self) -> str:
        command = self.command
        options = [getattr(command, name) for name in ("on_error", "on_conflict") if hasattr(command, name)]
        kind = f"{type(command).__name__} {command.noun.table.name} in {self.reach}, dry_run={self.dry_run}"
        return f"<{kind} {' '.join(options)}: {list(command.items)}>"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep Hypothesis from showing how the commands were drawn, nouns and all."""
        printer.text(repr(self))


commands = st.one_of(
    st.sampled_from([SCOPES, TAG_ASSIGNMENTS, *NOUNS]).flatmap(creates),
    st.sampled_from(NOUNS).flatmap(creates),
    st.sampled_from(list(CHANGES)).flatmap(updates),
    st.sampled_from(list(CHANGES)).flatmap(updates),
    st.sampled_from(NOUNS).flatmap(deletes),
)
steps = st.builds(
    Step, commands, st.just(ROOT) | st.just(ROOT) | SCOPE, st.sampled_from([False, False, False, True])
)
plans = st.lists(steps, min_size=10, max_size=30)

# Most commands need something to be there.
PRELUDE: list[OfItems] = [
    Create(
        SCOPES,
        [
            NewScope(id="scope_b", parent_scope_id="scope_a", name="n1", external_id="e1"),
            NewScope(id="scope_a", parent_scope_id=ROOT, name="n1", external_id="e1"),
            NewScope(id="scope_c", parent_scope_id=ROOT, name="n1", external_id="e2"),
        ],
    ),
    Create(
        RESOURCE_TYPES,
        [
            NewResourceType(id="resource_type_1", scope_id=ROOT, key="k1", name="n1"),
            NewResourceType(id="resource_type_2", scope_id="scope_a", key="k2", name="n1"),
        ],
    ),
    Create(
        RESOURCES,
        [
            NewResource(
                id=f"resource_{i}",
                scope_id=scope,
                resource_type_id="resource_type_1",
                external_resource_id="x1",
            )
            for i, scope in ((1, "scope_b"), (2, "scope_c"))
        ],
    ),
    Create(
        TAG_GROUPS,
        [
            NewTagGroup(id="tag_group_1", scope_id=ROOT, key="g1", name="n1", max_applied_per_target=1),
            NewTagGroup(id="tag_group_2", scope_id="scope_a", key="g2", name="n1"),
            NewTagGroup(id="tag_group_3", scope_id=ROOT, key="g3", name="n1"),
        ],
    ),
    Create(
        TAGS,
        [
            NewTag(id="tag_1", scope_id=ROOT, tag_group_id="tag_group_1", identifier="i1", label="n1"),
            NewTag(id="tag_2", scope_id="scope_a", tag_group_id="tag_group_1", identifier="i2", label="n1"),
            NewTag(id="tag_3", scope_id=ROOT, tag_group_id="tag_group_3", identifier="i1", label="n1"),
        ],
    ),
    Update(TAG_GROUPS, [Updating(Target("tag_group_3"), TagGroupChange(is_locked=True))]),
]
