"""Single creates of concurrent requests share transactions, and each is answered as if it had run alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from db import engine, reads
from db.access import SYSTEM, Principal
from db.commands import Create
from db.resources import RESOURCES, NewResource
from db.scopes import SCOPES, NewScope
from db.tags import TAGS, NewTag
from tests.factories import caller_in, scope_acme

if TYPE_CHECKING:
    from db.database import Database
    from db.outcomes import Report
    from tests.db.conftest import Statements


def resource(external_id: str, scope_id: str = "scope_engineering", **fields: Any) -> Create[Any]:
    """Return a create of one resource."""
    item = NewResource(
        scope_id=scope_id,
        resource_type_id="resource_type_document",
        external_resource_id=external_id,
        **fields,
    )
    return Create(RESOURCES, [item])


async def all_at_once(database: Database, runs: list[tuple[Principal, Create[Any]]]) -> list[Report[Any]]:
    """Run commands as concurrent requests do."""
    return await asyncio.gather(*(engine.run(database, caller, command) for caller, command in runs))


def told(report: Report[Any]) -> tuple[bool, list[str]]:
    """Return whether a create was committed, and the codes of its faults."""
    return report.committed, [str(fault.code) for fault in report.results[0].faults]


async def test_many_creates_take_few_statements(acme: Database, statements: Statements) -> None:
    reports = await all_at_once(acme, [(SYSTEM, resource(f"r{i}")) for i in range(60)])

    assert [told(report) for report in reports] == [(True, [])] * 60
    rows = [report.results[0].row for report in reports]
    assert [row and row.external_resource_id for row in rows] == [f"r{i}" for i in range(60)]
    assert statements.take() <= 10


async def test_each_sees_its_own_fault_and_the_others_are_stored(acme: Database) -> None:
    await engine.run(acme, SYSTEM, resource("there"))
    commands = [
        resource("a"),
        resource("there"),
        resource("b", scope_id="scope_unknown"),
        resource("same"),
        resource("same"),
        resource("c"),
    ]

    reports = await all_at_once(acme, [(SYSTEM, command) for command in commands])

    outcomes = [told(report) for report in reports]
    assert outcomes[0] == outcomes[5] == (True, [])
    assert outcomes[1] == (False, ["already_exists"])
    assert outcomes[2] == (False, ["unknown_reference"])
    assert sorted(outcomes[3:5]) == [(False, ["already_exists"]), (True, [])]


@pytest.mark.parametrize("rounds", [10])
async def test_tenants_stay_apart(acme: Database, rounds: int) -> None:
    await scope_acme(acme, root="scope_other")
    tenants = {
        "scope_engineering": await caller_in(acme, "scope_engineering"),
        "scope_sales": await caller_in(acme, "scope_sales"),
    }
    for number in range(rounds):
        runs = [
            (caller, resource(f"{number}-{own}-{into}-{i}", scope_id=into))
            for i in range(5)
            for own, caller in tenants.items()
            for into in tenants
        ]
        reports = await all_at_once(acme, runs)
        for (caller, command), report in zip(runs, reports, strict=True):
            item = command.items[0]
            assert isinstance(item, NewResource)
            own = tenants[item.scope_id] is caller
            assert told(report) == ((True, []) if own else (False, ["unknown_reference"]))
            row = report.results[0].row
            assert row is None or row.created_by == caller.subject


async def test_one_request_doesnt_see_what_another_makes_beside_it(acme: Database) -> None:
    parent = Create(SCOPES, [NewScope(id="scope_new", parent_scope_id="scope_acme", name="New")])
    child = Create(SCOPES, [NewScope(id="scope_newer", parent_scope_id="scope_new", name="Newer")])

    reports = await all_at_once(acme, [(SYSTEM, child), (SYSTEM, parent)])

    # As in one of the two orders.
    assert told(reports[1]) == (True, [])
    assert told(reports[0]) in [(True, []), (False, ["unknown_reference"])]


async def test_a_caller_that_goes_away_takes_nothing_back(acme: Database) -> None:
    tasks = [asyncio.create_task(engine.run(acme, SYSTEM, resource(f"r{i}"))) for i in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await acme.close()

    async with acme.read("test") as reader:
        stored = await reads.count(reader, SYSTEM, RESOURCES, reads.Selection())
    assert stored >= len(tasks[1::2])


async def test_different_nouns_share_a_transaction(acme: Database) -> None:
    tag = Create(
        TAGS, [NewTag(scope_id="scope_acme", tag_group_id="tag_group_topic", identifier="x", label="X")]
    )
    reports = await all_at_once(acme, [(SYSTEM, resource("a")), (SYSTEM, tag), (SYSTEM, resource("b"))])

    assert [told(report) for report in reports] == [(True, [])] * 3


async def test_it_can_be_switched_off(acme: Database, statements: Statements) -> None:
    acme.join_creates = False

    reports = await all_at_once(acme, [(SYSTEM, resource(f"r{i}")) for i in range(10)])

    assert [told(report) for report in reports] == [(True, [])] * 10
    assert statements.take() >= 30
