"""Random commands over a small universe: the engine does what the model does, item by item and in the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from db import engine, tables
from db.access import Principal, Reach, Role
from db.commands import Command, Create, Delete, OnConflict, OnError, Target, Update, Updating
from db.resource_types import RESOURCE_TYPES, NewResourceType, ResourceTypeChange
from db.resources import RESOURCES, NewResource, ResourceChange
from db.scopes import SCOPES, NewScope, ScopeChange
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, NewTagGroup, TagGroupChange
from db.tags import TAGS, NewTag, TagChange
from tests.db.model import Model
from tests.db.rules import ROOT, Fate
from tests.factories import create

if TYPE_CHECKING:
    from db.database import Database, Transaction
    from db.outcomes import Report

# The plan empties the test's database first.
SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
SCOPE = st.sampled_from([ROOT, "scope_a", "scope_b", "scope_c"])
NAME = st.sampled_from(["n1", "n2"])
DATA = st.sampled_from([None, {"a": 1}, {"b": 2}])
PATCH = st.sampled_from([None, {"a": 1}, {"b": 2}, {"a": None}, {}])


def ids(noun: str) -> st.SearchStrategy[str]:
    return st.sampled_from([f"{noun}_{i}" for i in "11223"])


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


def creates(noun: Any) -> st.SearchStrategy[Command]:
    items = st.lists(NEW[noun], min_size=1, max_size=5)
    return st.builds(Create, st.just(noun), items, on_error, st.sampled_from(OnConflict))


def updates(noun: Any) -> st.SearchStrategy[Command]:
    of, change = CHANGES[noun]
    item = st.builds(Updating, targets(of), change, st.booleans())
    return st.builds(
        Update, st.just(noun), st.lists(item.filter(_writes_no_nulls), min_size=1, max_size=4), on_error
    )


def deletes(noun: Any) -> st.SearchStrategy[Command]:
    of = scope_ids if noun is SCOPES else ids(str(noun.namespace))
    return st.builds(Delete, st.just(noun), st.lists(targets(of), min_size=1, max_size=4), on_error)


def _writes_no_nulls(item: Updating) -> bool:
    """Leave out the one thing that the model doesn't know: null as a member of what replaces data."""
    return not item.replace or getattr(item.change, "data", None) != {"a": None} != getattr(
        item.change, "meta", None
    )


commands = st.one_of(
    st.sampled_from(NOUNS).flatmap(creates),
    st.sampled_from(NOUNS).flatmap(creates),
    st.sampled_from(list(CHANGES)).flatmap(updates),
    st.sampled_from(NOUNS).flatmap(deletes),
)
steps = st.tuples(commands, st.just(ROOT) | SCOPE, st.sampled_from([False, False, False, True]))
plans = st.lists(steps, min_size=10, max_size=30)

# Most commands need something to be there.
PRELUDE: list[Command] = [
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
        ],
    ),
    Create(
        TAGS,
        [
            NewTag(id="tag_1", scope_id=ROOT, tag_group_id="tag_group_1", identifier="i1", label="n1"),
            NewTag(id="tag_2", scope_id="scope_a", tag_group_id="tag_group_1", identifier="i2", label="n1"),
        ],
    ),
]


async def check(database: Database, plan: list[tuple[Command, str, bool]]) -> None:
    """Run a plan against the engine and the model, and compare."""
    await database.write("empty", _empty)
    [root] = await create(database, SCOPES, NewScope(id=ROOT, name="root"))
    model, paths = Model(), {ROOT: root.path}
    model.things["scope"][ROOT] = _shown(SCOPES, root)
    revisions = {("scope", ROOT): root.revision}
    for symbolic, wanted, dry_run in [*((command, ROOT, False) for command in PRELUDE), *plan]:
        reach = wanted if wanted in model.things["scope"] else ROOT
        command = _with_revisions(symbolic, revisions)
        caller = Principal("alice", Role.WRITER, Reach(ROOT, reach, paths[reach]))
        report = await engine.run(database, caller, command, dry_run=dry_run)
        fates = model.run(
            symbolic, reach, [result.row and result.row.id for result in report.results], dry_run=dry_run
        )
        assert [_told(command.noun, result) for result in report.results] == [
            _expected(fate) for fate in fates
        ]
        assert report.committed == (not dry_run and not _refused(command, fates))
        _keep_revisions(report, command.noun, revisions)
        stored = await _stored(database)
        assert {
            noun: {k: shown for k, (shown, _) in each.items()} for noun, each in stored.items()
        } == model.things
        for noun, each in stored.items():
            assert all(revisions[noun, k] == row.revision for k, (_, row) in each.items())
        paths = {k: row.path for k, (_, row) in stored["scope"].items()}


async def _empty(tx: Transaction) -> None:
    for table in tables.metadata.tables.values():
        await tx.execute(delete(table), {})


def _refused(command: Command, fates: list[Fate]) -> bool:
    return command.on_error is OnError.REJECT_ALL and any(fate.codes for fate in fates)


def _with_revisions(command: Command, revisions: dict[tuple[str, str], str]) -> Command:
    def real(target: Target) -> Target:
        current = revisions.get((str(command.noun.namespace), target.id), "none")
        swap = {"current": current}
        return Target(
            target.id, target.if_match and frozenset(swap.get(each, each) for each in target.if_match)
        )

    match command:
        case Create():
            return command
        case Update():
            items = [Updating(real(item.target), item.change, item.replace) for item in command.items]
            return Update(command.noun, items, command.on_error)
        case Delete():
            return Delete(command.noun, [real(item) for item in command.items], command.on_error)


def _keep_revisions(report: Report[Any], noun: Any, revisions: dict[tuple[str, str], str]) -> None:
    """Note the revisions; a change has one that was never there before, and what is unchanged keeps its own."""
    old = set(revisions.values())
    if not report.committed:
        return
    fresh: set[str] = set()
    for result in report.results:
        if result.row is None:
            continue
        key = str(noun.namespace), result.row.id
        if result.outcome in {"created", "updated"}:
            assert result.row.revision not in old
            fresh.add(result.row.revision)
            revisions[key] = result.row.revision
        else:
            assert result.row.revision in {revisions.get(key)} | fresh


def _shown(noun: Any, row: Any) -> dict[str, Any]:
    hidden = {"created_at", "created_by", "updated_at", "updated_by", "revision", "root_id", "path"}
    hidden |= {"key_folded", "schema_version"}
    fields = {name: getattr(row, name) for name in row.__struct_fields__ if name not in hidden}
    for name in noun.json:
        fields[name] = fields[name] and json.loads(fields[name])
    return {**fields, "changed": row.updated_at is not None}


def _told(noun: Any, result: Any) -> tuple[Any, ...]:
    codes = sorted(fault.code for fault in result.faults)
    return str(result.outcome), codes, _shown(noun, result.row) if result.row else None


def _expected(fate: Fate) -> tuple[Any, ...]:
    return fate.outcome, sorted(fate.codes), fate.thing


async def _stored(database: Database) -> dict[str, dict[str, tuple[dict[str, Any], Any]]]:
    async with database.read("test") as reader:
        return {
            str(noun.namespace): {
                row.id: (_shown(noun, row), row)
                for row in noun.rows(
                    await reader.fetch(select(noun.table).where(noun.table.c.root_id == ROOT), {})
                )
            }
            for noun in NOUNS
        }


@settings(max_examples=40, suppress_health_check=SHARED)
@given(plan=plans)
async def test_the_engine_does_what_the_model_does(
    database: Database, plan: list[tuple[Command, str, bool]]
) -> None:
    await check(database, plan)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@settings(suppress_health_check=SHARED)
@given(plan=plans)
async def test_the_engine_does_what_the_model_does_for_long(
    database: Database, plan: list[tuple[Command, str, bool]]
) -> None:
    await check(database, plan)


def test_nothing_of_the_catalogue_escapes_the_model() -> None:
    assert {noun.table for noun in NOUNS} == set(tables.metadata.tables.values()) - {
        tables.tokens,
        tables.idempotency_keys,
    }
