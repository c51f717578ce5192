"""Where a process hears what commits announce, and who of it wants to know."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import structlog
from sqlalchemy import select

from db.announcements import CHANNEL, BatchMoved, QueueMoved, ResourcesChanged, decode
from db.database import key_rows
from db.errors import Unavailable
from db.tables import scopes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from db.database import Database

log = structlog.get_logger(__name__)

MAX_UNHEARD = 1_000
MAX_TOGETHER = 100
MAX_UNREAD = 256

_keys = key_rows("places", "scope", "root")
_PATHS = select(scopes.c.id, scopes.c.root_id, scopes.c.path).join_from(
    _keys, scopes, (scopes.c.id == _keys.c.scope) & (scopes.c.root_id == _keys.c.root)
)


Placed: TypeAlias = ResourcesChanged | BatchMoved
"""The announcements of a scope, which somebody who reaches it may hear."""


class Heard(NamedTuple):
    """An announcement, and the path that its scope has now."""

    said: Placed
    path: str


class FellBehind(Unavailable):
    """What concerns a watch came faster than its holder took it."""

    def __init__(self) -> None:
        super().__init__(f"more than {MAX_UNREAD} events wait to be taken: subscribe again")


class Watch:
    """A subscription's place at the hub: what it wants waits here, within bounds, until it is taken."""

    def __init__(self, wants: Callable[[Heard], bool]) -> None:
        self._wants = wants
        self._unread: deque[Heard] = deque()
        self._arrived = asyncio.Event()
        self._fell_behind = False
        self.wake = self._arrived.set
        """Let whoever waits look up, though nothing has come."""

    def offer(self, heard: Heard) -> None:
        """Keep what this watch wants; whoever leaves too much lying loses all of it."""
        if self._fell_behind or not self._wants(heard):
            return
        self._unread.append(heard)
        if len(self._unread) > MAX_UNREAD:
            self._fell_behind = True
            self._unread.clear()
        self._arrived.set()

    async def take(self, timeout_s: float) -> Heard | None:
        """Return what comes next, `None` if nothing does in time; raises `FellBehind`."""
        if not self._unread and not self._fell_behind:
            self._arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._arrived.wait()
        if self._fell_behind:
            raise FellBehind
        return self._unread.popleft() if self._unread else None


class Hub:
    """One for each process: hears announcements while somebody watches, and finds out where they belong."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: set[Watch] = set()
        self._unheard: deque[Placed] = deque()
        self._dropped = 0
        self._telling: asyncio.Task[None] | None = None
        self.is_leaving = False
        database.listen(CHANNEL, self._hear)

    @property
    def watches(self) -> int:
        """How many watches there are."""
        return len(self._watches)

    async def ready(self) -> None:
        """Wait until what commits announce from now on is heard; raises `Unavailable`."""
        await self._database.listens()

    @contextmanager
    def watching(self, wants: Callable[[Heard], bool]) -> Iterator[Watch]:
        """Watch until the block ends."""
        watch = Watch(wants)
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    async def paths(self, places: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return the paths of scopes, given as (id, root_id); those that are gone are left out."""
        async with self._database.read("paths_of_scopes", brief=True) as reader:
            rows = await reader.fetch(_PATHS, {"places": list(places)})
        return {(scope, root): path for scope, root, path in rows}

    def leave(self) -> None:
        """Let those who could wait longer go: the server stops."""
        self.is_leaving = True
        for watch in self._watches:
            watch.wake()

    async def close(self) -> None:
        """Stop telling."""
        if self._telling is not None:
            self._telling.cancel()
            with suppress(asyncio.CancelledError):
                await self._telling

    def _hear(self, payload: str | None) -> None:
        # `None` says that some may have been missed; they are told at most once, so that is no news.
        if payload is None or not self._watches:
            return
        said = decode(payload)
        # What is only the server's own concern belongs to no scope.
        if said is None or isinstance(said, QueueMoved):
            return
        if len(self._unheard) >= MAX_UNHEARD:
            self._dropped += 1
            return
        self._unheard.append(said)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._tell_all())

    async def _tell_all(self) -> None:
        while self._unheard:
            together = [self._unheard.popleft() for _ in range(min(len(self._unheard), MAX_TOGETHER))]
            try:
                await self._tell(together)
            except Exception as error:  # noqa: BLE001 - those that come later are told all the same
                log.warning("announcements_dropped", count=len(together), reason=str(error))
        if self._dropped:
            log.warning(
                "announcements_dropped", count=self._dropped, reason="they came faster than they were told"
            )
            self._dropped = 0

    async def _tell(self, together: list[Placed]) -> None:
        paths = await self.paths({(said.scope_id, said.root_id) for said in together})
        for said in together:
            # A scope that is gone by now has no place in anybody's reach.
            if path := paths.get((said.scope_id, said.root_id)):
                heard = Heard(said, path)
                for watch in tuple(self._watches):
                    watch.offer(heard)
                # With many watches this takes a while, and their holders should come to take.
                await asyncio.sleep(0)
