"""The README: its table of settings and its tour are what the server does."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise
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


async def test_the_uploads_of_the_readme_work_as_written(sqlite_url: str) -> None:
    section = README.partition("## Uploads")[2].partition("\n## ")[0]
    (script,) = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    words = shlex.split(script.replace("\\\n", " "))
    starts = [position for position, word in enumerate(words) if word == "curl"]
    commands = [words[begin:end] for begin, end in pairwise([*starts, len(words)])]
    async with serving(sqlite_url) as server:
        for _, path, body in SAMPLES:
            await server.root.created(path, body)
        batch_id = ""
        told: Any = {}
        for command in commands:
            options = dict(pairwise(command))
            url = next(word for word in command if word.startswith("http://127.0.0.1:3000"))
            path = url.removeprefix("http://127.0.0.1:3000").replace("BATCH_ID", batch_id)
            headers = {"reach_tenant_id": "scope_acme", "Content_Type": "application/json"}
            body = options.get("-d")
            reply = await server.root.send(
                options.get("-X", "GET"), path, body.encode() if body else None, **headers
            )
            assert reply.status < 300, reply
            told = reply.json["data"]
            batch_id = told.get("batchId", "")
        assert told["status"] == "pending"
        assert told["progress"]["successfulRecords"] == 1
        (waiting,) = told["pendingResources"]
        assert waiting["missingDependencies"][0]["externalId"] == "bike"
