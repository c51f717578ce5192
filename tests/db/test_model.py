"""Random commands over a small universe: the engine does what the model does, item by item and in the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import delete, select

from db import engine, tables
from db.access import Principal, Reach, Role
from db.commands import Create, Delete, OfItems, OnError, Target, Update, Updating
from db.scopes import SCOPES, NewScope
from tests.db.model import Model
from tests.db.rules import ROOT, Fate
from tests.db.universe import NOUNS, PRELUDE, Step, plans
from tests.factories import create

if TYPE_CHECKING:
    from db.database import Database, Transaction
    from db.outcomes import Report

# The plan empties the test's database first.
SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


async def check(database: Database, plan: list[Step]) -> None:
    """Run a plan against the engine and the model, and compare."""
    await database.write("empty", _empty)
    [root] = await create(database, SCOPES, NewScope(id=ROOT, name="root"))
    model, paths = Model(), {ROOT: root.path}
    model.things["scope"][ROOT] = _shown(SCOPES, root)
    revisions = {("scope", ROOT): root.revision}
    for step in [*(Step(command, ROOT, dry_run=False) for command in PRELUDE), *plan]:
        symbolic, dry_run = step.command, step.dry_run
        reach = step.reach if step.reach in model.things["scope"] else ROOT
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


def _refused(command: OfItems, fates: list[Fate]) -> bool:
    return command.on_error is OnError.REJECT_ALL and any(fate.codes for fate in fates)


def _with_revisions(command: OfItems, revisions: dict[tuple[str, str], str]) -> OfItems:
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
    hidden |= {"key_folded", "schema_version", "is_target", "reference_targets"}
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


@settings(max_examples=30, suppress_health_check=SHARED)
@given(plan=plans)
async def test_the_engine_does_what_the_model_does(database: Database, plan: list[Step]) -> None:
    await check(database, plan)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@settings(suppress_health_check=SHARED)
@given(plan=plans)
async def test_the_engine_does_what_the_model_does_for_long(database: Database, plan: list[Step]) -> None:
    await check(database, plan)


def test_nothing_of_the_catalogue_escapes_the_model() -> None:
    assert {noun.table for noun in NOUNS} == set(tables.metadata.tables.values()) - {
        tables.tokens,
        tables.idempotency_keys,
        # What follows from schemas and data, and what is of uploads, has tests of its own.
        *(tables.type_references, tables.resource_references),
        *(tables.batches, tables.batch_payloads, tables.batch_failures),
        *(tables.waiting_records, tables.waiting_stakes, tables.waiting_targets),
    }
