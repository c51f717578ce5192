"""What the resolvers of one operation share: the database, the caller, and the loaders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import strawberry

from db.errors import SheafError, Unauthorized
from db.roots import Roots
from graphql_schema.budgets import Budget
from graphql_schema.errors import RootRequired
from graphql_schema.loaders import Loaders

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from db.access import Principal
    from db.database import Database
    from db.events import Hub
    from graphql_schema.documents import Document

T = TypeVar("T")


@dataclass(frozen=True)
class Lasting:
    """What an operation that lasts needs beside: who tells of events, and what its caller may hear by then."""

    hub: Hub
    caller: Callable[[], Awaitable[Principal]]
    """Returns the caller as it is now; raises `Unauthorized` once the token isn't valid any more."""
    check_every_s: float = 30.0
    """How often the caller is asked for, if no event is the occasion."""


class Context:
    """One operation's context: nothing of the catalogue is reached but through `loaders` and `writer`."""

    def __init__(
        self,
        database: Database,
        caller: Principal | None,
        *,
        request_id: str = "",
        budget: Budget | None = None,
        lasting: Lasting | None = None,
        compiled: bool = True,
        roots: Roots | None = None,
    ) -> None:
        self.database = database
        self.compiled = compiled
        """Whether the operation is executed breadth first, by a compiled plan."""
        self.request_id = request_id
        self.budget = budget or Budget()
        """The limits of the HTTP request that the operation came with, shared by all its operations."""
        self.cost: int | None = None
        """What the operation costs, once it is known."""
        self.document: Document | None = None
        """The operation's document, once it is read and counted."""
        self.deadline = math.inf
        """When the operation's time is up, by the monotonic clock."""
        self._roots = roots or Roots(database)
        self._lasting = lasting
        self._caller = caller
        self._reader = caller
        self._loaders: Loaders | None = None
        self._refusal: SheafError | None = None
        if caller is None:
            self._refusal = Unauthorized("this takes a token: Authorization: Bearer …")

    @property
    def loaders(self) -> Loaders:
        """What this operation may read; raises what refuses it."""
        if self._loaders is None or self._refusal is not None:
            self._loaders = Loaders(self.database, self._admit(self._reader))
        return self._loaders

    @property
    def lasting(self) -> Lasting:
        """What a subscription needs."""
        assert self._lasting is not None, "a subscription is executed by `subscribe`"
        return self._lasting

    @property
    def writer(self) -> Principal:
        """Who writes; raises what refuses the operation.

        Reads are narrowed to the only root, writes are not: a root token may make another root scope.
        """
        return self._admit(self._caller)

    def cost_told(self) -> dict[str, object]:
        """Return what the client is told of its operation's cost."""
        if self.cost is None:
            return {}
        return {"cost": {"requested": self.cost, "allowed": self.budget.limits.cost}}

    async def begin(self) -> None:
        """Find the root in which the operation acts, if its caller reaches every root."""
        if await self._narrow() > 1:
            self._refusal = RootRequired()

    async def forget(self, *, roots_too: bool = True) -> None:
        """Drop what was read before a write, so that what follows sees it; with the roots if these may differ."""
        if self._reader is None:
            return
        self._loaders = None
        if roots_too:
            self._reader = self._caller
            await self._narrow()

    def abandon(self) -> None:
        """Stop reading: nobody waits for the answer any more."""
        if self._loaders is not None:
            self._loaders.abandon()

    async def _narrow(self) -> int:
        """Let an unnarrowed caller read in the only root, where indexes begin with it; return the number of roots.

        A refusal is kept for the first field that touches data: introspection needs no database, and what a
        mutation has stored can be told without.
        """
        caller = self._caller
        if caller is None or caller.reach is not None:
            return 1
        roots = self._roots.known
        if roots is None:
            try:
                roots = await self._roots.found()
            except SheafError as error:
                self._refusal = error
                return 0
        if len(roots) == 1:
            self._reader = caller.within(roots[0])
        return len(roots)

    def _admit(self, part: T | None) -> T:
        if self._refusal is not None:
            raise self._refusal
        assert part is not None, "whoever has no caller is refused"
        return part


Info: TypeAlias = strawberry.Info[Context, None]
