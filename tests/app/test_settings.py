"""Settings: what can't be is refused in one line that names it, before anything is done."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from app.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.app.conftest import Refusal


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("port", value) for value in ("0", "-1", "65536", "http", "1.5")),
        *(("workers", value) for value in ("0", "two")),
        *(("pool_size", value) for value in ("0", "x")),
        *(("max_body_bytes", value) for value in ("0", "1MB")),
        *(("token_cache_s", value) for value in ("-1", "nan", "inf", "soon")),
        *(("time_limit_s", value) for value in ("-1", "x")),
        *(("shutdown_s", value) for value in ("-0.1", "x")),
        *(("compiled_executor", value) for value in ("2", "x")),
        ("log_level", "loud"),
        ("log_format", "xml"),
    ],
)
def test_a_setting_that_cannot_be_is_named(refusal: Refusal, name: str, value: str) -> None:
    assert f"SHEAF_{name.upper()}" in refusal("serve", **{name: value})


@pytest.mark.parametrize(
    "url", ["sqlite:///", "sqlite:///:memory:", "mysql://localhost/x", "sheaf.db", "sqlite://x"]
)
def test_a_database_url_of_another_form_is_refused(refusal: Refusal, url: str) -> None:
    for command in ("serve", "migrate"):
        assert "SHEAF_DATABASE_URL" in refusal(command, database_url=url)


def test_a_database_that_cannot_be_used_is_one_line(
    refusal: Refusal, tmp_path: Path, postgresql_url: str
) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(b"no database at all" * 100)
    server, _, name = postgresql_url.rpartition("/")
    for url in (
        f"sqlite:///{other}",
        f"sqlite:///{tmp_path}",
        f"sqlite:///{other}/below.db",
        f"{server}/{name}_missing",
        postgresql_url.replace("://postgres:", "://nobody:"),
        "postgresql://127.0.0.1:1/x",
    ):
        for command in ("migrate", "serve"):
            refusal(command, database_url=url)


def test_keys_that_cannot_verify_anything_are_refused_at_the_start(
    refusal: Refusal, tmp_path: Path, sqlite_url: str
) -> None:
    path = tmp_path / "keys.json"
    for content in (
        "{",
        "{}",
        "[1]",
        json.dumps([{"alg": "none", "key": "x"}]),
        json.dumps([{"alg": "HS512", "key": "x" * 64}]),
        json.dumps([{"alg": "HS256"}]),
        json.dumps([{"alg": "HS256", "key": ""}]),
        json.dumps([{"alg": "RS256", "key": "no key"}]),
        json.dumps([{"alg": "ES256", "key": "no key"}]),
    ):
        path.write_text(content)
        line = refusal("serve", database_url=sqlite_url, jwt_keys_file=str(path))
        assert "SHEAF_JWT_KEYS_FILE" in line, content
    missing = refusal("serve", database_url=sqlite_url, jwt_keys_file=str(tmp_path / "none"))
    assert str(tmp_path / "none") in missing


def test_sqlite_serves_one_process(refusal: Refusal, sqlite_url: str) -> None:
    assert "--workers" in refusal("serve", "--workers", "2", database_url=sqlite_url)
    assert "PostgreSQL" in refusal("serve", database_url=sqlite_url, workers="2")
    assert "--workers" in refusal("serve", "--workers", "0", database_url=sqlite_url)


def test_a_port_that_is_taken_is_named(refusal: Refusal, sqlite_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert port in refusal("serve", database_url=sqlite_url, port=port)


def test_what_a_command_cannot_do_is_said(refusal: Refusal, sqlite_url: str) -> None:
    create = ("token", "create", "--role", "admin", "--subject", "ci")
    for arguments, said in (
        ((*create, "--scope", "scope_nowhere"), "no scope scope_nowhere"),
        ((*create, "--scope", "scope_acme", "--ttl-seconds", "0"), "--ttl-seconds must be 1 or more"),
        (("token", "revoke", "token_missing"), "no token token_missing"),
    ):
        assert refusal(*arguments, database_url=sqlite_url) == f"sheaf: {said}"


def test_an_empty_variable_is_as_none() -> None:
    assert Settings.read({"SHEAF_PORT": "", "SHEAF_JWT_SECRET": "", "OTHER": "x"}) == Settings()


def test_what_is_read_is_what_was_set() -> None:
    settings = Settings.read({"SHEAF_HOST": "::1", "SHEAF_PORT": "65535", "SHEAF_TOKEN_CACHE_S": "0"})
    assert (settings.host, settings.port, settings.token_cache_s) == ("::1", 65_535, 0.0)


def test_what_is_no_setting_is_named_and_left_out() -> None:
    environment = {"SHEAF_SHEAF": "1", "SHEAF_PORT": "4000", "OTHER": "x"}
    assert Settings.unknown(environment) == ["SHEAF_SHEAF"]
    assert Settings.read(environment) == Settings(port=4000)


@pytest.mark.parametrize(
    ("text", "on"), [("true", True), ("TRUE", True), ("1", True), ("false", False), ("0", False)]
)
def test_a_switch_is_a_word_or_a_digit(text: str, on: bool) -> None:
    assert Settings.read({"SHEAF_COMPILED_EXECUTOR": text}).compiled_executor is on
