"""Writing what a turn of the event loop has to say at the end of that turn, connection by connection.

Each write wakes whoever reads, and on a busy machine a client that was woken for one answer is asleep again before
the next one is written: so many wakings cost more than the answers themselves. Answers that become ready together,
since one statement has fetched what they show, are written together.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# What is larger goes out at once, and so takes no memory beside that of the transport.
LARGE_BYTES = 16_384


class Gathering:
    """The connections that have something to say when the turn is over."""

    def __init__(self) -> None:
        self._waiting: list[GatheringTransport] = []

    def add(self, transport: GatheringTransport) -> None:
        """Let a connection speak at the end of the turn."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(transport)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.flush()


class GatheringTransport(asyncio.Transport):
    """A transport that keeps small writes until the turn ends; their order is that of the calls."""

    __slots__ = ("_gathering", "_size", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport, gathering: Gathering) -> None:
        super().__init__()
        self._transport = transport
        self._gathering = gathering
        self._waiting: list[bytes] = []
        self._size = 0

    @property
    def _sendfile_compatible(self) -> Any:
        # A file's bytes would overtake the headers that wait. aiohttp takes this for a loop that can't do it.
        raise NotImplementedError

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        # Whoever hung up since hears nothing, and the others are not to miss theirs for it.
        if waiting and not self._transport.is_closing():
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write at the end of the turn, or now what is large."""
        if self._size + len(data) > LARGE_BYTES:
            self.flush()
            self._transport.write(data)
            return
        if not self._waiting:
            self._gathering.add(self)
        # Whoever owns a buffer may fill it anew.
        self._waiting.append(bytes(data))
        self._size += len(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Write several parts."""
        for data in list_of_data:
            self.write(data)

    def write_eof(self) -> None:
        """End the writing side."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Close once all is written."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._waiting, self._size = [], 0
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes aren't written yet."""
        return self._size + self._transport.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        """Tell whether the writing side can be ended alone."""
        return self._transport.can_write_eof()

    def is_closing(self) -> bool:
        """Tell whether it is closed, or about to be."""
        return self._transport.is_closing()

    def is_reading(self) -> bool:
        """Tell whether the peer is listened to."""
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        """Listen no more for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Listen again."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows of the connection."""
        return self._transport.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who is told of what arrives."""
        return self._transport.get_protocol()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Set who is told of what arrives."""
        self._transport.set_protocol(protocol)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the bounds of what may wait to be written."""
        return self._transport.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the bounds of what may wait to be written."""
        self._transport.set_write_buffer_limits(high, low)
