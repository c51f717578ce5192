"""Loading by key: nobody waits for what will never be answered, and nothing is read once nobody waits."""

from __future__ import annotations

import asyncio
import random

import pytest

from graphql_schema.key_loaders import KeyLoader, Turns


class Store:
    """Answers each key with itself, after a while; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.open = asyncio.Event()

    async def load(self, keys: list[str]) -> list[str | BaseException]:
        self.asked.append(keys)
        await self.open.wait()
        return [KeyError(key) if key == "wrong" else key for key in keys]


async def test_a_turn_that_all_left_before_it_began_takes_no_keys_of_later_ones() -> None:
    store = Store()
    store.open.set()
    turns = Turns(store.load)
    turns.ask(["a"]).cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        assert await turns.ask(["b"]) == ["b"]
    assert store.asked == [["b"]]


async def test_a_call_that_all_have_left_is_cancelled_and_one_who_stays_keeps_it() -> None:
    store = Store()
    turns = Turns(store.load)
    left, stays = turns.ask(["a"]), turns.ask(["b", "a"])
    await asyncio.sleep(0.01)
    left.cancel()
    await asyncio.sleep(0)
    store.open.set()
    assert await stays == ["b", "a"]
    store.open.clear()
    turns.ask(["c"])
    last = turns.ask(["d"])
    for _ in range(3):
        await asyncio.sleep(0)
    assert store.asked == [["a", "b"], ["c", "d"]]
    assert not last.done()


async def test_who_waits_for_some_that_others_asked_for_is_cancelled_with_all_when_it_is_given_up() -> None:
    store = Store()
    loader = KeyLoader.by_turns(store.load)
    waiting = [loader.load_many(["a"]), loader.load_many(["a", "b"]), loader.load("b")]
    await asyncio.sleep(0.01)
    loader.abandon()
    await asyncio.sleep(0.01)
    assert [isinstance(each, asyncio.Future) and each.cancelled() for each in waiting] == [True] * 3
    assert store.asked == [["a", "b"]]


async def test_what_one_who_leaves_asked_for_is_asked_for_again_by_whoever_stays() -> None:
    store = Store()
    loader = KeyLoader.by_turns(store.load)
    first, second = loader.load("a"), loader.load("a")
    first.cancel()
    store.open.set()
    async with asyncio.timeout(1):
        assert await second == "a"


@pytest.mark.parametrize("seed", range(20))
async def test_each_gets_the_values_of_its_own_keys_whoever_else_asks_or_leaves(seed: int) -> None:
    dice = random.Random(seed)
    keys = ["a", "b", "c", "d", "wrong"]
    store = Store()
    store.open.set()
    loader = KeyLoader.by_turns(store.load)

    async def ask() -> None:
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        wanted = dice.choices(keys, k=dice.randint(1, 4))
        answer = loader.load_many(wanted)
        if isinstance(answer, asyncio.Future):
            if dice.random() < 0.3:
                answer.cancel()
                return
            answer = await answer
        assert [str(each) for each in answer] == ["'wrong'" if each == "wrong" else each for each in wanted]

    async with asyncio.timeout(5):
        await asyncio.gather(*(ask() for _ in range(30)))
