"""What holds for every request: methods, HEAD, request ids, health."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

from app.rest.door import ROUTER
from app.rest.uploads.envelopes import belongs
from tests.contract.examples import EXAMPLES, furnish
from tests.server import serving

if TYPE_CHECKING:
    from tests.postgres import PostgresServer
    from tests.server import Client, Server

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


async def test_a_method_that_a_path_has_not_is_405_with_those_it_has(root: Client) -> None:
    before = await root.everything()
    templates: dict[str, set[str]] = {}
    for route in ROUTER.routes:
        templates.setdefault(route.template, set()).add(route.method)
    assert templates["/tag-assignments/{id}"] == {"GET", "DELETE"}
    for template, methods in templates.items():
        for method in set(METHODS) - methods:
            reply = await root.send(method, re.sub("{.*?}", "x", template), b"{}")
            assert reply.status == 405, (method, template)
            if belongs(template):
                assert list(reply.json) == ["success", "message"]
            else:
                assert reply.code == "method_not_allowed"
            assert set(reply.headers["Allow"].split(", ")) - {"HEAD"} == methods
    assert await root.everything() == before


async def test_a_path_beside_the_catalogue_names_its_methods_too(root: Client) -> None:
    paths = {
        "/graphql": {"GET", "POST"},
        "/schema.graphql": {"GET", "HEAD"},
        "/metrics": {"GET", "HEAD"},
        "/": {"GET", "HEAD"},
        "/docs/tour": {"GET", "HEAD"},
        "/explorer/sheaf.svg": {"GET", "HEAD"},
    }
    for path, methods in paths.items():
        for method in {*METHODS, "HEAD"} - methods:
            reply = await root.send(method, path, b"{}")
            assert (reply.status, set(reply.headers["Allow"].split(", "))) == (405, methods), (method, path)
            assert method == "HEAD" or reply.code == "method_not_allowed", (method, path)


async def test_a_path_that_is_no_route_is_not_found(root: Client) -> None:
    for path in (
        "/nowhere",
        "/resources/",
        "//resources",
        "/Resources",
        "/resources/a/b",
        "/resources.json",
        "/" + "a/" * 500,
    ):
        for method in ("GET", "POST"):
            reply = await root.send(method, path)
            assert (reply.status, reply.code) == (404, "not_found"), path


async def test_head_answers_as_get_does_without_a_body(root: Client) -> None:
    for example in EXAMPLES:
        for path in (
            example.path,
            f"{example.path}/{example.stored}",
            f"{example.path}?limit=x",
            f"{example.path}/x",
        ):
            got, head = await root.get(path), await root.send("HEAD", path)
            assert (head.status, head.body) == (got.status, b"")
            for name in ("Content-Type", "ETag", "Link"):
                assert head.headers.get(name) == got.headers.get(name), (path, name)
            assert head.headers.get("Content-Length", str(len(got.body))) == str(len(got.body))


async def test_the_request_id_of_the_caller_is_sent_back_and_a_bad_one_replaced(server: Server) -> None:
    for client in (server.root, server.client(None)):
        for path in ("/scopes", "/nowhere", "/healthz", "/scopes?bogus=1"):
            for good in ("my-request.7_A", "1-67891233-abcdef:Root=1/a+b", "x" * 200):
                assert (await client.get(path, X_Request_Id=good)).headers["X-Request-Id"] == good
            made = {(await client.get(path)).headers["X-Request-Id"] for _ in range(2)}
            assert len(made) == 2
            for bad in ("a b", "é", "x" * 201, ""):
                replaced = (await client.get(path, X_Request_Id=bad)).headers["X-Request-Id"]
                assert replaced != bad
                assert re.fullmatch(r"[A-Za-z0-9._-]{8,128}", replaced)


async def test_large_answers_are_compressed_for_those_who_take_it(server: Server) -> None:
    await furnish(server.root)
    items = [{"parentScopeId": "scope_acme", "name": f"Scope {i}"} for i in range(50)]
    await server.root.created("/scopes/batch", items)
    plain = await server.root.get("/scopes", Accept_Encoding="identity")
    assert "Content-Encoding" not in plain.headers
    # A cache that has this one must ask again for a client that takes the other.
    assert plain.headers["Vary"] == "Accept-Encoding"
    request = (
        b"GET /scopes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Authorization: Bearer root\r\nAccept-Encoding: gzip\r\n\r\n"
    )
    head, _, body = (await server.raw(request)).partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    if b"chunked" in head:
        body = b"".join(part for part in unchunked(body))
    assert gzip.decompress(body) == plain.body


def unchunked(body: bytes) -> list[bytes]:
    """Return the chunks of a body (RFC 9112 section 7.1)."""
    chunks = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        chunks.append(body[:length])
        body = body[length + 2 :]
    return chunks


async def test_readiness_is_told_without_a_token_and_ends_with_the_database(
    postgresql_url: str, postgres_server: PostgresServer
) -> None:
    async with serving(postgresql_url) as server:
        anybody = server.client(None)
        assert (await anybody.get("/readyz")).status == 200
        postgres_server.stop()
        unready = await anybody.get("/readyz")
        assert (unready.status, unready.code) == (503, "overloaded")
        assert int(unready.headers["Retry-After"]) >= 1
        refused = await server.root.get("/scopes")
        assert (refused.status, refused.code) == (503, "overloaded")
        assert (await anybody.get("/healthz")).status == 200
        postgres_server.start()
        replies = [await anybody.get("/readyz") for _ in range(20)]
        assert replies[-1].status == 200
