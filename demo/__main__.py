"""`python -m demo`: load the installed Python distributions, with progress, and say what to ask about them."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from contextlib import ExitStack

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.settings import BadSetting, Settings
from demo.catalogue import SCOPE
from demo.client import Client, Loaded, Refused
from demo.load import load
from demo.metadata import distributions
from demo.queries import QUERIES
from demo.server import answers, own_server, token_of

# Long lines are left to the terminal, so that what is copied is in one piece.
console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Load; what went wrong is one message on standard error, and the exit status 1."""
    try:
        settings = Settings.read(os.environ)
        default = f"http://{settings.host}:{settings.port}"
        parser = argparse.ArgumentParser(
            prog="demo", description="Load the installed Python distributions into a running Sheaf server."
        )
        parser.add_argument("--url", help=f"the server ({default}; if none answers there, one is started)")
        parser.add_argument("--token", help="the root token (SHEAF_ROOT_TOKEN, else the file it is kept in)")
        arguments = parser.parse_args()
        with ExitStack() as stack:
            url = _server(stack, arguments.url, default)
            token = arguments.token or settings.root_token or token_of(settings.token_path)
            asyncio.run(_load(url, token))
        _show_queries(arguments.url or default)
    except (Refused, BadSetting) as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _server(stack: ExitStack, named: str | None, default: str) -> str:
    """Return the URL of the server to load into."""
    url = (named or default).rstrip("/")
    if answers(url):
        console.print(f"Loading into {url}")
        return url
    if named:
        raise Refused(f"no server answers at {url}")
    url = stack.enter_context(own_server())
    console.print(
        f"No server answers at {default}: loading through one of our own at {url}, stopped afterwards"
    )
    return url


async def _load(url: str, token: str) -> None:
    found = distributions()
    console.print(f"{len(found):,} distributions are installed here\n")
    columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with Client(url, token) as client:
        with Progress(*columns, console=console) as bar:
            tasks: dict[str, object] = {}

            def progress(path: str, sent: int, total: int) -> None:
                if path not in tasks:
                    tasks[path] = bar.add_task(_noun(path), total=total)
                bar.advance(tasks[path], sent)  # type: ignore[arg-type]  # rich's own name for an int

            await load(client, found, progress)
        _show_summary(client.loaded)


def _noun(path: str) -> str:
    return path.strip("/").replace("-", " ")


def _show_summary(loaded: dict[str, Loaded]) -> None:
    table = Table("", box=None, pad_edge=False)
    outcomes = ("created", "updated", "unchanged")
    for heading in ("objects", *outcomes, "seconds", "objects/s"):
        table.add_column(heading, justify="right")
    total = Loaded()
    for told in loaded.values():
        total.outcomes.update(told.outcomes)
        total.seconds += told.seconds
    for name, told in [*((_noun(path), told) for path, told in loaded.items()), ("all", total)]:
        counts = [f"{told.outcomes[outcome]:,}" for outcome in outcomes]
        rate = f"{told.objects / told.seconds:,.0f}" if told.seconds else ""
        table.add_row(name, f"{told.objects:,}", *counts, f"{told.seconds:.3f}", rate)
    console.print()
    console.print(table)


def _show_queries(url: str) -> None:
    console.print(f"\nTo paste into the explorer at {url}/, which `make serve` opens")
    console.print(f'(beside other root scopes with the header "reach-tenant-id": "{SCOPE}"):')
    for title, query in QUERIES:
        console.print(f"\n# {title}", style="bold")
        console.print(query, markup=False)


if __name__ == "__main__":
    main()
