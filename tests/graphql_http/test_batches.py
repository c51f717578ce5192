"""Several operations in one request: a list of them, or one with a list of variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from graphql_schema import documents
from tests.graphql_http.exchanges import JSON, PATH, RESPONSE, ask, codes, data

if TYPE_CHECKING:
    from tests.graphql_http.conftest import Start
    from tests.server import Client, Reply, Server

NAMES = "query($id: ID!) { scope(id: $id) { name } }"
CREATE = """mutation($id: ID!, $name: String!) {
    createScopes(input: [{id: $id, parentScopeId: "scope_acme", name: $name}]) { results { outcome } } }"""
RENAME = """mutation($id: ID!, $name: String!) {
    updateScopes(input: [{id: $id, name: $name}]) { results { outcome } } }"""
DELETE = "mutation($id: ID!) { deleteScopes(input: [{id: $id}]) { results { outcome } } }"


def asked(document: str, **variables: Any) -> dict[str, Any]:
    """Return an operation as it is sent."""
    return {"query": document, "variables": variables}


async def send(client: Client, batch: object, **headers: str) -> Reply:
    return await client.post(PATH, batch, **headers)


def outcomes(answers: list[Any]) -> list[Any]:
    """Return what each answer says: the outcome of a mutation's item, or the name of a scope."""
    return [
        field["results"][0]["outcome"] if field and "results" in field else field and field["name"]
        for answer in answers
        for field in answer["data"].values()
    ]


async def test_a_list_runs_in_order_and_each_reads_what_those_before_it_wrote(server: Server) -> None:
    new = {"id": "scope_new"}
    batch = [
        *(asked(NAMES, **new), asked(CREATE, name="First", **new), asked(NAMES, **new)),
        *(
            asked(RENAME, name="Second", **new),
            asked(NAMES, **new),
            asked(DELETE, **new),
            asked(NAMES, **new),
        ),
    ]
    reply = await send(server.root, batch)
    assert reply.status == 200
    assert outcomes(reply.json) == [None, "CREATED", "First", "UPDATED", "Second", "DELETED", None]


@pytest.mark.parametrize("size", [1, 2, 10])
async def test_a_list_is_answered_by_a_list_of_its_length(server: Server, size: int) -> None:
    reply = await send(server.root, [asked(NAMES, id="scope_sales")] * size)
    assert reply.status == 200
    assert (
        reply.json
        == [
            {
                "data": {"scope": {"name": "Sales"}},
                "extensions": {"cost": {"requested": 1, "allowed": 500_000}},
            }
        ]
        * size
    )


async def test_an_operation_that_fails_leaves_the_others_alone(server: Server) -> None:
    batch = [
        asked(CREATE, id="scope_new", name="New"),
        asked("{"),
        asked("{ nothing }"),
        asked(NAMES),
        asked("{ tags(first: -1) { totalCount } }"),
        asked(NAMES, id="scope_new"),
    ]
    reply = await send(server.root, batch)
    assert reply.status == 200
    assert [codes(answer) for answer in reply.json] == [
        [],
        ["GRAPHQL_PARSE_FAILED"],
        ["GRAPHQL_VALIDATION_FAILED"],
        ["BAD_USER_INPUT"],
        ["BAD_USER_INPUT"],
        [],
    ]
    assert reply.json[-1]["data"] == {"scope": {"name": "New"}}


async def test_a_list_of_variables_runs_one_operation_for_each_in_order(server: Server) -> None:
    ids = ["scope_sales", "scope_nowhere", "scope_engineering"]
    reply = await send(server.root, {"query": NAMES, "variables": [{"id": each} for each in ids]})
    assert reply.status == 200
    assert [answer["data"] for answer in reply.json] == [
        {"scope": {"name": "Sales"}},
        {"scope": None},
        {"scope": {"name": "Engineering"}},
    ]


async def test_a_list_of_variables_writes_in_order_and_tells_faults_where_they_are(server: Server) -> None:
    variables = [
        {"id": "scope_a", "name": "A"},
        {"id": "scope_a", "name": "B"},
        {"id": 7, "name": None},
        {"id": "scope_b", "name": "B"},
    ]
    reply = await send(server.root, {"query": CREATE, "variables": variables})
    assert reply.status == 200
    assert [codes(answer) for answer in reply.json] == [[], [], ["BAD_USER_INPUT"], []]
    written = [answer for answer in reply.json if answer.get("data")]
    assert outcomes(written) == ["CREATED", "FAILED", "CREATED"]
    assert outcomes([{"data": await data(server.root, NAMES, id="scope_a")}]) == ["A"]


async def test_one_document_is_parsed_and_validated_once_for_all_variables(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    really = documents._read

    def reading(schema: Any, text: str, max_tokens: int) -> documents.Document:
        read.append(text)
        return really(schema, text, max_tokens)

    monkeypatch.setattr(documents, "_read", reading)
    document = "query OnlyHere($id: ID!) { scope(id: $id) { name } }"
    for _ in range(2):
        batch = {"query": document, "variables": [{"id": "scope_sales"}] * 10}
        assert len((await send(server.root, batch)).json) == 10
    assert read == [document]


async def test_more_operations_than_ten_are_refused_whole(server: Server) -> None:
    before = await server.root.everything()
    create = asked(CREATE, id="scope_new", name="New")
    for batch in ([create] * 11, {"query": CREATE, "variables": [create["variables"]] * 11}):
        reply = await send(server.root, batch)
        assert reply.status == 400
        assert reply.json == {
            "errors": [
                {
                    "message": "this request has 11 operations; the limit is 10.",
                    "extensions": {
                        "code": "LIMIT_REACHED",
                        "limit": "operations",
                        "requested": 11,
                        "allowed": 10,
                    },
                }
            ]
        }
    assert await server.root.everything() == before


async def test_operations_share_their_limits_and_none_runs_if_together_they_exceed_one(
    server: Server,
) -> None:
    before = await server.root.everything()
    aliases = "query { " + " ".join(f"a{i}: __typename" for i in range(51)) + " }"
    reply = await send(
        server.root, [asked(CREATE, id="scope_new", name="New"), asked(aliases), asked(aliases)]
    )
    assert reply.status == 200
    error = {"code": "LIMIT_REACHED", "limit": "aliases", "requested": 102, "allowed": 100}
    assert [answer["errors"][0]["extensions"] for answer in reply.json] == [error] * 3
    assert [list(answer) for answer in reply.json] == [["errors"]] * 3
    assert await server.root.everything() == before
    assert codes((await ask(server.root, aliases)).json) == []


async def test_the_cost_of_a_list_of_variables_is_that_of_all(server: Server) -> None:
    document = "query($n: Int!) { scopes(first: $n) { nodes { resources(first: 100) { nodes { id } } } } }"
    # 600 scopes, with 100 resources each: 60,600 points.
    within, beyond = [{"n": 600}] * 8, [{"n": 600}] * 9
    assert [*map(codes, (await send(server.root, {"query": document, "variables": within})).json)] == [[]] * 8
    refused = await send(server.root, {"query": document, "variables": beyond})
    assert [answer["errors"][0]["message"] for answer in refused.json] == [
        "this request has 545,400 points of cost; the limit is 500,000."
    ] * 9


@pytest.mark.parametrize(
    "batch",
    [
        [],
        {"query": NAMES, "variables": []},
        {"query": NAMES, "variables": [{"id": "x"}, 1]},
        [asked(NAMES, id="scope_sales"), 1],
        [asked(NAMES, id="scope_sales"), {"query": 1}],
        [asked(NAMES, id="scope_sales"), []],
        [{"query": NAMES, "variables": [{"id": "scope_sales"}]}],
    ],
)
async def test_a_list_in_which_something_is_no_operation_is_malformed_whole(
    server: Server, batch: object
) -> None:
    reply = await send(server.root, batch)
    assert (reply.status, codes(reply.json)) == (400, ["MALFORMED"])


async def test_the_status_of_a_list_is_that_of_its_answers_if_they_agree(server: Server) -> None:
    anybody, good, bad, closed = (
        server.client(None),
        asked("{ __typename }"),
        asked("{"),
        asked("{ tags { totalCount } }"),
    )
    for client, batch, media_type, status in (
        (server.root, [good, bad], RESPONSE, 200),
        (server.root, [bad, bad], RESPONSE, 400),
        (server.root, [bad, bad], JSON, 200),
        (anybody, [closed, closed], JSON, 401),
        (anybody, [good, closed], JSON, 200),
    ):
        reply = await send(client, batch, Accept=media_type)
        assert (reply.status, len(reply.json)) == (status, 2)
        assert reply.headers["Content-Type"] == f"{media_type}; charset=utf-8"


async def test_the_operations_of_a_list_read_with_loaders_of_their_own(server: Server) -> None:
    # With a shared one the second would be answered from what the first had read.
    batch = [
        asked(NAMES, id="scope_sales"),
        asked('{ scope(id: "scope_sales") { name } }'),
        asked(RENAME, id="scope_sales", name="Selling"),
        asked(NAMES, id="scope_sales"),
    ]
    reply = await send(server.root, batch)
    assert outcomes(reply.json) == ["Sales", "Sales", "UPDATED", "Selling"]


@pytest.mark.parametrize(
    ("batch", "cost"),
    [
        ([asked("{ __typename }")] * 10, 10),
        ({"query": NAMES, "variables": [{"id": "scope_sales"}] * 7}, 7),
        ([asked(CREATE, id=f"scope_n{index}", name="N") for index in range(5)], 5),
        ([asked(CREATE, id="scope_new", name="N"), *[asked(NAMES, id="scope_new")] * 3], 4),
        ([asked("{")] * 3, 3),
    ],
    ids=["queries", "variables", "mutations", "both", "invalid"],
)
async def test_each_operation_of_a_list_takes_from_the_share_of_its_token(
    start: Start, batch: object, cost: int
) -> None:
    async with start(rate_limit_per_s=0.01) as server:
        assert (await send(server.root, batch)).status == 200
        refused = await send(server.root, asked("{ __typename }"))
        assert (refused.status, codes(refused.json)) == (429, ["OVERLOADED"])
        # The bucket holds one; each takes 100 s to flow in again.
        wait_s = int(refused.headers["Retry-After"])
        assert cost * 100 - 30 <= wait_s <= cost * 100
        assert refused.json["errors"][0]["extensions"]["retryAfter"] == wait_s
