"""What a server logs: one line per request, and slow statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.processes import serving

if TYPE_CHECKING:
    from pathlib import Path

MEMBERS = ["method", "path", "status", "ms", "client", "request_id", "event", "level", "timestamp"]


def test_a_request_is_one_line_with_its_id_and_no_query(tmp_path: Path, sqlite_url: str) -> None:
    with serving(tmp_path, sqlite_url) as server:
        server.get("/scopes?limit=1", **{"X-Request-Id": "the-first"})
        server.get("/scopes/%F0%9F%A6%8A%0A%22", **{"X-Request-Id": "the-second"})
        first = server.wait_for("request", request_id="the-first")
        second = server.wait_for("request", request_id="the-second")
        assert list(first) == MEMBERS
        assert (first["method"], first["path"], first["status"]) == ("GET", "/scopes", 200)
        assert (first["client"], first["level"]) == ("127.0.0.1", "info")
        assert 0 < first["ms"] < 60_000
        assert (second["path"], second["status"]) == ("/scopes/%F0%9F%A6%8A%0A%22", 404)
        ids = [line["request_id"] for line in server.lines("request")]
        assert ids.count("the-first") == ids.count("the-second") == 1


def test_a_slow_statement_is_logged_with_its_transaction_and_request(tmp_path: Path, sqlite_url: str) -> None:
    with serving(tmp_path, sqlite_url, slow_statement_ms="0") as server:
        server.get("/scopes", **{"X-Request-Id": "the-slow-one"})
        line = server.wait_for("slow_statement", request_id="the-slow-one", transaction="list_scopes")
        assert line["level"] == "warning"
        assert line["sql"].startswith("SELECT scopes.id, ")
        assert line["ms"] >= 0


def test_a_statement_within_the_limit_is_not_logged(tmp_path: Path, sqlite_url: str) -> None:
    with serving(tmp_path, sqlite_url, slow_statement_ms="60000") as server:
        server.get("/scopes", **{"X-Request-Id": "the-quick-one"})
        server.wait_for("request", request_id="the-quick-one")
        assert server.lines("slow_statement") == []


def test_the_client_is_the_one_that_a_trusted_proxy_names(tmp_path: Path, sqlite_url: str) -> None:
    said = {"X-Forwarded-For": "203.0.113.7, 198.51.100.2, 127.0.0.1", "X-Request-Id": "proxied"}
    with serving(tmp_path, sqlite_url, trusted_proxies="127.0.0.0/8") as server:
        server.get("/healthz", **said)
        assert server.wait_for("request", request_id="proxied")["client"] == "198.51.100.2"
    with serving(tmp_path, sqlite_url, trusted_proxies="192.0.2.1") as server:
        server.get("/healthz", **said)
        assert server.wait_for("request", request_id="proxied")["client"] == "127.0.0.1"
