"""The README: its table of settings and its tour are what the server does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from app.samples import SAMPLES
from scripts.settings_table import rewritten
from tests.server import serving

if TYPE_CHECKING:
    from typing import Any

    from tests.server import Client

README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
DOCUMENTS = re.findall(r"```graphql\n(.*?)```", README, flags=re.DOTALL)


async def run(client: Client, document: str) -> Any:
    reply = await client.post("/graphql", {"query": document})
    assert reply.status == 200, reply
    assert "errors" not in reply.json, reply
    return reply.json["data"]


def test_the_table_of_settings_is_that_of_the_code() -> None:
    assert rewritten(README) == README


async def test_the_tour_shows_what_it_says(sqlite_url: str) -> None:
    async with serving(sqlite_url) as server:
        for _, path, body in SAMPLES:
            await server.root.created(path, body)
        nested, partly = DOCUMENTS[:2]
        found = (await run(server.root, nested))["resources"]
        assert found["totalCount"] == 2
        node = found["edges"][0]["node"]
        assert (node["displayName"], node["scope"]["parent"]["name"]) == ("Project Roadmap", "Acme")
        made = (await run(server.root, partly))["createResources"]
        assert made["count"] == 1
        assert [each["outcome"] for each in made["results"]] == ["CREATED", "FAILED"]
        assert made["results"][1]["errors"][0]["code"] == "UNKNOWN_REFERENCE"
        assert made["results"][1]["errors"][0]["field"] == "scopeId"


async def test_every_curl_of_the_readme_answers_as_promised(sqlite_url: str) -> None:
    bodies = re.findall(
        r"curl [^\n]*?'http://127\.0\.0\.1:3000(/[^']*)'.*?-d '(.*?)'\n", README, flags=re.DOTALL
    )
    assert bodies, "the README shows at least one curl"
    async with serving(sqlite_url) as server:
        for _, path, body in SAMPLES:
            await server.root.created(path, body)
        for path, body in bodies:
            reply = await server.root.post(path, json.loads(body))
            assert reply.status == 200, reply
            assert reply.json["success"] is True, reply
