"""What proxies say of a client is believed from trusted addresses only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import make_mocked_request

from app.proxy import Proxies, network
from app.settings import BadSetting, Settings

if TYPE_CHECKING:
    from aiohttp import web

    from tests.http.conftest import Start

TRUSTED = Proxies((network("10.0.0.0/8"), network("::1")))


def request(peer: str, forwarded: str | None = None, proto: str | None = None) -> web.Request:
    """Return a request from an address, with the X-Forwarded headers it has."""
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": proto}
    given = {name: value for name, value in headers.items() if value is not None}
    return make_mocked_request("GET", "/", headers=given).clone(remote=peer)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.9", "198.51.100.1", "192.0.2.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.5, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("::1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_the_client_is_the_last_address_that_no_trusted_proxy_has(
    peer: str, forwarded: str, client: str
) -> None:
    assert TRUSTED.client_of(request(peer, forwarded)) == client


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    assert Proxies(()).client_of(request("10.0.0.1", "198.51.100.1")) == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "proto", "secure"),
    [
        ("10.0.0.1", "https", True),
        ("10.0.0.1", "HTTPS", True),
        ("10.0.0.1", "http", False),
        ("10.0.0.1", "https, http", False),
        ("10.0.0.1", None, False),
        ("192.0.2.9", "https", False),
    ],
)
def test_the_scheme_is_what_the_nearest_trusted_proxy_says(
    peer: str, proto: str | None, secure: bool
) -> None:
    assert TRUSTED.is_secure(request(peer, proto=proto)) is secure


async def test_browsers_are_held_to_tls_once_a_trusted_proxy_speaks_it(start: Start) -> None:
    async with start(trusted_proxies=(network("127.0.0.1"),)) as server:
        reply = await server.root.get("/scopes", X_Forwarded_Proto="https")
        assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "Strict-Transport-Security" not in (await server.root.get("/scopes")).headers


async def test_whoever_else_speaks_of_tls_is_not_believed(start: Start) -> None:
    async with start() as server:
        reply = await server.root.get("/scopes", X_Forwarded_Proto="https")
        assert "Strict-Transport-Security" not in reply.headers


def test_the_setting_takes_addresses_and_networks() -> None:
    read = Settings.read({"SHEAF_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}).trusted_proxies
    assert [str(each) for each in read] == ["10.0.0.0/8", "::1/128"]
    for text in ("proxy.example", "10.0.0.1/8", "10.0.0.0/33"):
        with pytest.raises(BadSetting, match="SHEAF_TRUSTED_PROXIES"):
            Settings.read({"SHEAF_TRUSTED_PROXIES": text})
