"""`python -m demo`: load the installed Python distributions, with progress, and say what to ask about them."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from contextlib import ExitStack

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from app.settings import BadSetting, Settings
from demo.catalogue import SCOPE
from demo.client import Client, Refused
from demo.load import load
from demo.metadata import distributions
from demo.projects import record, shuffled
from demo.queries import QUERIES
from demo.server import answers, own_server, token_of
from demo.summaries import noun, show_loaded, show_uploaded
from demo.uploads import Uploaded, upload

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
            tasks: dict[str, TaskID] = {}

            def progress(path: str, sent: int, total: int) -> None:
                if path not in tasks:
                    tasks[path] = bar.add_task(noun(path), total=total)
                bar.advance(tasks[path], sent)

            await load(client, found, progress)
        show_loaded(console, client.loaded)
        console.print("\nTheir dependency graph, shuffled, as records that refer to each other\n")
        with Progress(*columns, console=console) as bar:
            stored = bar.add_task("projects", total=len(found))
            waiting = bar.add_task("of them waiting", total=len(found))

            def settle(uploaded: Uploaded) -> None:
                bar.update(stored, completed=uploaded.count("successful"))
                bar.update(waiting, completed=uploaded.count("pending"))

            uploaded = await upload(client, shuffled(map(record, found)), settle)
        show_uploaded(console, uploaded)
    if not uploaded.agrees:
        raise Refused(uploaded.disagreement)


def _show_queries(url: str) -> None:
    console.print(f"\nTo paste into the explorer at {url}/, which `make serve` opens")
    console.print(f'(beside other root scopes with the header "reach-tenant-id": "{SCOPE}"):')
    for title, query in QUERIES:
        console.print(f"\n# {title}", style="bold")
        console.print(query, markup=False)


if __name__ == "__main__":
    main()
