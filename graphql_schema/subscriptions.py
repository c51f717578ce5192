"""What can be watched: events of the scopes in reach, for as long as they are in reach."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import strawberry

from db import announcements
from db.access import Principal
from db.announcements import MAX_IDS, Announcement
from db.errors import NotFound, Unauthorized, Unavailable
from db.outcomes import Outcome
from db.scopes import SCOPES, ScopeRow
from graphql_schema.context import Info, Lasting
from graphql_schema.fields import stored
from graphql_schema.nodes import load

# A clock may be a little behind the one that the token's expiry is judged by.
EXPIRY_MARGIN_S = 0.05


@strawberry.type(
    description="A hint to read again: resources of one scope met one fate in one commit. It is sent after the "
    "commit and at most once, so a client that reconnects should read again too."
)
class ResourcesChanged:
    scope_id: strawberry.ID = stored("The scope that the resources are in.")
    kind: Outcome = stored("What became of the resources: `CREATED`, `UPDATED` or `DELETED`.")
    ids: list[strawberry.ID] = stored(f"The ids of the resources, {MAX_IDS} at most.")
    more: bool = stored("Whether there are others, whose ids aren't told.")


Wanted: TypeAlias = Callable[[Announcement], bool]


@dataclass(frozen=True)
class Place:
    """A scope that is watched, perhaps with those below it."""

    scope: ScopeRow
    with_descendants: bool = False

    def covers(self, path: str) -> bool:
        """Tell whether a scope's path is this scope's or, if they count, below it."""
        return path.startswith(self.scope.path) if self.with_descendants else path == self.scope.path


async def announced(lasting: Lasting, place: Place, wanted: Wanted) -> AsyncIterator[Announcement]:
    """Yield what is announced in a place; who may hear it and what ends it is as for `moments`."""
    async with aclosing(moments(lasting, place, wanted)) as found:
        async for said in found:
            if said is not None:
                yield said


async def moments(
    lasting: Lasting, place: Place, wanted: Wanted
) -> AsyncGenerator[Announcement | None, None]:
    """Yield what is announced in a place, to a caller who reaches it at that moment.

    `None` comes once the watch has begun, and with each check: whoever looks for himself then misses nothing.
    Raises `Unauthorized` once the token isn't valid any more, `NotFound` once the place is gone or out of reach,
    `db.events.FellBehind` if what is yielded isn't taken in time.
    """
    await lasting.hub.ready()
    with lasting.hub.watching(lambda heard: wanted(heard.said) and place.covers(heard.path)) as watch:
        caller = await lasting.caller()
        yield None
        while True:
            heard = await watch.take(_seconds_to_check(lasting, caller))
            try:
                caller = await lasting.caller()
                await _require(lasting, place, caller, look_up=heard is None)
            except Unavailable:
                # Nothing is told while that can't be judged; an expiry needs no database.
                if caller.expires_at is not None and caller.expires_at <= time.time():
                    raise Unauthorized("the token has expired") from None
                continue
            yield None if heard is None else heard.said


def _seconds_to_check(lasting: Lasting, caller: Principal) -> float:
    if caller.expires_at is None:
        return lasting.check_every_s
    return min(lasting.check_every_s, max(caller.expires_at - time.time(), 0) + EXPIRY_MARGIN_S)


async def _require(lasting: Lasting, place: Place, caller: Principal, *, look_up: bool) -> None:
    """Refuse a caller who doesn't reach the place; an event's place was looked up just now."""
    path = place.scope.path
    if look_up:
        key = (place.scope.id, place.scope.root_id)
        path = (await lasting.hub.paths([key])).get(key, "")
    # A scope that was made again under its old id has another path.
    if path != place.scope.path or not caller.reaches(path):
        raise _unknown(place.scope.id)


def _unknown(scope_id: str) -> NotFound:
    return NotFound(f"no scope {scope_id}")


async def _resources_changed(
    info: Info,
    scope_id: Annotated[strawberry.ID, strawberry.argument(description="The scope to watch.")],
    *,
    with_descendants: Annotated[
        bool | None, strawberry.argument(description="Watch the scopes below it, too.")
    ] = False,
) -> AsyncIterator[ResourcesChanged]:
    scope: ScopeRow | None = await (load(info.context.loaders, scope_id, SCOPES) or _nothing())
    if scope is None:
        raise _unknown(scope_id)
    place = Place(scope, bool(with_descendants))
    return announced(info.context.lasting, place, _is_of_resources)  # type: ignore[return-value]  # rows, which the type shows


async def _nothing() -> None:
    return None


def _is_of_resources(said: Announcement) -> bool:
    return isinstance(said, announcements.ResourcesChanged)


@strawberry.type
class ResourceSubscriptions:
    resources_changed: AsyncIterator[ResourcesChanged] = strawberry.subscription(
        resolver=_resources_changed,
        description="Tells when resources of a scope were created, changed or deleted: one event for each commit, "
        "scope and kind. Changes of their tags are none of the resource.",
    )
