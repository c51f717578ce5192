"""What happens between a commit and a subscription: little, bounded, and never at the commit's expense."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from db.announcements import MAX_IDS, MAX_PAYLOAD_BYTES, ResourcesChanged, decode, encode, merged
from db.database.announcer import MAX_WAITING, Announcer
from db.database.postgresql import PostgresqlDatabase
from db.events import MAX_UNREAD, FellBehind, Heard, Hub, Watch
from db.outcomes import Outcome
from tests import factories
from tests.db.conftest import Statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.database import Database

CREATED = ResourcesChanged("scope_acme", "scope_acme", Outcome.CREATED, ("resource_a",))


@pytest.fixture
async def acme(database: Database) -> Database:
    """Return the test's database with a small catalogue in it."""
    await factories.catalogue(database)
    return database


def of(scope: str, *ids: str, more: bool = False) -> ResourcesChanged:
    """Return the announcement that resources of a scope were created."""
    return ResourcesChanged("scope_acme", scope, Outcome.CREATED, ids, more)


async def test_many_events_take_one_statement(acme: Database) -> None:
    hub = Hub(acme)
    acme.observer = statements = Statements()
    with hub.watching(lambda _heard: True) as watch:
        for i in range(60):
            hub._hear(encode(of(f"scope_{i % 3}")))
            hub._hear(encode(of("scope_sales", f"resource_{i}")))
        heard = [await watch.take(10) for _ in range(60)]

    # Two: 100 events at a time.
    assert statements.take() == 2
    assert [isinstance(said := each and each.said, ResourcesChanged) and said.ids for each in heard] == [
        (f"resource_{i}",) for i in range(60)
    ]
    assert await watch.take(0) is None
    await hub.close()


async def test_equal_events_of_several_commits_are_told_one_by_one(acme: Database) -> None:
    hub = Hub(acme)
    await hub.ready()
    with hub.watching(lambda _heard: True) as watch:
        # In one go, as when several commits were waiting to be told.
        acme._announce([encode(CREATED) for _ in range(3)])

        assert [each and each.said for each in [await watch.take(10) for _ in range(3)]] == [CREATED] * 3
    await hub.close()


async def test_events_that_nobody_watches_take_no_statement(acme: Database) -> None:
    hub = Hub(acme)
    acme.observer = statements = Statements()

    for _ in range(10):
        hub._hear(encode(CREATED))
    await asyncio.sleep(0.1)

    assert statements.take() == 0
    await hub.close()


@pytest.mark.parametrize("payload", ["", "{}", '{"number":1,"says":{"type":"news"}}', "\0", "[]", None])
async def test_what_is_no_announcement_is_not_heard(acme: Database, payload: str | None) -> None:
    hub = Hub(acme)
    with hub.watching(lambda _heard: True) as watch:
        hub._hear(payload)
        hub._hear(encode(CREATED))
        heard = await watch.take(10)

    assert heard is not None
    assert heard.said == CREATED
    await hub.close()


async def test_a_write_takes_as_many_statements_whether_it_is_told_or_not(acme: Database) -> None:
    acme.observer = statements = Statements()

    await factories.resources(acme, "a")
    alone = statements.take()
    hub = Hub(acme)
    await hub.ready()
    with hub.watching(lambda _heard: True) as watch:
        await factories.resources(acme, "b")
        told = statements.take()
        assert await watch.take(10)

    assert told == alone
    await hub.close()


async def test_a_watch_keeps_what_it_wants_until_it_is_taken() -> None:
    watch = Watch(lambda heard: heard.path == "a/")

    watch.offer(Heard(CREATED, "b/"))
    watch.offer(Heard(CREATED, "a/"))

    assert await watch.take(0) == Heard(CREATED, "a/")
    assert await watch.take(0) is None


async def test_a_watch_that_is_not_read_keeps_nothing_and_says_so() -> None:
    watch = Watch(lambda _heard: True)

    for _ in range(10 * MAX_UNREAD):
        watch.offer(Heard(CREATED, "a/"))

    assert not watch._unread
    for _ in range(2):
        with pytest.raises(FellBehind):
            await watch.take(0)


async def test_a_watch_that_is_read_in_time_loses_nothing() -> None:
    watch = Watch(lambda _heard: True)

    for _ in range(3):
        for _ in range(MAX_UNREAD):
            watch.offer(Heard(CREATED, "a/"))
        assert [await watch.take(0) for _ in range(MAX_UNREAD)] == [Heard(CREATED, "a/")] * MAX_UNREAD


def test_what_commands_of_one_transaction_announce_becomes_one_event_for_each_scope_and_kind() -> None:
    many = tuple(f"resource_{i}" for i in range(MAX_IDS))

    several = [of("a", "r1", "r2"), of("b", "r3"), of("a", "r2", "r4")]
    assert merged(several) == [of("a", "r1", "r2", "r4"), of("b", "r3")]
    assert merged([of("a", *many), of("a", "another")]) == [of("a", *many, more=True)]
    assert merged([of("a", "r1", more=True), of("a", "r2")]) == [of("a", "r1", "r2", more=True)]


@pytest.mark.parametrize("length", [1, 60, 140, 4_000, 10_000])
def test_an_announcement_fits_into_a_notification(length: int) -> None:
    ids = tuple(f"{i:0{length}}" for i in range(MAX_IDS))

    payload = encode(of("scope_acme", *ids))

    said = decode(payload)
    assert isinstance(said, ResourcesChanged)
    assert len(payload.encode()) <= MAX_PAYLOAD_BYTES
    assert said == of("scope_acme", *ids[: len(said.ids)], more=len(said.ids) < MAX_IDS)
    # No more is left out than must be.
    assert len(said.ids) == MAX_IDS or len(payload) + 2 * (length + 3) > MAX_PAYLOAD_BYTES


class Sender:
    """Sends nothing until it is let, and notes what it sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.calls = 0
        self.may_send = asyncio.Event()
        self.fails = False

    async def __call__(self, payloads: Sequence[str]) -> None:
        """Send payloads together."""
        self.calls += 1
        await self.may_send.wait()
        if self.fails:
            self.fails = False
            raise ConnectionError("gone")
        self.sent += payloads


async def test_what_waits_is_sent_together_in_its_order() -> None:
    sender = Sender()
    announcer = Announcer(sender)

    for i in range(150):
        announcer.add([f"{i}"])
    sender.may_send.set()
    await announcer.close()

    assert sender.sent == [f"{i}" for i in range(150)]
    assert sender.calls == 2


async def test_what_can_not_be_sent_is_dropped_and_the_rest_is_sent() -> None:
    sender = Sender()
    sender.fails = True
    announcer = Announcer(sender)

    announcer.add(["lost"])
    await asyncio.sleep(0)
    announcer.add(["kept"])
    sender.may_send.set()
    await announcer.close()

    assert sender.sent == ["kept"]


async def test_no_more_waits_than_there_is_room_for() -> None:
    sender = Sender()
    announcer = Announcer(sender)

    for i in range(2 * MAX_WAITING):
        announcer.add([f"{i}"])
    sender.may_send.set()
    await announcer.close()

    assert sender.sent == [f"{i}" for i in range(MAX_WAITING)]


async def test_closing_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.database.announcer.FAREWELL_S", 0.05)
    announcer = Announcer(Sender())
    announcer.add(["a"])

    async with asyncio.timeout(5):
        await announcer.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_write_waits_neither_for_the_telling_nor_for_its_connection(acme: Database) -> None:
    assert isinstance(acme, PostgresqlDatabase)
    sender = Sender()
    acme._announcer = Announcer(sender)

    async with asyncio.timeout(20):
        for i in range(5):
            await factories.resources(acme, f"r{i}")

    assert (sender.calls, sender.sent) == (1, [])
    assert acme.load().in_use == 0
    sender.may_send.set()
    await acme._announcer.close()
    assert len(sender.sent) == 5
