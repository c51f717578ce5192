"""Random plans over a small universe, and what the plain model in memory makes of them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st

from db import engine
from db.access import Principal, Reach, Role
from db.commands import Create, Delete, Target, Update, Updating
from db.nouns import camel
from db.resource_types import RESOURCE_TYPES, ResourceTypeChange
from db.resources import RESOURCES, ResourceChange
from db.scopes import SCOPES, NewScope, ScopeChange
from db.tag_assignments import TAG_ASSIGNMENTS
from db.tag_groups import TAG_GROUPS, TagGroupChange
from db.tags import TAGS, TagChange
from tests.db.model import Model
from tests.db.rules import MUTABLE, ROOT
from tests.db.test_model import _empty, _shown, _stored
from tests.db.universe import NEW, PRELUDE, external_ids, ids, scope_ids
from tests.factories import create

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.commands import OfItems
    from db.database import Database
    from tests.db.rules import Fate

NAME = st.sampled_from(["n1", "n2", None])
PATHS = {
    SCOPES: "/scopes",
    RESOURCE_TYPES: "/resource-types",
    RESOURCES: "/resources",
    TAG_GROUPS: "/tag-groups",
    TAGS: "/tags",
    TAG_ASSIGNMENTS: "/tag-assignments",
}
# What PUT and an update in GraphQL mean alike: no JSON objects, which the one replaces and the other merges.
CHANGES: dict[Any, tuple[type[Any], dict[str, st.SearchStrategy[Any]]]] = {
    SCOPES: (ScopeChange, {"name": NAME, "external_id": external_ids}),
    RESOURCE_TYPES: (ResourceTypeChange, {"name": NAME, "category": NAME}),
    RESOURCES: (ResourceChange, {"display_name": NAME, "data": st.sampled_from([None, 1, [1, "x"]])}),
    TAG_GROUPS: (
        TagGroupChange,
        {
            "name": NAME,
            "max_applied_per_target": st.sampled_from([None, 1, 2]),
            "is_locked": st.booleans(),
        },
    ),
    TAGS: (TagChange, {"label": NAME}),
}


@dataclass(frozen=True)
class Step:
    """An operation, and which earlier ones it depends on."""

    command: OfItems
    depends_on: frozenset[int] = frozenset()


@dataclass(frozen=True)
class RandomPlan:
    """Operations and how to run them."""

    steps: list[Step]
    stop_on_error: bool
    atomic: bool
    dry_run: bool


def names(noun: Any) -> st.SearchStrategy[str]:
    return scope_ids if noun is SCOPES else ids(str(noun.namespace))


def creates(noun: Any) -> st.SearchStrategy[OfItems]:
    if noun is TAG_ASSIGNMENTS:
        # Neither door of GraphQL takes these.
        return NEW[noun].map(lambda item: _create(noun, item, id=None, scope_id=None))
    plain = {"meta": None} if noun is SCOPES else {"data": None} if noun is RESOURCES else {}
    return st.builds(lambda item, own: _create(noun, item, id=own, **plain), NEW[noun], names(noun))


def _create(noun: Any, item: Any, **fields: Any) -> OfItems:
    return Create(noun, [msgspec.structs.replace(item, **fields)])


def updates(noun: Any) -> st.SearchStrategy[OfItems]:
    shape, fields = CHANGES[noun]
    match = st.sampled_from(["*", "*", "*", "stale"])
    return st.builds(
        lambda name, match, given: Update(
            noun, [Updating(Target(name, frozenset({match}), must_match=True), shape(**given), replace=True)]
        ),
        names(noun),
        match,
        st.fixed_dictionaries(fields),
    )


def deletes(noun: Any) -> st.SearchStrategy[OfItems]:
    match = st.sampled_from([None, None, "*", "stale"])
    return st.builds(
        lambda name, match: Delete(noun, [Target(name, match and frozenset({match}))]), names(noun), match
    )


# Neighbours of one kind, so that there is something to join.
runs = st.one_of(
    st.sampled_from(list(NEW)).flatmap(lambda noun: st.lists(creates(noun), min_size=1, max_size=4)),
    st.sampled_from(list(NEW)).flatmap(lambda noun: st.lists(creates(noun), min_size=1, max_size=4)),
    st.sampled_from(list(CHANGES)).flatmap(lambda noun: st.lists(updates(noun), min_size=1, max_size=4)),
    st.sampled_from(list(CHANGES)).flatmap(lambda noun: st.lists(deletes(noun), min_size=1, max_size=3)),
)


@st.composite
def plans(draw: st.DrawFn) -> RandomPlan:
    commands = [command for run in draw(st.lists(runs, min_size=1, max_size=8)) for command in run]
    steps: list[Step] = []
    for position, command in enumerate(commands):
        depends = draw(st.sets(st.integers(0, position - 1), max_size=2)) if position else set()
        sometimes = depends if draw(st.integers(0, 3)) == 0 else set()
        steps.append(Step(command, frozenset(sometimes)))
    rarely = st.sampled_from([False, False, True])
    return RandomPlan(steps, draw(rarely), draw(rarely), draw(rarely))


def expected(model: Model, plan: RandomPlan) -> list[tuple[str, list[str]]]:
    """Run a plan against the model, one operation after the other, and tell each one's outcome and codes."""
    before = deepcopy(model.things)
    fates: list[tuple[str, list[str]]] = []
    failed: set[int] = set()
    for position, step in enumerate(plan.steps):
        if step.depends_on & failed:
            fates.append(("undone", ["failed_dependency"]))
        else:
            name = f"tag_assignment_{position}" if step.command.noun is TAG_ASSIGNMENTS else None
            [fate] = model.run(step.command, ROOT, [name])
            fates.append(_outcome(fate))
        if fates[-1][1]:
            failed.add(position)
            if plan.atomic or plan.stop_on_error:
                break
    undone = bool(plan.atomic and failed)
    if undone:
        last = len(fates) - 1
        fates[:last] = [("undone", ["rolled_back"])] * last
        if not plan.stop_on_error:
            fates += [("undone", ["not_attempted"])] * (len(plan.steps) - len(fates))
    if undone or plan.dry_run:
        model.things = before
    return fates


def _outcome(fate: Fate) -> tuple[str, list[str]]:
    return ("failed", sorted(fate.codes)) if fate.codes else (fate.outcome, [])


def as_request(step: Step, position: int) -> dict[str, Any]:
    """Say a step to `POST /batch`."""
    command = step.command
    path = PATHS[command.noun]
    said: dict[str, Any] = {"id": f"o{position}", "depends_on": [f"o{each}" for each in step.depends_on]}
    match command:
        case Create():
            return {**said, "method": "POST", "url": path, "body": _without_nulls(command.items[0])}
        case Update():
            target, body = command.items[0].target, _written(command.items[0].change)
            return {**said, "method": "PUT", **_addressed(path, target), "body": body}
        case Delete():
            return {**said, "method": "DELETE", **_addressed(path, command.items[0])}


def _addressed(path: str, target: Target) -> dict[str, Any]:
    revisions = sorted(target.if_match or ())
    quoted = ", ".join(each if each == "*" else f'"{each}"' for each in revisions)
    return {"url": f"{path}/{target.id}", "headers": {"If-Match": quoted} if quoted else {}}


def as_operation(step: Step, position: int) -> dict[str, Any]:
    """Say a step to `runBatch`."""
    command, noun = step.command, step.command.noun
    title = "".join(word.capitalize() for word in str(noun.namespace).split("_"))
    said: dict[str, Any] = {"id": f"o{position}", "dependsOn": [f"o{each}" for each in step.depends_on]}
    match command:
        case Create():
            name = "tagResource" if noun is TAG_ASSIGNMENTS else f"create{title}"
            return {**said, name: _without_nulls(command.items[0])}
        case Update():
            cleared = dict.fromkeys(map(camel, MUTABLE[str(noun.namespace)]))
            change = {**cleared, **_written(command.items[0].change)}
            return {**said, f"update{title}": {**change, **_named(command.items[0].target)}}
        case Delete():
            return {**said, f"delete{title}": _named(command.items[0])}


def _named(target: Target) -> dict[str, str]:
    revisions = sorted(target.if_match or ())
    return {"id": target.id, **({"ifMatch": revisions[0]} if revisions else {})}


def _without_nulls(item: Any) -> dict[str, Any]:
    return {name: value for name, value in _written(item).items() if value is not None}


def _written(item: Any) -> dict[str, Any]:
    encoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(item))
    return encoded


async def begin_anew(database: Database) -> tuple[Principal, Model]:
    """Empty a database, store what most plans need, and return a caller there and a model of it."""
    await database.write("empty", _empty)
    [root] = await create(database, SCOPES, NewScope(id=ROOT, name="root"))
    model = Model()
    model.things["scope"][ROOT] = _shown(SCOPES, root)
    caller = Principal("alice", Role.WRITER, Reach(ROOT, ROOT, root.path))
    for command in PRELUDE[1:]:
        await engine.run(database, caller, command)
        model.run(command, ROOT, [None] * len(command.items))
    return caller, model


async def contents(database: Database) -> dict[str, Any]:
    """Return all that is stored, as the model sees it."""
    stored = await _stored(database)
    return comparable({noun: {k: shown for k, (shown, _) in each.items()} for noun, each in stored.items()})


def comparable(things: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Know tag assignments, whose ids the server makes, by tag and resource."""
    by_pair = {
        (each["tag_id"], each["resource_id"]): {**each, "id": None}
        for each in things["tag_assignment"].values()
    }
    return {**things, "tag_assignment": by_pair}
