"""Which web pages may call (the Fetch standard's CORS protocol)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from multidict import CIMultiDict

ANY_ORIGIN = "*"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = (
    "Accept, Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-Match, If-None-Match,"
    " reach-tenant-id, X-Request-Id"
)
RESPONSE_HEADERS = "ETag, Idempotency-Replayed, Link, Location, Retry-After, X-Request-Id"
# Browsers cap it between ten minutes and a day.
PREFLIGHT_KEPT_S = 3600


class Cors:
    """The rules for pages of other origins.

    Credentials are never allowed: tokens come in a header that a page sets itself, so a cookie or a client
    certificate of the browser means nothing here.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = frozenset(origins)
        self._any = ANY_ORIGIN in self._origins

    def preflight(self, request: web.Request) -> web.Response | None:
        """Answer a browser that asks whether it may send a request; `None` for any other request."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        response = web.Response(status=204)
        if self._allowed(request.headers.get("Origin")):
            response.headers["Access-Control-Allow-Methods"] = METHODS
            response.headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
            response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_KEPT_S)
        return response

    def tell(self, origin: str | None, headers: CIMultiDict[str]) -> None:
        """Say in an answer's headers whether a page of this origin may read it."""
        if not self._any:
            # A cache must not give one origin's answer to another.
            headers.add("Vary", "Origin")
        if self._allowed(origin):
            headers["Access-Control-Allow-Origin"] = ANY_ORIGIN if self._any else str(origin)
            headers["Access-Control-Expose-Headers"] = RESPONSE_HEADERS

    def _allowed(self, origin: str | None) -> bool:
        return origin is not None and (self._any or origin in self._origins)
