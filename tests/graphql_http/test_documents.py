"""Documents that clients name: by a hash they registered (Apollo's protocol), or from a list of trusted ones."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from app.graphql.documents import PersistedDocuments, hash_of
from app.graphql.requests import Operation
from db.errors import Refused
from graphql_schema.errors import UnknownDocument
from tests.graphql_http.exchanges import JSON, PATH, RESPONSE, codes
from tests.server import serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.graphql_http.conftest import Start
    from tests.server import Client, Reply, Server

NAMES = "query Names($id: ID!) { scope(id: $id) { name } }"
OTHER = 'query Other { scope(id: "scope_sales") { id } }'
SALES = {"id": "scope_sales"}


def persisted(document: str, **members: Any) -> dict[str, Any]:
    """Return an operation that names its document by its hash."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(document)}}, **members}


async def send(client: Client, operation: object, **headers: str) -> Reply:
    return await client.post(PATH, operation, **headers)


@pytest.mark.parametrize(("media_type", "status"), [(JSON, 200), (RESPONSE, 400)])
async def test_an_unknown_hash_is_told_as_apollo_expects_it(
    server: Server, media_type: str, status: int
) -> None:
    reply = await send(server.root, persisted(NAMES, variables=SALES), Accept=media_type)
    assert reply.status == status
    assert reply.json == {
        "errors": [{"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}]
    }


async def test_a_document_is_known_by_its_hash_once_it_was_sent_with_it(server: Server) -> None:
    sent = await send(server.root, persisted(NAMES, query=NAMES, variables=SALES))
    assert sent.json["data"] == {"scope": {"name": "Sales"}}
    query = {**persisted(NAMES), "variables": SALES}
    named = await send(server.root, query)
    assert named.json["data"] == {"scope": {"name": "Sales"}}
    by_get = {name: json.dumps(value) for name, value in query.items()}
    assert (await server.root.get(f"{PATH}?{urlencode(by_get)}")).json == named.json
    by_id = await send(server.root, {"documentId": f"sha256:{hash_of(NAMES)}", "variables": SALES})
    assert by_id.json == named.json


async def test_a_document_that_was_sent_without_a_hash_is_not_registered(server: Server) -> None:
    assert (await send(server.root, {"query": NAMES, "variables": SALES})).status == 200
    assert codes((await send(server.root, persisted(NAMES))).json) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_another_document_than_the_hash_names_is_refused_and_not_registered(server: Server) -> None:
    reply = await send(server.root, persisted(NAMES, query=OTHER))
    assert codes(reply.json) == ["BAD_USER_INPUT"]
    assert reply.json["errors"][0]["message"] == "provided sha does not match query"
    for document in (NAMES, OTHER):
        assert codes((await send(server.root, persisted(document))).json) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_what_is_invalid_or_sent_by_nobody_we_know_is_not_registered(server: Server) -> None:
    for document in ("{ nothing }", "{"):
        await send(server.root, persisted(document, query=document))
        assert codes((await send(server.root, persisted(document))).json) == ["PERSISTED_QUERY_NOT_FOUND"]
    anybody = server.client(None)
    document = "{ __typename }"
    assert (await send(anybody, persisted(document, query=document))).status == 200
    assert codes((await send(anybody, persisted(document))).json) == ["PERSISTED_QUERY_NOT_FOUND"]


@pytest.mark.parametrize(
    "named",
    [
        *(
            1,
            "x",
            [],
            {},
            {"version": 1},
            {"version": 1, "sha256Hash": 7},
            {"version": 1, "sha256Hash": "abc"},
        ),
        *({"version": 2, "sha256Hash": "0" * 64}, {"sha256Hash": "0" * 64}),
    ],
)
async def test_a_hash_of_another_protocol_is_malformed(server: Server, named: object) -> None:
    reply = await send(server.root, {"query": NAMES, "extensions": {"persistedQuery": named}})
    assert (reply.status, codes(reply.json)) == (400, ["MALFORMED"])


async def test_named_documents_may_stand_in_a_list(server: Server) -> None:
    full = persisted(NAMES, query=NAMES, variables=SALES)
    batch = [persisted(OTHER), full, persisted(NAMES, variables=SALES)]
    reply = await send(server.root, batch)
    assert reply.status == 200
    assert [codes(answer) for answer in reply.json] == [["PERSISTED_QUERY_NOT_FOUND"], [], []]
    several = await send(server.root, persisted(NAMES, variables=[SALES, {"id": "scope_acme"}]))
    assert [answer["data"]["scope"]["name"] for answer in several.json] == ["Sales", "Acme"]


def registered(documents: PersistedDocuments, text: str) -> bool:
    try:
        return documents.text_of(Operation(None, sha256=hash_of(text))) == text
    except UnknownDocument:
        return False


def test_the_documents_used_last_are_kept() -> None:
    documents = PersistedDocuments(most=3)
    texts = [f"{{ a{index}: __typename }}" for index in range(4)]
    for text in texts[:3]:
        documents.keep(Operation(text, sha256=hash_of(text)), text)
    assert registered(documents, texts[0])
    documents.keep(Operation(texts[3], sha256=hash_of(texts[3])), texts[3])
    assert [registered(documents, text) for text in texts] == [True, False, True, True]


def test_documents_are_kept_within_their_memory() -> None:
    documents = PersistedDocuments(capacity_bytes=10_000)
    texts = [f"{{ a{index}: __typename }}".ljust(1_000) for index in range(100)]
    for text in texts:
        documents.keep(Operation(text, sha256=hash_of(text)), text)
    kept = [text for text in texts if registered(documents, text)]
    assert kept == texts[-len(kept) :]
    assert 10_000 - 2 * sys.getsizeof(texts[0]) < sum(map(sys.getsizeof, kept)) <= 10_000
    large = "{ __typename }".ljust(5_000)
    documents.keep(Operation(large, sha256=hash_of(large)), large)
    assert not registered(documents, large)
    assert [text for text in texts if registered(documents, text)] == kept


def test_an_operation_that_names_nothing_is_unknown() -> None:
    with pytest.raises(UnknownDocument):
        PersistedDocuments().text_of(Operation(None, document_id=""))
    with pytest.raises(Refused):
        PersistedDocuments().text_of(Operation("{ a }", sha256="0" * 64))


@pytest.fixture
def trusted(tmp_path: Path) -> str:
    """Write a list of trusted documents and return its path."""
    path = tmp_path / "documents.json"
    path.write_text(json.dumps({"names": NAMES, "typename": "{ __typename }"}), encoding="utf-8")
    return str(path)


async def test_a_trusted_document_is_named_by_its_id_or_its_hash(start: Start, trusted: str) -> None:
    async with start(trusted_documents=trusted) as server:
        for operation in (
            {"documentId": "names"},
            {"documentId": f"sha256:{hash_of(NAMES)}"},
            persisted(NAMES),
            persisted(NAMES, query=NAMES),
            {"query": NAMES},
        ):
            reply = await send(server.root, {**operation, "variables": SALES})
            assert reply.json["data"] == {"scope": {"name": "Sales"}}, operation
        by_get = await server.root.get(f'{PATH}?documentId=names&variables={{"id":"scope_sales"}}')
        assert by_get.json["data"] == {"scope": {"name": "Sales"}}


async def test_any_other_document_than_the_trusted_ones_is_refused(start: Start, trusted: str) -> None:
    async with start(trusted_documents=trusted) as server:
        before = await server.root.everything()
        deleting = 'mutation { deleteScopes(input: [{id: "scope_sales"}]) { count } }'
        for operation in (
            {"query": OTHER},
            {"query": deleting},
            {"query": NAMES + " "},
            {"documentId": "nothing"},
            {"documentId": "names", "query": deleting, **persisted(NAMES)},
            persisted(OTHER, query=OTHER),
            persisted(OTHER),
        ):
            for media_type, status in ((JSON, 200), (RESPONSE, 400)):
                reply = await send(server.root, operation, Accept=media_type)
                expected = (
                    "BAD_USER_INPUT"
                    if "documentId" in operation and "query" in operation
                    else "DOCUMENT_NOT_TRUSTED"
                )
                assert (reply.status, codes(reply.json)) == (status, [expected]), operation
        assert await server.root.everything() == before


async def test_an_id_decides_which_trusted_document_runs(start: Start, trusted: str) -> None:
    async with start(trusted_documents=trusted) as server:
        reply = await send(server.root, {"documentId": "typename", "query": NAMES})
        assert reply.json["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold an object of documents by their ids"),
        ('{"a": 1}', "must hold an object of documents by their ids"),
        ('{"a": "{ nothing }"}', "a: Cannot query field 'nothing' on type 'Query'"),
        ('{"a": "{"}', "a: Syntax Error"),
    ],
)
async def test_a_list_of_documents_that_can_not_be_used_keeps_the_server_from_starting(
    sqlite_url: str, tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "documents.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="SHEAF_TRUSTED_DOCUMENTS") as refused:
        async with serving(sqlite_url, trusted_documents=str(path)):
            pass
    assert reason in str(refused.value)
