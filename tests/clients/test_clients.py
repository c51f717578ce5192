"""Clients that others wrote, against a live server."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from gql import Client, GraphQLRequest, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError

from tests.clients.node import HERE, run_node, run_script
from tests.server import ROOT_TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from tests.server import Server

SCHEMA = HERE.parent.parent / "schema.graphql"
LABELS = ["High", "Medium", "N 0", "N 1", "N 2", "N 3", "N 4"]
RESPONSE = "application/graphql-response+json; charset=utf-8"


@pytest.mark.parametrize("token", [ROOT_TOKEN, ""], ids=["with a token", "anonymous"])
async def test_all_audits_of_graphql_over_http_pass(
    node: Mapping[str, str], server: Server, token: str
) -> None:
    report = await run_script(node, "audits.mjs", f"{server.url}/graphql", token)
    assert report == {"counts": {"ok": 61}, "failed": []}


async def test_apollo_client_caches_pages_batches_and_names_its_documents(
    node: Mapping[str, str], server: Server
) -> None:
    report = await run_script(node, "apollo.mjs", f"{server.url}/graphql", ROOT_TOKEN)
    cached = {"id": "tag_high", "requests": 0, "inList": "Relabelled", "alone": "Relabelled"}
    assert report["cache"] == cached
    assert report["pages"] == {"sizes": [2, 4, 6, 7], "labels": ["Relabelled", *LABELS[1:]]}
    check_batches(report["batches"])
    registered = {"texts": [False, True], "typename": "TagGroup"}
    known = {"texts": [False], "typename": "Scope"}
    assert report["persisted"] == [
        {"methods": ["POST", "POST"], **registered},
        {"methods": ["POST"], **known},
    ]
    by_get = [{"methods": ["GET", "POST"], **registered}, {"methods": ["GET"], **known}]
    assert report["persistedByGet"] == by_get
    assert report["failures"] == {"data": None, "codes": ["BAD_USER_INPUT"], "name": "CombinedGraphQLErrors"}


def check_batches(batches: dict[str, Any]) -> None:
    """Check that twelve mutations of one tick took two requests, in each of which they ran in their order."""
    assert batches["sizes"] == [10, 2]
    assert batches["statuses"] == [200, 200]
    assert batches["answered"] == [f"batched-{index:02}" for index in range(12)]
    for together in (batches["ids"][:10], batches["ids"][10:]):
        # Ids are ordered by the time at which they were made.
        assert together == sorted(together)


async def test_urql_takes_the_newer_media_type_and_partial_answers(
    node: Mapping[str, str], server: Server
) -> None:
    report = await run_script(node, "urql.mjs", f"{server.url}/graphql", ROOT_TOKEN)
    group = {"id": "tag_group_batch", "name": "Batch", "__typename": "TagGroup"}
    acme = {"name": "Acme", "__typename": "Scope"}
    assert report == {
        "found": group,
        "cached": group,
        "byGet": {"scope": acme},
        "partial": {"data": {"scope": acme, "fails": None}, "codes": ["BAD_USER_INPUT"]},
        "invalid": {"data": None, "codes": ["GRAPHQL_VALIDATION_FAILED"], "network": None},
        "changed": "Renamed",
        "afterwards": "Renamed",
        "requests": [
            ["POST", 200, RESPONSE],
            ["GET", 200, RESPONSE],
            ["POST", 200, RESPONSE],
            ["POST", 400, RESPONSE],
            ["POST", 200, RESPONSE],
            ["POST", 200, RESPONSE],
        ],
    }


async def test_relay_compiles_its_operations_and_pages_both_ways(
    node: Mapping[str, str], server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "relay"
    shutil.copytree(HERE / "relay", folder)
    shutil.copy(SCHEMA, folder)
    (folder / "artifacts").mkdir()
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    compiler = str(HERE / "node_modules" / "relay-compiler" / "cli.js")
    await run_node(node, compiler, "relay.config.json", folder=folder)
    operations = {path.name for path in (folder / "artifacts").glob("operations*.js")}
    # Ten, with two more that @refetchable makes, and two fragments.
    assert len(operations) == 14
    report = json.loads(await run_node(node, "pages.mjs", f"{server.url}/graphql", ROOT_TOKEN, folder=folder))
    assert report["forward"] == [
        {"labels": LABELS[:3], "next": True, "previous": False},
        {"labels": LABELS[:6], "next": True, "previous": False},
        {"labels": LABELS, "next": False, "previous": False},
    ]
    assert report["backward"] == [
        {"labels": LABELS[4:], "next": False, "previous": True},
        {"labels": LABELS[1:], "next": False, "previous": True},
        {"labels": LABELS, "next": False, "previous": False},
    ]
    names = ["Roadmap", "By Relay", "By Relay"]
    assert report["changes"] == {"appended": "Appended", "names": names, "moved": True}


async def test_graphql_request_sends_a_list_whose_mutations_are_seen_by_what_follows(
    node: Mapping[str, str], server: Server
) -> None:
    report = await run_script(node, "graphql_request.mjs", f"{server.url}/graphql", ROOT_TOKEN)
    created = {"outcome": "CREATED", "scope": {"id": "scope_requested"}}
    assert report == {
        "answers": [
            {"node": None},
            {"createScopes": {"results": [created]}},
            {"node": {"id": "scope_requested"}},
            {"deleteScopes": {"results": [{"outcome": "DELETED"}]}},
            {"node": None},
        ],
        "requests": 2,
        "batch": 5,
        "refused": ["GRAPHQL_VALIDATION_FAILED"],
    }


async def test_gql_reads_the_schema_and_sends_lists(server: Server) -> None:
    headers = {"Authorization": f"Bearer {ROOT_TOKEN}"}
    transport = AIOHTTPTransport(f"{server.url}/graphql", headers=headers)
    read = "query Read($id: ID!) { node(id: $id) { __typename } }"
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        assert session.client.schema is not None
        assert sorted(session.client.schema.type_map["Node"].fields) == ["etag", "id"]
        ids = ("scope_acme", "tag_high", "nothing")
        answers = await session.execute_batch(
            [GraphQLRequest(read, variable_values={"id": each}) for each in ids]
        )
        assert answers == [{"node": {"__typename": "Scope"}}, {"node": {"__typename": "Tag"}}, {"node": None}]
        with pytest.raises(TransportQueryError) as failed:
            await session.execute(gql("{ tags(first: -1) { totalCount } }"))
        assert [each["extensions"]["code"] for each in failed.value.errors or []] == ["BAD_USER_INPUT"]
