"""Serve the built explorer (GraphiQL) and the README's tour from the server's own files."""

import html
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiohttp import hdrs, web

NOT_BUILT: Final = "explorer isn't built: run `make serve`\n"
NOT_FOUND: Final = "no such file in the explorer\n"
NO_TOUR: Final = "the README isn't beside the server, or has no section `## Tour`\n"

README: Final = Path(__file__).parent.parent / "README.md"
TOUR: Final = re.compile(r"^## Tour\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
TOUR_TITLE: Final = "# Sheaf\n\n"

# Markdown is made to be read as it is, so the page needs no renderer.
TOUR_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tour of Sheaf</title>
<link rel="icon" type="image/svg+xml" href="/explorer/sheaf.svg">
<style>
:root { color-scheme: light dark; background: light-dark(#fff, #1a2231); color: light-dark(#263040, #d5dceb); }
body { max-width: 126ch; margin: 0 auto; padding: 24px 16px; font: 14px/1.55 ui-monospace, monospace; }
pre { margin: 0; font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
<pre>%s</pre>
</html>
"""

# What an API client finds at `/`, where a browser finds the explorer.
ENTRY_POINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "graphql": "/graphql",
        "schema": "/schema.graphql",
        "openapi": "/openapi.json",
        "tour": "/docs/tour",
        "health": "/healthz",
    }
)

DIRECTIVES: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    # The editor positions its lines with style attributes and adds style elements.
    "style-src 'self' 'unsafe-inline'",
    # GraphiQL's style sheet carries its fonts and a few icons as data.
    "font-src 'self' data:",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
CONTENT_SECURITY_POLICY: Final = "; ".join(DIRECTIVES)

# The assets carry the policy too: a worker obeys that of its own script, not the page's.
SECURITY_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)

# Spelled out, since the `mimetypes` module believes whatever the machine's tables say,
# and a browser refuses a module script of another type.
CONTENT_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".ttf": "font/ttf",
        ".woff2": "font/woff2",
    }
)

# Vite puts what has a hash in its name, and nothing else, into this folder.
HASHED_FOLDER: Final = "assets"
CACHE_FOR_EVER: Final = "public, max-age=31536000, immutable"
REVALIDATE: Final = "no-cache"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes(dist: Path) -> list[web.RouteDef]:
    """Return the routes of the explorer, whose files `vite build` left in `dist`, and of the tour."""
    return [
        web.get("/", _entry(dist)),
        web.get("/explorer/{path:.+}", _file(dist)),
        web.get("/docs/tour", _tour),
    ]


def _entry(dist: Path) -> Handler:
    async def entry(request: web.Request) -> web.StreamResponse:
        response = _answer(dist, "index.html") if _names_html(request) else _entry_points()
        response.headers[hdrs.VARY] = hdrs.ACCEPT
        return response

    return entry


def _file(dist: Path) -> Handler:
    async def file(request: web.Request) -> web.StreamResponse:
        return _answer(dist, request.match_info["path"])

    return file


async def _tour(request: web.Request) -> web.StreamResponse:
    """Answer with the README's tour: Markdown, in a page of its own for a browser."""
    try:
        found = TOUR.search(README.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = None
    if found is None:
        return _text(404, NO_TOUR)
    text, content_type = TOUR_TITLE + found[0].rstrip() + "\n", "text/markdown"
    if _names_html(request):
        text, content_type = TOUR_PAGE % html.escape(text), "text/html"
    headers = {**SECURITY_HEADERS, hdrs.CACHE_CONTROL: REVALIDATE, hdrs.VARY: hdrs.ACCEPT}
    return web.Response(text=text, content_type=content_type, charset="utf-8", headers=headers)


def _names_html(request: web.Request) -> bool:
    """Tell a browser, which names HTML, from who asks for data with `*/*` alone, as curl does."""
    accept = request.headers.get(hdrs.ACCEPT, "").lower()
    return any(media_range.partition(";")[0].strip() == "text/html" for media_range in accept.split(","))


def _entry_points() -> web.Response:
    return web.json_response(dict(ENTRY_POINTS), headers=SECURITY_HEADERS)


def _answer(dist: Path, requested: str) -> web.StreamResponse:
    path = _within(dist, requested)
    if path is not None:
        return _send(path)
    if not (dist / "index.html").is_file():
        return _text(503, NOT_BUILT)
    return _text(404, NOT_FOUND)


def _within(dist: Path, requested: str) -> Path | None:
    """Find a file of a known type in `dist`; None if there is none or it lies outside."""
    root = dist.resolve()
    try:
        path = (root / requested).resolve()
        found = path.is_relative_to(root) and path.suffix in CONTENT_TYPES and path.is_file()
    except (OSError, ValueError):
        # A name that no file can have: too long, or with a null character.
        return None
    return path if found else None


def _send(path: Path) -> web.FileResponse:
    hashed = path.parent.name == HASHED_FOLDER
    return web.FileResponse(
        path,
        headers={
            **SECURITY_HEADERS,
            hdrs.CONTENT_TYPE: CONTENT_TYPES[path.suffix],
            hdrs.CACHE_CONTROL: CACHE_FOR_EVER if hashed else REVALIDATE,
        },
    )


def _text(status: int, text: str) -> web.Response:
    headers = {**SECURITY_HEADERS, hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(status=status, text=text, headers=headers)
