"""Point reads of concurrent requests share statements: less work, and nobody sees more than alone."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest

from db import engine, reads
from db.access import SYSTEM
from db.commands import Target, Update, Updating
from db.database.joining import PATIENCE_S, Joining
from db.errors import Conflict, Unavailable
from db.resources import RESOURCES, ResourceChange
from db.tags import TAGS
from tests.factories import caller_in, catalogue, resources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.access import Principal
    from db.database import Database
    from db.nouns import Noun
    from db.resources import ResourceRow
    from tests.db.conftest import Statements

ROUNDS = 40


@pytest.fixture
async def acme(acme: Database) -> Database:
    """Return the small catalogue with a resource in each scope."""
    for scope in ("acme", "engineering", "platform", "sales"):
        await resources(acme, scope, scope_id=f"scope_{scope}")
    return acme


async def resource(database: Database, wanted: str) -> ResourceRow | None:
    """Read a resource as the server itself."""
    return await reads.one(database, SYSTEM, RESOURCES, wanted)


async def test_those_who_ask_at_the_same_time_share_a_statement(
    acme: Database, statements: Statements
) -> None:
    ids = ["resource_acme", "resource_sales", "resource_nowhere"] * 20
    statements.take()
    rows = await asyncio.gather(*(resource(acme, each) for each in ids))
    assert [row and row.id for row in rows] == ["resource_acme", "resource_sales", None] * 20
    assert statements.take() == 1


async def test_each_asks_alone_where_that_is_switched_off(acme: Database, statements: Statements) -> None:
    acme.joining = None
    statements.take()
    await asyncio.gather(*(resource(acme, "resource_acme") for _ in range(20)))
    assert statements.take() == 20


async def test_two_tenants_that_hammer_the_same_ids_see_their_own_and_nothing_else(
    acme: Database, statements: Statements
) -> None:
    await catalogue(acme, root="scope_globex")
    callers = [
        await caller_in(acme, "scope_sales"),
        await caller_in(acme, "scope_engineering"),
        await caller_in(acme, "scope_platform"),
        await caller_in(acme, "scope_acme"),
        await caller_in(acme, "scope_globex", root="scope_globex"),
    ]
    wanted: list[tuple[Noun[Any], str]] = [
        *((RESOURCES, f"resource_{scope}") for scope in ("acme", "engineering", "platform", "sales")),
        (TAGS, "tag_security"),
        (RESOURCES, "resource_nowhere"),
    ]

    async def alone(caller: Principal, noun: Noun[Any], wanted: str) -> object:
        async with acme.read("test") as reader:
            return await reads.by_id(reader, caller, noun, wanted)

    questions = [(caller, noun, each) for caller in callers for noun, each in wanted]
    expected = [await alone(*question) for question in questions]
    seen = [[row is not None for row in expected[i : i + 6]] for i in range(0, len(expected), 6)]
    assert seen == [
        [False, False, False, True, True, False],
        [False, True, True, False, True, False],
        [False, False, True, False, True, False],
        [True, True, True, True, True, False],
        [False, False, False, False, True, False],
    ]

    order = random.Random(7)
    shuffled = [place for _ in range(ROUNDS) for place in order.sample(range(len(questions)), len(questions))]
    statements.take()

    async def hammer(places: Sequence[int]) -> None:
        for place in places:
            caller, noun, each = questions[place]
            assert await reads.one(acme, caller, noun, each) == expected[place]

    await asyncio.gather(*(hammer(shuffled[i::32]) for i in range(32)))
    assert statements.take() < len(shuffled) / 2


async def test_an_error_is_seen_only_by_whom_it_concerns(acme: Database) -> None:
    await catalogue(acme, root="scope_globex")
    globex = await caller_in(acme, "scope_globex", root="scope_globex")
    await resources(acme, "acme", scope_id="scope_globex", caller=globex)
    both = ("resource_acme", "resource_sales")
    answers: list[Any] = await asyncio.gather(
        *(resource(acme, each) for each in both), return_exceptions=True
    )
    assert isinstance(answers[0], Conflict)
    assert answers[1].id == "resource_sales"


async def test_an_answer_is_never_older_than_its_question(acme: Database) -> None:
    stop = asyncio.Event()

    async def hammer() -> None:
        while not stop.is_set():
            await resource(acme, "resource_acme")

    hammering = [asyncio.create_task(hammer()) for _ in range(8)]
    for number in range(20):
        change = ResourceChange(display_name=f"Name {number}")
        command = Update(RESOURCES, [Updating(Target("resource_acme"), change, False)])
        assert (await engine.run(acme, SYSTEM, command)).committed
        row = await resource(acme, "resource_acme")
        assert row is not None
        assert row.display_name == f"Name {number}"
    stop.set()
    await asyncio.gather(*hammering)


async def test_a_slow_statement_holds_up_nobody_for_long() -> None:
    joining, asked = Joining(), []
    forever = asyncio.Event()

    async def fetch(keys: list[str]) -> list[str]:
        asked.append(keys)
        if "slow" in keys:
            await forever.wait()
        return keys

    slow = joining.ask("group", ["slow"], fetch)
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S * 20):
        assert await asyncio.gather(*(joining.ask("group", [key], fetch) for key in "ab")) == [["a"], ["b"]]
        assert await joining.ask("group", ["c", "d", "c"], fetch) == ["c", "d", "c"]
    assert asked == [["slow"], ["a", "b"], ["c", "d"]]
    assert not slow.done()
    forever.set()
    assert await slow == ["slow"]
    await joining.close()


async def test_one_who_leaves_takes_nobody_along() -> None:
    joining, going_on = Joining(), asyncio.Event()

    async def fetch(keys: list[str]) -> list[str]:
        await going_on.wait()
        return keys

    first, second = (joining.ask("group", ["a"], fetch) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0)
    going_on.set()
    assert await second == ["a"]
    assert first.cancelled()


async def test_a_failure_of_all_is_told_to_each() -> None:
    joining, asked = Joining(), []

    async def fetch(keys: list[str]) -> list[str]:
        asked.append(keys)
        raise Unavailable("gone")

    answers = await asyncio.gather(
        *(joining.ask("group", [key], fetch) for key in "ab"), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    assert answers[0] is not answers[1]
    assert asked == [["a", "b"], ["a"], ["b"]]


async def test_nobody_waits_for_ever_for_a_statement_that_was_cancelled() -> None:
    joining = Joining()

    async def fetch(keys: list[str]) -> list[str]:
        # Several are told alone, each by a statement of its own.
        raise Unavailable("gone") if len(keys) > 1 else asyncio.CancelledError

    both = [joining.ask("group", [key], fetch) for key in "ab"]
    one = joining.ask("another", ["c"], fetch)
    async with asyncio.timeout(1):
        await asyncio.wait([*both, one])
    assert [answer.cancelled() for answer in (*both, one)] == [True, True, True]
    await joining.close()
