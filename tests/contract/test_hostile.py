"""Requests that no well-meaning client sends: each is a refusal in our words, and stores nothing."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.contract.examples import EXAMPLES, furnish
from tests.server import serving

if TYPE_CHECKING:
    from tests.contract.examples import Example
    from tests.server import Client, Reply, Server

JSON = "application/json"
SCOPE = {"parentScopeId": "scope_acme"}


async def post(client: Client, path: str, body: bytes, **headers: str) -> Reply:
    """Send bytes that are said to be JSON."""
    return await client.send("POST", path, body, **{"Content_Type": JSON, **headers})


def scope(meta: str) -> bytes:
    """Return a scope to create, with metadata as it is to be sent."""
    return f'{{"parentScopeId": "scope_acme", "name": "New", "meta": {meta}}}'.encode()


async def test_what_is_not_json_in_utf8_is_malformed(root: Client) -> None:
    before = await root.everything()
    good = json.dumps({**SCOPE, "name": "New"})
    for body in (
        *(b"", b" ", b"{", b"{}}", b"[1,]", b'{"name": "New",}', b"{'name': 'New'}", b"nul", b"\0", b"NaN"),
        *(b'{"name": "a\x01"}', b'{"name": "\\x"}', b'{"name": "\\u12"}', b"01", b"// no\n{}", b"Infinity"),
        *(
            b'{"name": "\xff"}',
            b'{"name": "\xed\xa0\x80"}',
            b'{"name": "\xc0\x80"}',
            b"\xef\xbb\xbf" + good.encode(),
        ),
        *(good.encode("utf-16"), good.encode("utf-16-le"), good.encode("utf-32")),
        *(b"[" * 100_000, b'{"name":' * 100_000, b'{"name": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
    ):
        for path, sent in (
            ("/scopes", body),
            ("/scopes/batch", b"[" + body + b"]" if body.strip() else body),
        ):
            reply = await post(root, path, sent)
            assert (reply.status, reply.code) == (400, "malformed"), (path, sent[:40])
    assert await root.everything() == before


async def test_what_is_json_of_another_form_is_refused_at_its_place(root: Client) -> None:
    before = await root.everything()
    values: tuple[object, ...] = (None, True, 1, 1.5, "text", [], {})
    for value in values:
        reply = await root.post("/scopes/batch", value)
        expected = (200, "") if value == [] else (400, "malformed")
        assert (reply.status, reply.code if reply.status != 200 else "") == expected, value
        item = await root.post("/scopes/batch", [value])
        pointer, code = ("/0/name", "missing_field") if value == {} else ("/0", "invalid_value")
        assert (item.status, item.faults) == (400, [(0, pointer, code)]), value
        single = await root.post("/scopes", value)
        assert (single.status, single.faults) == (400, [(0, pointer[2:], code)]), value
    assert await root.everything() == before


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
async def test_u0000_and_lone_surrogates_are_faults_in_every_field(root: Client, example: Example) -> None:
    before = await root.everything()
    texts = [name for name, value in example.full.items() if isinstance(value, str)]
    for bad in ("\0", "\ud800", "a\udfffb", "\udc00\ud800"):
        for name in texts:
            body = json.dumps({**example.full, name: bad}).encode()
            for path, sent, pointer in (
                (example.path, body, ""),
                (f"{example.path}/batch", b"[" + body + b"]", "/0"),
            ):
                reply = await post(root, path, sent)
                assert (reply.status, reply.faults) == (400, [(0, f"{pointer}/{name}", "invalid_value")])
                assert reply.json["errors"][0]["detail"].startswith(f"{name} must not contain ")
        unknown = await root.post(example.path, {**example.full, bad: 1})
        assert (unknown.status, unknown.code) == (400, "unknown_field")
    assert await root.everything() == before


async def test_what_json_allows_inside_of_data_and_we_do_not_is_the_same_fault_for_one_and_for_many(
    root: Client,
) -> None:
    before = await root.everything()
    nested = '{"a":' * 100 + "{}" + "}" * 100
    for meta in (
        *('{"\\u0000": 1}', '{"a": "\\u0000"}', '{"\\ud800": 1}', '{"a": ["\\udfff"]}', nested),
        *('{"a": 18446744073709551616}', '{"a": [-9223372036854775809]}', '{"a": 1e400}', '{"a": -1e400}'),
        '{"a": ' + "9" * 5_000 + "}",
    ):
        one = await post(root, "/scopes", scope(meta))
        assert (one.status, one.faults) == (400, [(0, "/meta", "invalid_value")]), meta[:40]
        many = await post(root, "/scopes/batch", b"[" + scope(meta) + b"]")
        assert (many.status, many.faults) == (400, [(0, "/0/meta", "invalid_value")]), meta[:40]
        changed = await root.send(
            "PATCH", "/scopes/scope_sales", b'{"meta": ' + meta.encode() + b"}", Content_Type=JSON
        )
        assert (changed.status, changed.faults) == (400, [(0, "/meta", "invalid_value")]), meta[:40]
    assert await root.everything() == before


async def test_what_is_just_within_the_bounds_is_stored_as_it_was_sent(root: Client) -> None:
    nested = '{"a":' * 99 + "{}" + "}" * 99
    for number, meta in enumerate(
        (
            nested,
            '{"a": 18446744073709551615, "b": -9223372036854775808, "c": 1e300, "d": -0.5, "e": 1e-7}',
            '{"z": "\\ud83d\\ude00", "a": "\\u0001\\u007f\\uffff", "": null, "a/b~": [[], {}]}',
        )
    ):
        one = await post(root, "/scopes", scope(meta))
        assert (one.status, one.json["meta"]) == (201, json.loads(meta)), number
        many = await post(root, "/scopes/batch", b"[" + scope(meta) + b"]")
        assert (many.status, many.json[0]["meta"]) == (201, json.loads(meta)), number
        assert await root.read(f"/scopes/{one.json['id']}") == one.json
        assert list(one.json["meta"]) == list(json.loads(meta))


async def test_an_id_of_another_namespace_or_form_is_refused(root: Client) -> None:
    before = await root.everything()
    for example in EXAMPLES:
        for wrong in (
            *("", "x", example.namespace, f"{example.namespace}_", f"{example.namespace}_a/b", "document"),
            *(f"{example.namespace}_{'x' * 129}", f"{example.namespace}_é", f" {example.namespace}_a"),
            *(f"{example.namespace}_a\n", f"{example.namespace.upper()}_a", "batch_a", "token_a", 1),
            *(f"{other.namespace}_a" for other in EXAMPLES if other is not example),
        ):
            reply = await root.post(example.path, {**example.full, "id": wrong})
            assert (reply.status, reply.faults) == (400, [(0, "/id", "invalid_value")]), (example.path, wrong)
    assert await root.everything() == before
    longest = f"tag_{'x' * 128}"
    reply = await root.post("/tags", {**EXAMPLES[4].full, "id": longest})
    assert (reply.status, reply.json["id"]) == (201, longest)
    assert (await root.read(f"/tags/{longest}"))["id"] == longest


async def test_a_path_with_what_no_id_holds_is_not_found(root: Client) -> None:
    for example in EXAMPLES:
        for wrong in (
            *(
                "%00",
                "%FF",
                "%ED%A0%80",
                "%F0%9F%98%80",
                "..",
                "%2e%2e",
                "%2F",
                "a%2Fb",
                "%",
                "%zz",
                "x",
                "'",
                "",
            ),
            *(f"{example.namespace}_%00", f"{example.namespace}_a%2Fb", f"{example.namespace}_{'x' * 200}"),
            *(
                f"{example.namespace}_%FF",
                f"{example.stored}/",
                f"{example.stored}%20",
                f"{example.stored}/x",
            ),
            *(other.stored for other in EXAMPLES if other is not example),
        ):
            reply = await root.get(f"{example.path}/{wrong}")
            assert (reply.status, reply.code) == (404, "not_found"), wrong
        encoded = f"{example.path}/{example.stored.replace('_', '%5F')}"
        assert (await root.read(encoded))["id"] == example.stored


async def test_a_query_with_what_cannot_be_stored_is_refused_and_with_anything_else_finds_nothing(
    root: Client,
) -> None:
    for name in ("scopeId", "ids", "externalResourceId", "tagId", "resourceTypeId"):
        refused = await root.get(f"/resources?{name}=a%00")
        assert (refused.status, refused.code) == (400, "invalid_value")
        for value in ("%FF", "%ED%A0%80", "'%20or%201=1--", "%F0%9F%98%80", "x" * 4_000):
            assert await root.read(f"/resources?{name}={value}") == [], (name, value)
    for wrong in ("%00=1", "%ED%A0%80=1", "=1", "limit[]=1", "a&b"):
        reply = await root.get(f"/resources?{wrong}")
        assert (reply.status, reply.code) == (400, "unknown_parameter"), wrong


async def test_a_header_of_stray_bytes_is_refused_and_is_never_a_fault_of_ours(server: Server) -> None:
    await furnish(server.root)
    before = await server.root.everything()
    good = b'{"name": "New"}'
    for header, status in (
        (b"Content-Type: \xff", b"415"),
        (b"Content-Type: application/json\r\nContent-Encoding: \xff", b"415"),
        (b"Content-Type: application/json\r\nIdempotency-Key: \xff", b"400"),
        (b"Content-Type: application/json\r\nreach-tenant-id: \xff", b"400"),
        (b"Content-Type: application/json\r\nreach-tenant-id: a\tb", b"400"),
        (b"Content-Type: application/json\r\nreach-tenant-id: " + "é".encode(), b"404"),
    ):
        head = b"POST /scopes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer root\r\n"
        reply = await server.raw(head + header + b"\r\nContent-Length: %d\r\n\r\n" % len(good) + good)
        assert reply.startswith(b"HTTP/1.1 " + status), (header, reply)
        assert b"application/problem+json" in reply
    for token in (
        b"\xff",
        b"a.\xff.b",
        b"..",
        b"a.b.c",
        b"e30.e30.",
        b"W10.e30.x",
        b'""',
        b"\xed\xa0\x80.a.b",
    ):
        request = b"GET /scopes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + token
        reply = await server.raw(request + b"\r\n\r\n")
        assert reply.startswith(b"HTTP/1.1 401"), (token, reply)
        assert b"WWW-Authenticate: Bearer\r\n" in reply
    assert await server.root.everything() == before


async def test_another_media_type_or_encoding_is_refused(root: Client) -> None:
    before = await root.everything()
    for method, path in (("POST", "/scopes"), ("POST", "/scopes/batch"), ("PUT", "/scopes/scope_sales")):
        for wrong in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/merge-patch+json",
            "json",
            "*/*",
        ):
            reply = await root.send(method, path, b"{}", Content_Type=wrong, If_Match="*")
            assert (reply.status, reply.code) == (415, "unsupported_media_type"), (method, wrong)
    patch = await root.send("PATCH", "/scopes/scope_sales", b"{}", Content_Type="text/plain")
    assert (patch.status, patch.code) == (415, "unsupported_media_type")
    for coding in ("x-gzip", "gzip, gzip", "compress", "gzip;q=1"):
        reply = await post(root, "/scopes", b"{}", Content_Encoding=coding)
        assert (reply.status, reply.code) == (415, "unsupported_media_type"), coding
    broken = await post(root, "/scopes", b'{"name": "New"}', Content_Encoding="gzip")
    assert (broken.status, broken.code) == (400, "malformed")
    assert await root.everything() == before
    named = await post(root, "/scopes", b'{"name": "New"}', Content_Type="Application/JSON ; charset=utf-8")
    assert named.status == 201
    for coding, body in (
        ("gzip", gzip.compress(b"[]")),
        ("GZIP", gzip.compress(b"[]")),
        ("deflate", zlib.compress(b"[]")),
    ):
        reply = await post(root, "/scopes/batch", body, Content_Encoding=coding)
        assert (reply.status, reply.json) == (200, []), coding


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read_or_inflated(server: Server) -> None:
    megabytes = 100
    big = await post(server.root, "/scopes/batch", b"[" + b" " * (megabytes << 20) + b"]")
    assert (big.status, big.code) == (413, "too_large")
    bomb = gzip.compress(b" " * (megabytes << 20), 1)
    assert len(bomb) < 1 << 20
    inflated = await post(server.root, "/scopes/batch", bomb, Content_Encoding="gzip")
    assert (inflated.status, inflated.code) == (413, "too_large")
    assert await server.root.read("/scopes") == []


async def test_a_body_of_just_the_limit_is_taken_and_one_byte_more_is_not(sqlite_url: str) -> None:
    async with serving(sqlite_url, max_body_bytes=1_000) as server:
        body = b'[{"name": "New"}]'.ljust(1_000)
        assert (await post(server.root, "/scopes/batch", body)).status == 201
        packed = await post(server.root, "/scopes/batch", gzip.compress(body), Content_Encoding="gzip")
        assert packed.status == 201
        before = await server.root.everything()
        for headers, sent in (({}, body + b" "), ({"Content_Encoding": "gzip"}, gzip.compress(body + b" "))):
            reply = await post(server.root, "/scopes/batch", sent, **headers)
            assert (reply.status, reply.code) == (413, "too_large")
        assert await server.root.everything() == before
