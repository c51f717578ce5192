"""What a turn of the event loop writes at its end arrives whole, in order, and before the connection closes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.gathering import LARGE_BYTES, Gathering, GatheringTransport

if TYPE_CHECKING:
    from tests.http.conftest import Start


class Recorded(asyncio.Transport):
    """A transport that notes what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[bytes | str] = []
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.closed:
            raise RuntimeError("as uvloop says it")
        self.done.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.done.append("closed")

    def abort(self) -> None:
        self.done.append("aborted")


async def test_small_writes_of_a_turn_are_one_and_a_large_one_keeps_its_place() -> None:
    below = Recorded()
    transport = GatheringTransport(below, Gathering())
    mutable = bytearray(b"a")
    transport.write(mutable)
    mutable[:] = b"x"
    transport.writelines([b"b", memoryview(b"c")])
    assert (below.done, transport.get_write_buffer_size()) == ([], 3)
    await asyncio.sleep(0)
    assert below.done == [b"abc"]
    transport.write(b"d")
    transport.write(large := b"e" * LARGE_BYTES)
    assert below.done == [b"abc", b"d", large]
    transport.write(b"f")
    transport.close()
    assert below.done == [b"abc", b"d", large, b"f", "closed"]
    transport.write(b"g")
    transport.abort()
    await asyncio.sleep(0)
    assert below.done[-2:] == ["closed", "aborted"]


async def test_one_who_hung_up_costs_nobody_an_answer() -> None:
    gathering, below = Gathering(), [Recorded() for _ in range(3)]
    for each in below:
        GatheringTransport(each, gathering).write(b"answer")
    below[1].closed = True
    await asyncio.sleep(0)
    assert [each.done for each in below] == [[b"answer"], [], [b"answer"]]


async def test_many_writes_of_a_turn_take_no_more_memory_than_a_large_one() -> None:
    below = Recorded()
    transport = GatheringTransport(below, Gathering())
    for _ in range(100):
        transport.write(b"x" * 1_000)
        assert transport.get_write_buffer_size() <= LARGE_BYTES
    await asyncio.sleep(0)
    assert b"".join(part for part in below.done if isinstance(part, bytes)) == b"x" * 100_000


async def test_answers_to_requests_that_were_sent_at_once_come_in_their_order(start: Start) -> None:
    last = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-Id: last\r\nConnection: close\r\n\r\n"
    many = [b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: number-%03d\r\n\r\n" % i for i in range(50)]
    async with start() as server:
        answers = await server.raw(b"".join([*many, last]))
    places = [answers.index(b"number-%03d" % i) for i in range(50)]
    assert places == sorted(places)
    assert answers.count(b"HTTP/1.1 200 OK") == 50
    assert answers.index(b"X-Request-Id: last") > places[-1]
    assert answers.endswith(b"}")
