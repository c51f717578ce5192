"""The pool of connections: who gets one, who waits, and what becomes of broken ones."""

from __future__ import annotations

import asyncio

import pytest

from db.database.pool import Pool
from db.errors import Unavailable


class Connection:
    """A connection of nothing to nowhere."""

    def __init__(self) -> None:
        self.usable = True
        self.closed = False

    async def close(self) -> None:
        """Note that it was let go."""
        self.closed = True


class Opener:
    """Opens connections, unless told to fail."""

    def __init__(self) -> None:
        self.opened: list[Connection] = []
        self.fails = False

    async def __call__(self) -> Connection:
        """Open one."""
        await asyncio.sleep(0)
        if self.fails:
            raise ConnectionRefusedError
        self.opened.append(Connection())
        return self.opened[-1]


def pool_of(size: int, *, wait_limit_s: float = 5) -> tuple[Pool[Connection], Opener]:
    """Return a pool and its opener."""
    opener = Opener()
    return Pool(opener, lambda c: c.usable, size=size, wait_limit_s=wait_limit_s), opener


async def test_the_last_one_given_back_is_lent_first_and_none_is_opened_without_need() -> None:
    pool, opener = pool_of(3)
    first, second = await pool.take(), await pool.take()
    pool.give_back(second)
    pool.give_back(first)
    assert await pool.take() is first
    assert (len(opener.opened), pool.opened, pool.in_use) == (2, 2, 1)


async def test_no_more_are_open_than_the_pool_has_room_for() -> None:
    pool, opener = pool_of(3)
    most = 0

    async def use() -> None:
        nonlocal most
        connection = await pool.take()
        most = max(most, pool.in_use)
        await asyncio.sleep(0.001)
        pool.give_back(connection)

    await asyncio.gather(*(use() for _ in range(50)))
    assert (most, len(opener.opened), pool.opened, pool.in_use, pool.waiting) == (3, 3, 3, 0, 0)


async def test_who_waits_longest_is_next() -> None:
    pool, _ = pool_of(1)
    held = await pool.take()
    served: list[int] = []

    async def use(number: int) -> None:
        connection = await pool.take()
        served.append(number)
        pool.give_back(connection)

    waiting = [asyncio.ensure_future(use(number)) for number in range(5)]
    await asyncio.sleep(0.01)
    assert pool.waiting == 5
    pool.give_back(held)
    await asyncio.gather(*waiting)
    assert served == [0, 1, 2, 3, 4]


async def test_who_waits_too_long_is_refused_and_holds_nothing() -> None:
    pool, _ = pool_of(1, wait_limit_s=0.05)
    held = await pool.take()
    with pytest.raises(Unavailable, match="busy"):
        await pool.take()
    assert pool.waiting == 0
    pool.give_back(held)
    assert await pool.take() is held


async def test_who_is_cancelled_while_waiting_holds_nothing() -> None:
    pool, _ = pool_of(1)
    held = await pool.take()
    waiting = asyncio.ensure_future(pool.take())
    await asyncio.sleep(0.01)
    # Given and cancelled in the same moment: it must not be lost.
    pool.give_back(held)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.in_use == 0
    assert await pool.take() is held


async def test_a_broken_one_makes_room_for_who_waits() -> None:
    pool, opener = pool_of(1)
    held = await pool.take()
    waiting = asyncio.ensure_future(pool.take())
    await asyncio.sleep(0.01)
    held.usable = False
    pool.give_back(held)
    assert await waiting is opener.opened[1]
    assert (pool.opened, pool.in_use) == (1, 1)


async def test_one_that_broke_while_idle_is_not_lent() -> None:
    pool, opener = pool_of(2)
    first, second = await pool.take(), await pool.take()
    pool.give_back(first)
    pool.give_back(second)
    second.usable = False
    assert await pool.take() is first
    first.usable = False
    pool.give_back(first)
    assert await pool.take() is opener.opened[2]
    assert (pool.opened, pool.in_use) == (1, 1)


async def test_a_failure_to_open_leaves_the_room_free() -> None:
    pool, opener = pool_of(1)
    opener.fails = True
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await pool.take()
    assert (pool.opened, pool.in_use) == (0, 0)
    opener.fails = False
    assert await pool.take() is opener.opened[0]


async def test_a_failure_to_open_lets_the_next_one_try() -> None:
    pool, opener = pool_of(1)
    opener.fails = True
    results = await asyncio.gather(*(pool.take() for _ in range(5)), return_exceptions=True)
    assert {type(result) for result in results} == {ConnectionRefusedError}
    assert (pool.opened, pool.waiting) == (0, 0)


async def test_a_discarded_one_is_closed() -> None:
    pool, opener = pool_of(1)
    held = await pool.take()
    await pool.discard(held)
    assert held.closed
    assert await pool.take() is opener.opened[1]


async def test_closing_closes_those_that_are_not_lent() -> None:
    pool, opener = pool_of(2)
    lent, idle = await pool.take(), await pool.take()
    pool.give_back(idle)
    await pool.close()
    assert (lent.closed, idle.closed, pool.opened) == (False, True, 1)
    assert len(opener.opened) == 2
