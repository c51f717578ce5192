"""`python -m benchmarks.peers`: install, fill, start, compare, measure, and write `docs/benchmarks.md`."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import uvloop

from app.telemetry import configure_logging
from benchmarks.peers import parse
from benchmarks.peers.contenders import Contender, contenders
from benchmarks.peers.dialects import CannotBeAsked
from benchmarks.peers.install import install
from benchmarks.peers.load import Answer, Request
from benchmarks.peers.processes import Running, running
from benchmarks.peers.report import Measured, told, write
from benchmarks.peers.rounds import Race, Results
from benchmarks.peers.rows import Size, fill, resource_id
from benchmarks.peers.workloads import PAGES, SMALL, WORKLOADS
from db.migrations import migrate
from tests.postgres import running_postgres

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers.workloads import Workload
    from tests.postgres import PostgresServer

SECONDS, ROWS, ROWS_OF_A_TAG = 20.0, 1_000_000, 1_000


class Bench:
    """One run: a database server, and the contenders on their databases."""

    def __init__(self, server: PostgresServer, able: list[Contender], *, seconds: float, lean: bool) -> None:
        self._server = server
        self._able = able
        self._seconds = seconds
        self._lean = lean
        self.results: Results = {}
        self.starts: dict[str, float] = {}
        self.memory: dict[str, float | None] = {}

    async def run(self, size: Size, workloads: list[Workload], *, own: bool) -> None:
        """Measure workloads on tables of a size; each contender has tables of its own, if they are written to."""
        urls = await self._filled(size, own=own)
        async with AsyncExitStack() as stack:
            servers = {each.name: await self._started(stack, each, urls[each.name]) for each in self._able}
            race = Race({name: each.client for name, each in servers.items()}, self._able, size)
            for workload in workloads:
                print(f"{workload.title} …", flush=True)
                self.results |= await race.run(workload, self._seconds)
            if own:
                self.starts = {name: each.start_s for name, each in servers.items()}
                self.memory = {name: each.memory_mib for name, each in servers.items()}

    async def _started(self, stack: AsyncExitStack, contender: Contender, url: str) -> Running:
        first, is_answer = _first(contender)
        return await stack.enter_async_context(running(contender.command, url, first, is_answer))

    async def _filled(self, size: Size, *, own: bool) -> dict[str, str]:
        """Return each contender's database."""
        templates: dict[str, str] = {}
        for each in self._able:
            if each.tables not in templates:
                print(f"filling the tables ({each.tables}): {size.resources:,} resources …", flush=True)
                templates[each.tables] = await self._template(each, size)
        if not own:
            return {each.name: templates[each.tables] for each in self._able}
        return {each.name: self._server.create_database(templates[each.tables]) for each in self._able}

    async def _template(self, contender: Contender, size: Size) -> str:
        url = self._server.create_database()
        if contender.tables == "ours":
            await migrate(url)
            statements = size.ours()
        elif contender.tables == "theirs":
            statements = size.theirs(lean=self._lean)
        else:
            # It makes its tables itself when it starts.
            anything = parse.Parse().one("none")
            async with running(contender.command, url, anything, lambda answer: answer.status == 404):
                statements = parse.statements(size)
        await asyncio.to_thread(fill, self._server, url, statements)
        return url


def _first(contender: Contender) -> tuple[Request, Callable[[Answer], bool]]:
    """Return the request that a server must answer to count as started."""
    try:
        request = contender.dialect.one(resource_id(1))
    except CannotBeAsked:
        return Request("/healthz"), lambda answer: answer.status == 200

    def is_answer(answer: Answer) -> bool:
        return answer.status == 200 and resource_id(1).encode() in answer.body

    return request, is_answer


def _chosen(names: str, everyone: list[Contender]) -> list[Contender]:
    if not names:
        return everyone
    wanted = names.split(",")
    if unknown := set(wanted) - {each.name for each in everyone}:
        raise SystemExit(f"there is no {min(unknown)}: {', '.join(each.name for each in everyone)}")
    return [each for each in everyone if each.name in wanted]


async def measure(able: list[Contender], arguments: argparse.Namespace) -> Measured:
    """Measure all workloads."""
    load, began = os.getloadavg()[0], time.strftime("%Y-%m-%d")
    with running_postgres() as server:
        bench = Bench(server, able, seconds=arguments.seconds, lean=arguments.lean)
        await bench.run(SMALL, WORKLOADS, own=True)
        tags = max(1, arguments.rows // ROWS_OF_A_TAG)
        await bench.run(Size(arguments.rows, tags, 1), [PAGES], own=False)
        version = server.execute("show server_version")
    return Measured(
        able,
        [*WORKLOADS, PAGES],
        bench.results,
        starts=bench.starts,
        memory=bench.memory,
        rows=arguments.rows,
        seconds=arguments.seconds,
        postgresql=version,
        day=began,
        load=load,
    )


def main() -> None:
    """Measure and print; write the page of the documentation if all took part."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAMES", help="who takes part, separated by commas")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each workload, of all together")
    parser.add_argument("--rows", type=int, default=ROWS, help="resources to take the page from")
    parser.add_argument("--lean", action="store_true", help="the peers' tables without this server's indexes")
    arguments = parser.parse_args()
    configure_logging("warning", "console")
    able = _chosen(arguments.only, contenders(install()))
    measured = uvloop.run(measure(able, arguments))
    print(told(measured))
    if not arguments.only and not arguments.lean:
        write(measured)


main()
