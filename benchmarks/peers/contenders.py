"""Who takes part."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import limit
from benchmarks.peers import dialects, our_dialects, parse
from benchmarks.peers.install import SERVERS
from benchmarks.peers.processes import Command
from benchmarks.servers import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.peers.dialects import Dialect
    from benchmarks.peers.install import Programs


@dataclass(frozen=True)
class Contender:
    """A server, the tables that it works on, and how it is asked."""

    name: str
    title: str
    command: Command
    dialect: Dialect
    tables: str = "theirs"


LIMIT, OURS, REST = "limit", "sheaf", "sheaf-rest"


def contenders(programs: Programs) -> list[Contender]:
    """Return all of them, the limit first, then this server."""
    sheaf = Command(
        lambda _url, _port: [sys.executable, "-m", "app", "serve", "--quiet"],
        lambda url, port: {
            "SHEAF_DATABASE_URL": url,
            "SHEAF_PORT": str(port),
            "SHEAF_ROOT_TOKEN": TOKEN,
        },
        TOKEN,
    )
    by_hand = Command(_module("by_hand"), token=limit.TOKEN)
    written, without = dialects.WrittenSchema(), dialects.WithoutArrays()
    return [
        Contender(LIMIT, "limit, written by hand", by_hand, our_dialects.ByHand(), "ours"),
        Contender(OURS, "Sheaf (GraphQL, `/batch`)", sheaf, our_dialects.Sheaf(), "ours"),
        Contender(REST, "Sheaf (REST)", sheaf, our_dialects.SheafRest(), "ours"),
        Contender("mercurius", "Mercurius 16 + JIT", _script(programs.node, "mercurius.mjs"), written),
        Contender(
            "postgraphile",
            "PostGraphile 5",
            _script(programs.node, "postgraphile.mjs"),
            dialects.PostGraphile(),
        ),
        Contender("yoga", "graphql-yoga 5", _script(programs.node, "yoga.mjs"), written),
        Contender("apollo", "Apollo Server 5", _script(programs.node, "apollo.mjs"), written),
        Contender(
            "parse",
            "Parse Server 9",
            Command(
                _script(programs.node, "parse.mjs").words,
                # Else it makes a folder where it is started.
                lambda _url, _port: {"PARSE_SERVER_LOGS_FOLDER": "null"},
                headers=parse.HEADERS,
            ),
            parse.Parse(),
            "parse",
        ),
        Contender("ariadne", "Ariadne 1 + asyncpg", _script(programs.python, "ariadne_server.py"), without),
        Contender("stock", "Strawberry, stock", Command(_module("stock")), written),
    ]


def _module(name: str) -> Callable[[str, int], list[str]]:
    return lambda url, port: [sys.executable, "-m", f"benchmarks.peers.servers.{name}", url, str(port)]


def _script(program: Path, name: str) -> Command:
    return Command(lambda url, port: [str(program), str(SERVERS / name), url, str(port)])
