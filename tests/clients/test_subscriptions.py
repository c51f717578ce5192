"""Clients that others wrote for subscriptions, against a live server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.clients.node import run_node, run_script
from tests.server import ROOT_TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.server import Server

ACME = {"scope": {"name": "Acme"}}
RENAMED = {"updateResources": {"count": 1}}
EVENT = {
    "resourcesChanged": {
        "scopeId": "scope_engineering",
        "kind": "UPDATED",
        "ids": ["resource_roadmap"],
        "more": False,
    }
}


def good(data: Any) -> dict[str, Any]:
    """Return the outcome of an operation with one result in which nothing is wrong."""
    return {"results": [{"data": data}]}


async def test_graphql_ws_subscribes_queries_and_mutates_over_one_socket(
    node: Mapping[str, str], server: Server
) -> None:
    # Node 20 has WebSocket behind an option; later ones have it anyway.
    arguments = ("--experimental-websocket", "graphql_ws.mjs", f"{server.url}/graphql", ROOT_TOKEN)
    report = json.loads(await run_node(node, *arguments))
    assert report["event"] == EVENT
    assert report["outcomes"] == {
        "read": good(ACME),
        "rename": good(RENAMED),
        "refused": {"results": [], "thrown": ["NOT_FOUND"]},
        "invalid": {"results": [], "thrown": ["GRAPHQL_VALIDATION_FAILED"]},
    }
    # The client doesn't try again with a token that isn't valid.
    assert report["strange"] == {"results": [], "thrown": [4401]}
    assert report["closed"][-1] == 4401


async def test_graphql_sse_subscribes_queries_and_mutates(node: Mapping[str, str], server: Server) -> None:
    report = await run_script(node, "graphql_sse.mjs", f"{server.url}/graphql", ROOT_TOKEN)
    assert report["event"] == EVENT
    assert report["outcomes"] == {
        "read": good(ACME),
        "rename": good(RENAMED),
        "refused": {"results": [{"codes": ["NOT_FOUND"]}]},
        "invalid": {"results": [{"codes": ["GRAPHQL_VALIDATION_FAILED"]}]},
    }
    assert report["status"] == 401
