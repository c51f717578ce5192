"""Settings, read from the environment once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from app.proxy import network
from db.batches import DEFAULT_MAX_QUEUED_RECORDS
from db.database import sqlite_path
from db.reads import DEFAULT_LIMIT, MAX_LIMIT
from db.shapes import MAX_ITEMS
from graphql_schema.budgets import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.proxy import Network

PREFIX = "SHEAF_"
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")
LAST_PORT = 65_535
# What deployments of other software say in the same place.
_SWITCHES = {"true": True, "1": True, "false": False, "0": False}


class BadSetting(Exception):
    """An environment variable holds what its setting can't be."""


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("must be 1 or more")
    return number


def _between(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError(f"must be from {least:,} to {most:,}")
        return number

    return read


def _not_negative(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError("must be 0 or more")
    return number


def _seconds(text: str) -> float:
    number = _not_negative(text)
    if not number:
        raise ValueError("must be more than 0")
    return number


def _origins(text: str) -> tuple[str, ...]:
    origins = _list(text)
    for origin in origins:
        if origin != "*" and not ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} must be * or an origin: scheme://host[:port], without a path")
    return origins


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(network(part) for part in _list(text))


def _switch(text: str) -> bool:
    if text.lower() not in _SWITCHES:
        raise ValueError("must be true or false")
    return _SWITCHES[text.lower()]


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _port(text: str) -> int:
    number = _positive(text)
    if number > LAST_PORT:
        raise ValueError(f"must be {LAST_PORT} or less")
    return number


def _log_level(text: str) -> str:
    if text.lower() not in {"debug", "info", "warning", "error"}:
        raise ValueError("must be debug, info, warning or error")
    return text


def _log_format(text: str) -> str:
    if text not in {"json", "console"}:
        raise ValueError("must be json or console")
    return text


def _setting(default: object, read: Callable[[str], object], says: str) -> object:
    return field(default=default, metadata={"read": read, "says": says})


@dataclass(frozen=True)
class Settings:
    """Everything an operator can set; each field is the environment variable `SHEAF_` + its name in capitals."""

    host: str = _setting("127.0.0.1", str, "address to listen on")  # type: ignore[assignment]
    port: int = _setting(3000, _port, "port to listen on")  # type: ignore[assignment]
    database_url: str = _setting(  # type: ignore[assignment]
        "sqlite:///data/sheaf.db", str, "`sqlite:///path` or `postgresql://…`"
    )
    root_token: str | None = _setting(  # type: ignore[assignment]
        None, str, "fixes the root token; without it one is made and kept beside the database"
    )
    root_token_file: str | None = _setting(  # type: ignore[assignment]
        None,
        str,
        "where the made root token is kept; by default `root-token` beside the SQLite file, else `data/root-token`",
    )
    workers: int = _setting(1, _positive, "server processes; more than one takes PostgreSQL")  # type: ignore[assignment]
    pool_size: int = _setting(10, _positive, "database connections of a process")  # type: ignore[assignment]
    join_reads: bool = _setting(  # type: ignore[assignment]
        True, _switch, "whether reads of single objects by concurrent requests share statements"
    )
    join_creates: bool = _setting(  # type: ignore[assignment]
        True, _switch, "whether single creates by concurrent requests share transactions"
    )
    upload_engine: bool = _setting(  # type: ignore[assignment]
        True, _switch, "whether this server also applies uploads; else `sheaf worker` must run"
    )
    upload_lanes: int = _setting(  # type: ignore[assignment]
        2, _positive, "uploads that a process applies at a time on PostgreSQL"
    )
    max_queued_records: int = _setting(  # type: ignore[assignment]
        DEFAULT_MAX_QUEUED_RECORDS, _positive, "records that may be queued in accepted uploads, then 429"
    )
    batch_retention_days: float = _setting(  # type: ignore[assignment]
        30.0, _not_negative, "how long a finished upload is kept to be asked about; 0: for ever"
    )
    jwt_secret: str | None = _setting(None, str, "the operator's own HS256 key for JWT")  # type: ignore[assignment]
    jwt_keys_file: str | None = _setting(  # type: ignore[assignment]
        None, str, "JSON file with a list of `{kid?, alg, key, partnerId?}`"
    )
    token_cache_s: float = _setting(  # type: ignore[assignment]
        5.0,
        _not_negative,
        "how long a token's holder, or the only root, may be remembered, should the message of a change be lost",
    )
    cors_origins: tuple[str, ...] = _setting(
        (), _origins, "origins that browsers may call from, or `*`; none by default"
    )  # type: ignore[assignment]
    max_body_bytes: int = _setting(Limits.body_bytes, _positive, "largest request body, after inflation")  # type: ignore[assignment]
    max_depth: int = _setting(Limits.depth, _positive, "levels of fields in a GraphQL operation")  # type: ignore[assignment]
    max_aliases: int = _setting(Limits.aliases, _positive, "aliases in a GraphQL request")  # type: ignore[assignment]
    max_tokens: int = _setting(Limits.tokens, _positive, "tokens in the documents of a GraphQL request")  # type: ignore[assignment]
    max_directives: int = _setting(Limits.directives, _positive, "directives in a GraphQL request")  # type: ignore[assignment]
    max_cost: int = _setting(  # type: ignore[assignment]
        Limits.cost, _positive, "objects and items that a GraphQL request may ask for"
    )
    max_operations: int = _setting(Limits.operations, _positive, "operations in a GraphQL request")  # type: ignore[assignment]
    max_page: int = _setting(  # type: ignore[assignment]
        Limits.page, _between(DEFAULT_LIMIT, MAX_LIMIT), "largest page of a list in GraphQL"
    )
    max_batch_items: int = _setting(  # type: ignore[assignment]
        Limits.batch_items, _between(1, MAX_ITEMS), "items of one GraphQL mutation"
    )
    compiled_executor: bool = _setting(  # type: ignore[assignment]
        True,
        _switch,
        "whether GraphQL is executed by compiled plans; if not, object by object by graphql-core",
    )
    trusted_documents: str | None = _setting(  # type: ignore[assignment]
        None, str, "JSON file `{id: document}`; GraphQL then executes these documents and no others"
    )
    time_limit_s: float = _setting(  # type: ignore[assignment]
        Limits.seconds, _seconds, "longest that a statement, a read or a GraphQL request may take, then 503"
    )
    header_timeout_s: float = _setting(  # type: ignore[assignment]
        15.0, _seconds, "longest that the head of a request may take to arrive, then 408"
    )
    body_timeout_s: float = _setting(  # type: ignore[assignment]
        60.0, _seconds, "longest that the body of a request may take to arrive, then 408"
    )
    keepalive_s: float = _setting(75.0, _seconds, "how long an idle connection is kept")  # type: ignore[assignment]
    rate_limit_per_s: float = _setting(  # type: ignore[assignment]
        0.0,
        _not_negative,
        "operations and batch items that one token may ask a process for in a second, then 429; 0: no limit",
    )
    max_streams: int = _setting(  # type: ignore[assignment]
        1_000, _positive, "WebSockets and event streams that a process holds open, then 503"
    )
    max_subscriptions: int = _setting(  # type: ignore[assignment]
        100, _positive, "operations that may run on one WebSocket at a time"
    )
    subscription_check_s: float = _setting(  # type: ignore[assignment]
        30.0, _seconds, "how often the token of a quiet subscription is judged again"
    )
    trusted_proxies: tuple[Network, ...] = _setting(  # type: ignore[assignment]
        (),
        _networks,
        "addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed",
    )
    slow_statement_ms: float = _setting(  # type: ignore[assignment]
        500.0, _not_negative, "a statement that takes longer is logged, with its transaction and request"
    )
    shutdown_s: float = _setting(
        20.0, _not_negative, "how long running requests may take to end after SIGTERM"
    )  # type: ignore[assignment]
    log_format: str = _setting("json", _log_format, "`json` or `console`")  # type: ignore[assignment]
    log_level: str = _setting("info", _log_level, "`debug`, `info`, `warning` or `error`")  # type: ignore[assignment]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings of an environment; `BadSetting` names the variable that is wrong."""
        values: dict[str, object] = {}
        known = {PREFIX + each.name.upper(): each for each in fields(cls)}
        for name, each in known.items():
            if text := environment.get(name):
                try:
                    values[each.name] = each.metadata["read"](text)
                except ValueError as error:
                    raise BadSetting(f"{name}={text!r}: {error}") from error
        return cls(**values)  # type: ignore[arg-type]  # each value was made by its field's reader

    @classmethod
    def unknown(cls, environment: Mapping[str, str]) -> list[str]:
        """Return the variables that look like settings and are none: typos, or settings of another version."""
        known = {PREFIX + each.name.upper() for each in fields(cls)}
        return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)

    @property
    def token_path(self) -> Path:
        """The file that keeps a root token which was made."""
        if self.root_token_file:
            return Path(self.root_token_file)
        database = sqlite_path(self.database_url)
        return database.with_name("root-token") if database else Path("data/root-token")
