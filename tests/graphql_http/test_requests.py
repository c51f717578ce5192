"""Requests and answers as the specification of GraphQL over HTTP has them, beyond what its audits look at."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest

from tests.graphql_http.exchanges import JSON, PATH, RESPONSE, ask, codes, data, send

if TYPE_CHECKING:
    from tests.server import Server

TYPENAME = '{"query": "{ __typename }"}'
ANSWER = {"data": {"__typename": "Query"}, "extensions": {"cost": {"requested": 0, "allowed": 500_000}}}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (JSON, JSON),
        (RESPONSE, RESPONSE),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/html, */*;q=0.8", JSON),
        (f"{RESPONSE}, {JSON};q=0.9", RESPONSE),
        (f"{JSON};q=0.5, {RESPONSE};q=0.9", RESPONSE),
        (f"{JSON}, {RESPONSE}", JSON),
        (f"{JSON};q=0, {RESPONSE};q=0.1", RESPONSE),
        (f"{RESPONSE.upper()}; charset=utf-8", RESPONSE),
        ("text/html", None),
        (f"{JSON};q=0", None),
        (f"{JSON};q=x", None),
        ("image/*", None),
    ],
)
async def test_the_media_type_is_the_one_that_the_client_likes_best(
    server: Server, accept: str, media_type: str | None
) -> None:
    reply = await send(server.root, TYPENAME.encode(), Accept=accept)
    if media_type is None:
        assert (reply.status, reply.body) == (406, f"this answers {JSON} or {RESPONSE}\n".encode())
    else:
        assert (reply.status, reply.json) == (200, ANSWER)
        assert reply.headers["Content-Type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize(
    "media_type",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""),
        *("application/graphql", RESPONSE, "application/json; charset=utf-16", "application/jsonx"),
    ],
)
async def test_a_body_that_a_form_of_another_site_could_send_is_refused(
    server: Server, media_type: str
) -> None:
    reply = await server.root.send("POST", PATH, TYPENAME.encode(), Content_Type=media_type)
    assert (reply.status, codes(reply.json)) == (415, ["UNSUPPORTED_MEDIA_TYPE"])


@pytest.mark.parametrize(
    "media_type", [JSON, "Application/JSON; charset=UTF-8", 'application/json; charset="utf8"']
)
async def test_a_body_of_json_in_utf8_is_taken(server: Server, media_type: str) -> None:
    assert (await send(server.root, TYPENAME.encode(), Content_Type=media_type)).json == ANSWER


async def test_a_query_may_come_by_get_with_all_its_members(server: Server) -> None:
    members = {
        "query": "query A { __typename } query B($id: ID!) { scope(id: $id) { name } }",
        "operationName": "B",
        "variables": '{"id": "scope_sales"}',
        "extensions": "{}",
    }
    reply = await server.root.get(f"{PATH}?{urlencode(members)}")
    assert (reply.status, reply.json["data"]) == (200, {"scope": {"name": "Sales"}})


@pytest.mark.parametrize("media_type", [JSON, RESPONSE])
async def test_a_mutation_by_get_is_405_and_changes_nothing(server: Server, media_type: str) -> None:
    before = await server.root.everything()
    document = 'mutation { deleteScopes(input: [{id: "scope_sales"}]) { count } }'
    reply = await server.root.get(f"{PATH}?query={quote(document)}", Accept=media_type)
    assert (reply.status, codes(reply.json)) == (405, ["METHOD_NOT_ALLOWED"])
    assert reply.headers["Allow"] == "POST"
    assert await server.root.everything() == before


@pytest.mark.parametrize(
    "query",
    [
        "",
        "variables={}",
        "query={__typename}&variables=[]",
        "query={__typename}&variables={",
        "query={__typename}&variables={%22a%22:NaN}",
        "query={__typename}&extensions=1",
        "query={__typename}&variables=%ff",
    ],
)
async def test_members_by_get_that_can_not_be_read_are_malformed(server: Server, query: str) -> None:
    reply = await server.root.get(f"{PATH}?{query}")
    assert (reply.status, codes(reply.json)) == (400, ["MALFORMED"])


@pytest.mark.parametrize(
    "body",
    [
        *("", "{", "null", "1", '"{ __typename }"', "{}", '{"query": null}', '{"query": 1}'),
        *('{"query": "{ __typename }", "variables": 1}', '{"query": "{ __typename }", "variables": "{}"}'),
        *('{"query": "{ __typename }", "operationName": 1}', '{"query": "{ __typename }", "extensions": []}'),
        *('{"query": "{ __typename }", "documentId": 1}', "[" * 100_000, '{"query": ' + "[" * 5_000),
    ],
)
async def test_a_body_of_another_form_is_malformed(server: Server, body: str) -> None:
    for media_type in (JSON, RESPONSE):
        reply = await send(server.root, body.encode(), Accept=media_type)
        assert (reply.status, codes(reply.json)) == (400, ["MALFORMED"]), body[:40]
        assert "data" not in reply.json


async def test_a_member_that_nobody_knows_is_json_too(server: Server) -> None:
    reply = await send(server.root, b'{"query": "{ __typename }", "unknown": {"a": [1, null]}}')
    assert (reply.status, reply.json) == (200, ANSWER)
    reply = await send(server.root, b'{"query": "{ __typename }", "unknown": 1e999}')
    assert (reply.status, codes(reply.json)) == (400, ["MALFORMED"])


async def test_a_body_that_is_not_utf8_is_malformed(server: Server) -> None:
    for body in (
        TYPENAME.encode("utf-16"),
        b'{"query": "{ __typename }\xff"}',
        b"\xef\xbb\xbf" + TYPENAME.encode(),
        b'{"query": "{ __typename }", "unknown": "\xff"}',
        b'{"query": "{ __typename }", "unknown\xff": 1}',
    ):
        reply = await send(server.root, body)
        assert (reply.status, codes(reply.json)) == (400, ["MALFORMED"])


WRITE = """mutation($input: [CreateResourceInput!]!) { createResources(input: $input, onError: REJECT_FAILED) {
    results { outcome resource { data } errors { code field } } } }"""


def resource(data: str, external_id: str = "x") -> str:
    """Return a resource to create, with data as it is to be sent."""
    fixed = '"resourceTypeId": "resource_type_document", "scopeId": "scope_sales"'
    return f'{{{fixed}, "externalResourceId": "{external_id}", "data": {data}}}'


def writing(*items: str) -> bytes:
    """Return a request that creates items as they are to be sent."""
    return f'{{"query": {json.dumps(WRITE)}, "variables": {{"input": [{", ".join(items)}]}}}}'.encode()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" * 5_000])
async def test_a_number_that_json_does_not_have_is_malformed_and_nothing_is_stored(
    server: Server, number: str
) -> None:
    before = await server.root.everything()
    reply = await send(server.root, writing(resource('{"ok": 1}', "ok"), resource(f'{{"a": [1, {number}]}}')))
    assert (reply.status, codes(reply.json)) == (400, ["MALFORMED"])
    if "e400" in number or "1" in number:
        place = "the body.variables.input.1.data.a.1 is too large a number"
        assert reply.json["errors"][0]["message"] == place
    assert await server.root.everything() == before


async def test_a_lone_surrogate_is_the_fault_of_its_field(server: Server) -> None:
    good, bad = resource('{"a": "\\ud83d\\ude00"}', "ok"), resource('{"a": "\\ud800"}', "bad")
    reply = await send(server.root, writing(good, bad))
    assert reply.status == 200, reply
    assert reply.json["data"]["createResources"]["results"] == [
        {"outcome": "CREATED", "resource": {"data": {"a": "😀"}}, "errors": []},
        {"outcome": "FAILED", "resource": None, "errors": [{"code": "INVALID_VALUE", "field": "data"}]},
    ]


async def test_a_number_of_more_than_64_bits_is_the_fault_of_its_field_and_not_rounded(
    server: Server,
) -> None:
    largest, larger = str(2**64 - 1), str(2**64)
    good, bad = resource(f'{{"n": {largest}}}', "ok"), resource(f'{{"n": {larger}}}', "bad")
    reply = await send(server.root, writing(good, bad))
    assert f'{{"n":{largest}}}'.encode() in reply.body
    results = reply.json["data"]["createResources"]["results"]
    assert [(each["outcome"], each["errors"]) for each in results] == [
        ("CREATED", []),
        ("FAILED", [{"code": "INVALID_VALUE", "field": "data"}]),
    ]


async def test_an_error_that_quotes_a_lone_surrogate_is_still_json(server: Server) -> None:
    document = "query($first: Int) { tags(first: $first) { totalCount } }"
    body = json.dumps({"query": document, "variables": {"first": "\ud800"}}).encode()
    reply = await send(server.root, body)
    assert (reply.status, codes(reply.json)) == (200, ["BAD_USER_INPUT"])
    named = await send(server.root, json.dumps({"query": "{ \ud800 }"}).encode())
    assert (named.status, codes(named.json)) == (200, ["GRAPHQL_PARSE_FAILED"])


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("fragment F on Query { __typename }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "BAD_USER_INPUT"),
        ("query($id: ID!) { scope(id: $id) { name } }", "BAD_USER_INPUT"),
        ("subscription { resourcesChanged(scopeId: 1) { more } }", "BAD_USER_INPUT"),
    ],
)
async def test_what_never_ran_is_400_by_the_newer_media_type_only(
    server: Server, document: str, code: str
) -> None:
    for media_type, status in ((JSON, 200), (RESPONSE, 400)):
        reply = await server.root.post(PATH, {"query": document}, Accept=media_type)
        assert (reply.status, codes(reply.json)) == (status, [code])
        assert reply.json.get("data") is None


async def test_somebody_without_a_token_may_ask_the_schema_and_nothing_of_the_catalogue(
    server: Server,
) -> None:
    anybody = server.client(None)
    assert (await data(anybody, "{ __typename limits { depth } __schema { queryType { name } } }")) == {
        "__typename": "Query",
        "limits": {"depth": 15},
        "__schema": {"queryType": {"name": "Query"}},
    }
    for document in (
        "{ tags { totalCount } }",
        'mutation { deleteTags(input: [{id: "tag_high"}]) { count } }',
        '{ node(id: "tag_high") { id } }',
    ):
        reply = await ask(anybody, document)
        assert (reply.status, codes(reply.json)) == (401, ["UNAUTHORIZED"])
        assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_that_nobody_holds_is_401_whatever_is_asked(server: Server) -> None:
    for media_type in (JSON, RESPONSE):
        reply = await server.client("guessed").post(PATH, {"query": "{ __typename }"}, Accept=media_type)
        assert (reply.status, codes(reply.json)) == (401, ["UNAUTHORIZED"])
        assert reply.headers["Content-Type"] == f"{media_type}; charset=utf-8"
        assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_a_tenant_that_is_not_in_reach_is_404(server: Server) -> None:
    reply = await ask(server.root.saying(reach_tenant_id="scope_nowhere"), "{ __typename }")
    assert (reply.status, codes(reply.json)) == (404, ["NOT_FOUND"])


async def test_a_compressed_body_is_inflated(server: Server) -> None:
    reply = await send(server.root, gzip.compress(TYPENAME.encode()), Content_Encoding="gzip")
    assert (reply.status, reply.json) == (200, ANSWER)
    refused = await send(server.root, TYPENAME.encode(), Content_Encoding="compress")
    assert (refused.status, codes(refused.json)) == (415, ["UNSUPPORTED_MEDIA_TYPE"])
