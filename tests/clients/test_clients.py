"""Clients that others wrote, against a live server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.node import run_script
from tests.server import ROOT_TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.server import Server


@pytest.mark.parametrize("token", [ROOT_TOKEN, ""], ids=["with a token", "anonymous"])
async def test_all_audits_of_graphql_over_http_pass(
    node: Mapping[str, str], server: Server, token: str
) -> None:
    report = await run_script(node, "audits.mjs", f"{server.url}/graphql", token)
    assert report == {"counts": {"ok": 61}, "failed": []}
