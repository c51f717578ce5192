"""Who a request comes from when proxies stand between: X-Forwarded-For and -Proto, from trusted addresses only."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from aiohttp.web import BaseRequest

    Network = IPv4Network | IPv6Network


def network(text: str) -> Network:
    """Read an address or a network: `10.0.0.1`, `10.0.0.0/8`; raises `ValueError`."""
    return ip_network(text)


class Proxies:
    """The proxies that an operator trusts."""

    def __init__(self, networks: tuple[Network, ...]) -> None:
        self._networks = networks
        # A proxy has few addresses, so most questions were asked before.
        self._trusts = lru_cache(maxsize=1024)(self._look_up)

    def client_of(self, request: BaseRequest) -> str | None:
        """Return the address that a request was sent from, as far as it can be believed."""
        peer = request.remote
        if not self._networks or not self._trusts(peer):
            return peer
        # Each proxy appends whom it heard from, so what trusted ones wrote stands last.
        for address in reversed(_forwarded_for(request)):
            peer = address
            if not self._trusts(address):
                break
        return peer

    def is_secure(self, request: BaseRequest) -> bool:
        """Whether the client spoke TLS, with us or with a proxy that we trust."""
        if self._networks and self._trusts(request.remote):
            return request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower() == "https"
        return request.secure

    def _look_up(self, address: str | None) -> bool:
        try:
            given = ip_address(address or "")
        except ValueError:
            return False
        mapped = getattr(given, "ipv4_mapped", None)
        return any((mapped or given) in network for network in self._networks)


def _forwarded_for(request: BaseRequest) -> list[str]:
    """Return the addresses of X-Forwarded-For; the list ends where it stops making sense, seen from us."""
    addresses: list[str] = []
    for text in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")[::-1]:
        # Some write a port too: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
        bare = text.strip().removeprefix("[").partition("]")[0]
        bare = bare.partition(":")[0] if bare.count(":") == 1 else bare
        try:
            addresses.append(str(ip_address(bare)))
        except ValueError:
            break
    return addresses[::-1]
