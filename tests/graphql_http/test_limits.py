"""The limits of a request: each a setting, named with its numbers, and shared by all operations of the request."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, NamedTuple

import pytest
from graphql import get_introspection_query

from graphql_schema.documents import BYTES_PER_TOKEN, Documents
from graphql_schema.schema import schema
from tests.graphql_http.exchanges import PATH, ask, codes, data, send

if TYPE_CHECKING:
    from tests.graphql_http.conftest import Start
    from tests.server import Server

SHOWN = """{ limits { depth aliases tokens characters directives cost operations page defaultPage batchItems
    batchOperations bodyBytes seconds } }"""
DELETES = (
    "mutation($input: [DeleteInput!]!) { deleteTags(input: $input, dryRun: true) { results { outcome } } }"
)


async def test_the_limits_are_told(server: Server) -> None:
    assert await data(server.client(None), SHOWN) == {
        "limits": {
            "depth": 15,
            "aliases": 100,
            "tokens": 10_000,
            "characters": 500_000,
            "directives": 50,
            "cost": 500_000,
            "operations": 10,
            "page": 1_000,
            "defaultPage": 100,
            "batchItems": 1_000,
            "batchOperations": 100,
            "bodyBytes": 16_777_216,
            "seconds": 30.0,
        }
    }


async def test_each_limit_is_a_setting(start: Start) -> None:
    changed = {
        "depth": 4,
        "aliases": 5,
        "tokens": 60,
        "directives": 7,
        "cost": 800,
        "operations": 9,
        "page": 100,
    }
    settings = {f"max_{name}": number for name, number in changed.items()}
    async with start(**settings, max_batch_items=11, max_body_bytes=1_200, time_limit_s=1.5) as server:
        others = {
            "characters": 3_000,
            "defaultPage": 100,
            "batchItems": 11,
            "batchOperations": 100,
            "bodyBytes": 1_200,
            "seconds": 1.5,
        }
        assert await data(server.root, SHOWN) == {"limits": {**changed, **others}}


class Case(NamedTuple):
    """A limit, what stays within it and what doesn't."""

    limit: str
    allowed: int
    within: str
    beyond: str
    asked: int
    words: str

    def __str__(self) -> str:
        return self.limit


CASES = (
    Case(
        "depth",
        3,
        "{ scopes { nodes { id } } }",
        "{ scopes { nodes { parent { id } } } }",
        4,
        "4 levels of fields or more",
    ),
    Case(
        "aliases",
        2,
        "{ a: __typename b: __typename __typename }",
        "{ a: __typename b: __typename c: __typename }",
        3,
        "3 aliases",
    ),
    Case("tokens", 9, "{ __typename __typename __typename }", f"{{ {'a ' * 9} }}", 10, "10 tokens or more"),
    Case(
        "characters",
        500,
        f"{{ __typename {' ' * 486}}}",
        f"{{ __typename {' ' * 487}}}",
        501,
        "501 characters in its documents",
    ),
    Case(
        "directives",
        1,
        "{ __typename @include(if: true) }",
        "{ __typename @include(if: true) limits @skip(if: false) { depth } }",
        2,
        "2 directives",
    ),
    Case(
        "cost",
        200,
        "{ scopes(first: 99) { nodes { parent { id } } } }",
        "{ scopes(first: 101) { nodes { parent { id } } } }",
        202,
        "202 points of cost",
    ),
    Case(
        "page",
        200,
        "{ scopes(first: 200) { totalCount } }",
        "{ scopes(last: 201) { totalCount } }",
        201,
        "201 objects in a page",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_exceeds_a_limit_is_refused_with_its_numbers(start: Start, case: Case) -> None:
    # So many characters for a token.
    setting = {"max_tokens": 10} if case.limit == "characters" else {f"max_{case.limit}": case.allowed}
    async with start(**setting) as server:
        assert codes((await ask(server.root, case.within)).json) == []
        reply = await ask(server.root, case.beyond)
        hint = (
            " Pass large values as variables, not in the document."
            if case.limit in {"tokens", "characters"}
            else ""
        )
        message = f"this request has {case.words}; the limit is {case.allowed}.{hint}"
        numbers = {"limit": case.limit, "requested": case.asked, "allowed": case.allowed}
        extensions = {"code": "LIMIT_REACHED", **numbers}
        assert reply.json == {"errors": [{"message": message, "extensions": extensions}]}


async def test_more_items_than_the_limit_are_refused_before_anything_is_stored(start: Start) -> None:
    async with start(max_batch_items=2) as server:
        before = await server.root.everything()
        items = [{"id": "tag_high"}, {"id": "tag_low"}, {"id": "tag_billing"}]
        assert await data(server.root, DELETES, input=items[:2]) == {
            "deleteTags": {"results": [{"outcome": "DELETED"}] * 2}
        }
        reply = await ask(server.root, DELETES, input=items)
        message = "this request has 3 items in one mutation; the limit is 2."
        extensions = {"code": "TOO_MANY_ITEMS", "limit": "batchItems", "requested": 3, "allowed": 2}
        assert reply.json == {"errors": [{"message": message, "extensions": extensions}]}
        assert await server.root.everything() == before


async def test_a_body_beyond_its_limit_is_413_also_once_it_is_inflated(start: Start) -> None:
    async with start(max_body_bytes=1_000) as server:
        fits = b'{"query": "{ __typename }"}'.ljust(1_000)
        assert (await send(server.root, fits)).status == 200
        for body, encoding in ((fits + b" ", "identity"), (gzip.compress(fits * 1_000), "gzip")):
            reply = await send(server.root, body, Content_Encoding=encoding)
            assert (reply.status, codes(reply.json)) == (413, ["TOO_LARGE"])
            assert "1,000" in reply.json["errors"][0]["message"]


ON_CONNECTION = "fragment F on ScopeConnection { edges { cursor } pageInfo { hasNextPage } }"
NESTED_PAGES = """{ scopes(first: 10) { pageInfo { endCursor } edges { node {
    tags(first: 5) { nodes { id } pageInfo { endCursor } } parent { id } } } } }"""

PAGES_OF_RESULTS = """mutation($input: [UpdateTagInput!]!) { updateTags(input: $input, dryRun: true) { results { tag {
    resources(first: 10) { nodes { tags(first: 20) { nodes { id } } } } } } } }"""


async def test_the_cost_is_told_and_counts_pages_and_items(server: Server) -> None:
    for document, variables, cost in (
        ("{ __typename }", {}, 0),
        ('{ scope(id: "scope_acme") { id name } }', {}, 1),
        ("{ scopes { nodes { id } } }", {}, 100),
        ("query($n: Int = 7) { scopes(first: $n) { nodes { id } } }", {}, 7),
        ("query($n: Int = 7) { scopes(first: $n) { nodes { id } } }", {"n": 3}, 3),
        # Null was given, and 3.0 is a whole number to GraphQL.
        ("query($n: Int = 7) { scopes(first: $n) { nodes { id } } }", {"n": None}, 100),
        ("query($n: Int = 7) { scopes(first: $n) { nodes { id } } }", {"n": 3.0}, 3),
        ("query($n: Int = 7) { scopes(first: $n) { nodes { id } } }", {}, 7),
        ("{ scopes(first: 10) { nodes { tags(first: 5) { nodes { id } } } } }", {}, 10 * (1 + 5)),
        ("{ scopes(first: 10) { ...F } } fragment F on ScopeConnection { nodes { parent { id } } }", {}, 20),
        ("{ scopes(first: 10) { pageInfo { hasNextPage } totalCount } }", {}, 10 + 1),
        (f"{{ scopes(first: 10) {{ ...F }} }} {ON_CONNECTION}", {}, 10 + 1),
        # An edge and its node are two objects.
        (NESTED_PAGES, {}, 10 * (2 + 5 + 1 + 1) + 1),
        (DELETES, {"input": [{"id": "tag_high"}] * 2}, 2 + 2),
        # What isn't read in pages counts as if it were, but only where there are pages below it.
        ('{ scope(id: "scope_acme") { ancestors { name parent { id } } } }', {}, 3),
        ('{ scope(id: "scope_acme") { ancestors { tags(first: 5) { totalCount } } } }', {}, 2 + 100 * 5),
        # Each item has a result, with a page of its own.
        (PAGES_OF_RESULTS, {"input": [{"id": "tag_high"}] * 3}, 3 + 3 + 3 * 10 * (1 + 20)),
    ):
        reply = await ask(server.root, document, **variables)
        assert reply.json["extensions"] == {"cost": {"requested": cost, "allowed": 500_000}}, document


async def test_the_introspection_of_any_client_is_far_below_the_limits(server: Server) -> None:
    everything = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
    reply = await ask(server.client(None), everything)
    assert codes(reply.json) == []
    assert "Resource" in {each["name"] for each in reply.json["data"]["__schema"]["types"]}
    # So that a few of them fit, and a hundred don't.
    assert 5_000 < reply.json["extensions"]["cost"]["requested"] < 50_000


async def test_a_page_that_no_server_allows_is_a_bad_argument_however_large(server: Server) -> None:
    document = "query($n: Int!) { scopes(first: $n) { nodes { tags(first: 100) { totalCount } } } }"
    for number, message in (
        (1_001, "first must be from 0 to 1,000, not 1,001"),
        (2**31 - 1, "first must be from 0 to 1,000, not 2,147,483,647"),
    ):
        reply = await ask(server.root, document, n=number)
        assert (codes(reply.json), reply.json["errors"][0]["message"]) == (["BAD_USER_INPUT"], message)
    for number in (2**31, 10**30, 10**400):
        assert codes((await ask(server.root, document, n=number)).json) == ["BAD_USER_INPUT"]


async def test_a_cost_beyond_all_numbers_is_told_as_one_that_any_client_reads(server: Server) -> None:
    nested = "id"
    for _ in range(5):
        nested = f"children(first: 1000) {{ nodes {{ {nested} }} }}"
    nested = f"scopes(first: 1000) {{ nodes {{ {nested} }} }}"
    reply = await ask(server.root, f"{{ {nested} }}")
    assert reply.json["errors"][0]["extensions"]["requested"] == 10**15


def test_documents_are_kept_within_their_memory() -> None:
    documents = Documents(capacity_bytes=100 * BYTES_PER_TOKEN * 4)
    texts = [f"{{ a{index}: __typename {'__typename ' * 20} }}" for index in range(50)]
    sizes = []
    for text in texts:
        first = documents.read(schema._schema, text, max_tokens=1_000)
        assert documents.read(schema._schema, text, max_tokens=1_000) is first
        sizes.append(documents.size)
    assert max(sizes) <= 100 * BYTES_PER_TOKEN * 4
    assert sizes[-1] == sizes[-2] > 0
    large = f"{{ {'__typename ' * 200} }}"
    assert documents.read(schema._schema, large, max_tokens=1_000).errors == []
    assert documents.size == sizes[-1]


async def test_operations_of_an_event_stream_have_the_same_limits(start: Start) -> None:
    async with start(max_depth=2) as server:
        reply = await server.root.post(
            PATH, {"query": "{ scopes { nodes { id } } }"}, Accept="text/event-stream"
        )
        assert b'"code":"LIMIT_REACHED","limit":"depth","requested":3,"allowed":2' in reply.body
