"""Which root scopes there are: looked up once, and again when one comes or goes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from db import reads
from db.tokens import CHANNEL, EVERY_TOKEN

if TYPE_CHECKING:
    from db.access import Reach
    from db.database import Database


class Roots:
    """The first two root scopes: a caller who reaches every root means the only one, if there is but one.

    What makes or deletes a root tells so through the channel by which holders of tokens are forgotten, before it is
    answered in its own process, and at once to all others.
    """

    def __init__(self, database: Database, *, remember_s: float = 0.0) -> None:
        """Remember for some seconds at most, should a message be lost; by default not at all."""
        self._database = database
        self._remember_s = remember_s
        self._forgotten = 0
        self._known: list[Reach] = []
        self._until = 0.0
        if remember_s:
            database.listen(CHANNEL, self._forget)

    @property
    def known(self) -> list[Reach] | None:
        """The reaches of the roots, as long as they are remembered."""
        return self._known if time.monotonic() < self._until else None

    async def found(self) -> list[Reach]:
        """Return the reaches of the roots, two at most."""
        forgotten = self._forgotten
        async with self._database.read("roots", brief=True) as reader:
            roots = await reads.roots(reader, limit=2)
        # What changed while it was read isn't remembered.
        if forgotten == self._forgotten:
            self._known, self._until = roots, time.monotonic() + self._remember_s
        return roots

    def _forget(self, token_hash: str | None) -> None:
        if token_hash in (None, EVERY_TOKEN):
            self._forgotten += 1
            self._until = 0.0
