"""Single creates of concurrent requests, joined: while one transaction commits, those that come wait for the next one.

What each is answered is what it would be alone: those of one caller and noun become one command; a fault or a wait for
somebody's lock undoes all, and each is run alone, so that it sees its own fault and nobody else's. Acknowledged is
committed, as ever.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from db.commands import Create, OnConflict, name_of
from db.database import Retry
from db.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from db.access import Principal
    from db.commands import Command
    from db.database import Database, Transaction
    from db.outcomes import Report

MOST_TOGETHER = 100


class Apart(Exception):
    """A create must run alone; nothing of it is stored."""


class Run(NamedTuple):
    """A create of one item that a request waits for."""

    caller: Principal
    command: Create[Any]
    now: str


Together: TypeAlias = "Callable[[Transaction, Sequence[Run]], Awaitable[list[Report[Any]]]]"
"""Executes runs in one transaction, and returns their reports; raises `Apart`."""


@dataclass
class _Lane:
    """The creates of one database that wait for their transaction."""

    waiting: list[tuple[Run, asyncio.Future[Report[Any]]]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


_lanes: WeakKeyDictionary[Database, _Lane] = WeakKeyDictionary()


def is_plain(command: Command) -> bool:
    """Tell whether a command may join others: it creates one object, and minds whatever is there already."""
    return (
        isinstance(command, Create)
        and len(command.items) == 1
        and command.on_conflict is OnConflict.ERROR
        and not isinstance(command.items[0], tuple)
    )


def alike(runs: Sequence[Run]) -> Iterable[list[int]]:
    """Return the positions of the runs of each caller and noun, in order."""
    groups: dict[object, list[int]] = {}
    for position, run in enumerate(runs):
        key = (run.caller, run.command.noun.namespace, run.command.on_error)
        groups.setdefault(key, []).append(position)
    return groups.values()


async def join(database: Database, run: Run, together: Together) -> Report[Any]:
    """Run a create with those of other requests; raises `Apart` if it must run alone."""
    lane = _lanes.setdefault(database, _Lane())
    answer: asyncio.Future[Report[Any]] = asyncio.get_running_loop().create_future()
    lane.waiting.append((run, answer))
    if lane.task is None:
        # A task of its own: whoever came first may be cancelled, and the others go on.
        lane.task = asyncio.get_running_loop().create_task(_go(database, lane, together))
    return await answer


async def _go(database: Database, lane: _Lane, together: Together) -> None:
    while lane.waiting:
        taken, lane.waiting = lane.waiting[:MOST_TOGETHER], lane.waiting[MOST_TOGETHER:]
        runs = [run for run, _ in taken]

        async def work(tx: Transaction, runs: list[Run] = runs) -> list[Report[Any]]:
            return await together(tx, runs)

        name = name_of(runs[0].command) if len(runs) == 1 else "create_joined"
        try:
            reports = await database.write(name, work, hasty=True)
        except Unavailable as error:
            # It may have been stored, if the commit wasn't answered: nobody tries again.
            _tell(taken, [error] * len(taken))
        except Retry:
            _tell(taken, [Apart()] * len(taken))
        except Exception as error:  # noqa: BLE001 - of several it comes up again for whom it concerns
            _tell(taken, [error] if len(taken) == 1 else [Apart()] * len(taken))
        else:
            _tell(taken, reports)
    lane.task = None


def _tell(
    taken: Sequence[tuple[Run, asyncio.Future[Report[Any]]]], answers: Sequence[Report[Any] | Exception]
) -> None:
    for (_, future), answer in zip(taken, answers, strict=True):
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
