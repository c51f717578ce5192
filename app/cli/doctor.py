"""`sheaf doctor`: what is wrong with an installation, and what to change."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from app.cli.expectations import expectations
from app.settings import PREFIX
from app.verification import verification_keys
from db import health
from db.database import open_database, sqlite_path
from db.errors import SheafError
from db.migrations import migrate, newest, version

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Iterator

    from app.cli.expectations import Expectation
    from app.settings import Settings
    from db.database import Database, Facts

MAX_SKEW_S = 2.0
MAX_LOG_BYTES = 4 * 1024**3
MIN_FREE_BYTES = 512 * 1024**2
# Connections that others need: the operator's, a backup's, and the one per process that listens.
SPARE_CONNECTIONS = 5
SECRETS = frozenset({"root_token", "jwt_secret", "database_url"})


@dataclass(frozen=True)
class Finding:
    """Something that was looked at."""

    about: str
    says: str
    advice: str | None = None
    """What to change; `None`: nothing is wrong."""

    def __str__(self) -> str:
        """Return a line, or two when something is wrong."""
        line = f"{'WRONG' if self.advice else 'ok':<6}{self.about}: {self.says}"
        return f"{line}\n      -> {self.advice}" if self.advice else line


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("doctor", help="look for what is wrong, and say what to change")
    parser.add_argument(
        "--bench", action="store_true", help="also measure what this machine and this database let one expect"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print all findings; the exit status is 1 if something is wrong."""
    return asyncio.run(_run(settings, bench=arguments.bench))


async def _run(settings: Settings, *, bench: bool) -> int:
    wrong = 0
    async for finding in findings(settings):
        print(finding, flush=True)
        wrong += finding.advice is not None
    if bench and not wrong:
        async for expectation in _expectations(settings):
            print(expectation, flush=True)
    print(f"{wrong} wrong" if wrong else "all is well")
    return 1 if wrong else 0


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything, what the next step needs first."""
    yield _settings(settings)
    for finding in _keys(settings):
        yield finding
    yield _root_token(settings)
    path = sqlite_path(settings.database_url)
    if path is not None and not path.exists():
        yield Finding("database", f"{path} isn't there yet; the first start makes it")
        return
    database = open_database(settings.database_url, pool_size=1, time_limit_s=settings.time_limit_s)
    try:
        async for finding in _database(settings, database):
            yield finding
    finally:
        await database.close()


async def _expectations(settings: Settings) -> AsyncIterator[Expectation]:
    await migrate(settings.database_url)
    database = open_database(
        settings.database_url, pool_size=settings.pool_size, time_limit_s=settings.time_limit_s
    )
    try:
        async for expectation in expectations(database):
            yield expectation
    finally:
        await database.close()


async def _database(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    began = time.time()
    try:
        facts = await database.facts()
    except SheafError as error:
        yield Finding("database", error.detail, "start it, or correct SHEAF_DATABASE_URL")
        return
    ended = time.time()
    yield Finding("database", f"{facts.product}, reachable in {(ended - began) * 1000:.0f} ms")
    yield _clock(facts, began, ended)
    for finding in _facts(settings, facts):
        yield finding
    found = await version(settings.database_url)
    yield _migrations(found)
    if found != newest():
        return
    yield _tables(await health.missing(settings.database_url, facts.indexes))
    async with database.read("count_orphans") as reader:
        yield _orphans(await health.orphans(reader))


def _settings(settings: Settings) -> Finding:
    told = {each.name: getattr(settings, each.name) for each in fields(settings)}
    changed = {
        PREFIX + each.name.upper(): "(set)" if each.name in SECRETS else told[each.name]
        for each in fields(settings)
        if told[each.name] != each.default
    }
    return Finding(
        "settings", ", ".join(f"{name}={value}" for name, value in changed.items()) or "all defaults"
    )


def _keys(settings: Settings) -> Iterator[Finding]:
    if not settings.jwt_keys_file and not settings.jwt_secret:
        return
    try:
        yield Finding("JWT keys", f"{len(verification_keys(settings))} can be used")
    except (ValueError, OSError) as error:
        yield Finding("JWT keys", str(error), "correct the file that SHEAF_JWT_KEYS_FILE names")


def _root_token(settings: Settings) -> Finding:
    if settings.root_token:
        return Finding("root token", "fixed by SHEAF_ROOT_TOKEN")
    path = settings.token_path
    if not path.exists():
        return Finding("root token", f"{path} isn't there yet; the first start makes it")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding("root token", f"others may read {path} (mode {mode:o})", f"chmod 600 {path}")
    if not os.access(path, os.R_OK):
        return Finding("root token", f"{path} can't be read by this user", "make this user its owner")
    return Finding("root token", f"{path}, for its owner alone")


def _clock(facts: Facts, began: float, ended: float) -> Finding:
    # The answer was made somewhere in between.
    skew_s = max(began - facts.clock_s, facts.clock_s - ended, 0)
    says = f"{skew_s:.1f} s apart from the database's"
    if skew_s <= MAX_SKEW_S:
        return Finding("clock", says)
    advice = (
        "synchronise both machines with a time server: tokens, idempotency keys and `updatedSince` go by it"
    )
    return Finding("clock", says, advice)


def _facts(settings: Settings, facts: Facts) -> Iterator[Finding]:
    if facts.broken_promises:
        told = ", ".join(f"{name}={value}" for name, value in facts.broken_promises.items())
        yield Finding("durability", told, "a power cut may lose commits that were confirmed: switch it on")
    else:
        yield Finding("durability", "a commit is on the disk before it is confirmed")
    if not facts.writable:
        yield Finding(
            "writes", "the database is read-only", "name the primary, or give this user the right to write"
        )
    yield from _sizes(facts)
    if facts.max_connections is not None:
        needed = settings.workers * (settings.pool_size + 1) + SPARE_CONNECTIONS
        says = f"{needed} needed by {settings.workers} workers, {facts.max_connections} allowed"
        advice = "lower SHEAF_POOL_SIZE or SHEAF_WORKERS, or raise the server's max_connections"
        yield Finding("connections", says, advice if needed > facts.max_connections else None)


def _sizes(facts: Facts) -> Iterator[Finding]:
    if facts.log_bytes is not None:
        advice = "look for a transaction that never ends, or a replica or archive that doesn't keep up"
        yield Finding(
            "write-ahead log",
            _megabytes(facts.log_bytes),
            advice if facts.log_bytes > MAX_LOG_BYTES else None,
        )
    if facts.free_bytes is not None:
        advice = "make room: writes fail when the disk is full"
        yield Finding(
            "disk",
            f"{_megabytes(facts.free_bytes)} free",
            advice if facts.free_bytes < MIN_FREE_BYTES else None,
        )


def _migrations(found: str | None) -> Finding:
    if found == newest():
        return Finding("migrations", f"at {found}, this version's")
    says = f"at {found or 'nothing'}, this version needs {newest()}"
    return Finding(
        "migrations", says, "run `sheaf migrate`; if the database is newer, start the newer server"
    )


def _tables(missing: list[str]) -> Finding:
    if not missing:
        return Finding("tables", "all columns and indexes are there")
    return Finding(
        "tables", f"missing: {', '.join(missing)}", "somebody changed them by hand: create them again"
    )


def _orphans(orphans: dict[str, int]) -> Finding:
    if not orphans:
        return Finding("references", "every one leads somewhere")
    told = ", ".join(f"{count:,} in {kind}" for kind, count in orphans.items())
    advice = "somebody deleted rows by hand: restore what they refer to, or delete them"
    return Finding("references", f"leading nowhere: {told}", advice)


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:,.0f} MiB"
