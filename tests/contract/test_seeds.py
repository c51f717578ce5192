"""The seeds of the catalogue dialect, as they were given, and what `sheaf serve` says to paste."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

from app.cli.welcome import welcome
from app.settings import Settings
from tests.server import ROOT_TOKEN

if TYPE_CHECKING:
    from tests.server import Client, Server

TYPES = """[
    {
      "id": "resource_type_document",
      "name": "Document",
      "key": "document",
      "scopeId": "scope_acme"
    },
    {
      "id": "resource_type_folder",
      "name": "Folder",
      "key": "folder",
      "scopeId": "scope_acme"
    }
  ]"""
RESOURCES = """[
    {
      "resourceTypeId": "resource_type_document",
      "scopeId": "scope_engineering",
      "externalResourceId": "doc-123",
      "displayName": "Project Roadmap"
    },
    {
      "resourceTypeId": "resource_type_document",
      "scopeId": "scope_engineering",
      "externalResourceId": "doc-456",
      "displayName": "API Specification"
    }
  ]"""
TAGS = """[
    {
      "scopeId": "scope_acme",
      "tagGroupId": "tag_group_priority",
      "identifier": "high",
      "label": "High Priority"
    },
    {
      "scopeId": "scope_acme",
      "tagGroupId": "tag_group_priority",
      "identifier": "medium",
      "label": "Medium Priority"
    },
    {
      "scopeId": "scope_acme",
      "tagGroupId": "tag_group_priority",
      "identifier": "low",
      "label": "Low Priority"
    }
  ]"""
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


async def prepared(server: Server) -> Client:
    """Create what the seeds take for granted."""
    engineering = {"id": "scope_engineering", "parentScopeId": "scope_acme", "name": "Engineering"}
    await server.root.created("/scopes/batch", [{"id": "scope_acme", "name": "Acme"}, engineering])
    group = {"id": "tag_group_priority", "scopeId": "scope_acme", "key": "priority", "name": "Priority"}
    await server.root.created("/tag-groups", group)
    return server.root


async def seeded(client: Client, path: str, body: str) -> list[dict[str, str]]:
    """Send a seed's sample, and return the answer without its instants, which are one."""
    reply = await client.send("POST", path, body.encode(), Content_Type="application/json")
    assert reply.status == 201
    assert reply.headers["Content-Type"].partition(";")[0] == "application/json"
    answer: list[dict[str, str]] = reply.json
    moments = {item["createdAt"] for item in answer}
    assert len(moments) == 1
    assert INSTANT.fullmatch(moments.pop())
    return answer


async def test_seed_001_creates_resource_types_and_answers_in_the_form_of_its_sample(server: Server) -> None:
    client = await prepared(server)
    answer = await seeded(client, "/resource-types/batch", TYPES)
    assert [list(item) for item in answer] == [["id", "name", "key", "scopeId", "createdAt", "createdBy"]] * 2
    sent = json.loads(TYPES)
    stamps = {"createdAt": answer[0]["createdAt"], "createdBy": "system"}
    assert answer == [{**item, **stamps} for item in sent]


async def test_seed_000_creates_resources_with_ids_that_rise_in_input_order(server: Server) -> None:
    client = await prepared(server)
    await seeded(client, "/resource-types/batch", TYPES)
    answer = await seeded(client, "/resources/batch", RESOURCES)
    members = [
        "id",
        "resourceTypeId",
        "scopeId",
        "externalResourceId",
        "displayName",
        "createdAt",
        "createdBy",
    ]
    assert [list(item) for item in answer] == [members] * 2
    assert all(re.fullmatch(f"resource_{UUID7}", item["id"]) for item in answer)
    assert answer[0]["id"] < answer[1]["id"]
    stamps = {"createdAt": answer[0]["createdAt"], "createdBy": "system"}
    sent = json.loads(RESOURCES)
    assert answer == [{"id": shown["id"], **item, **stamps} for shown, item in zip(answer, sent, strict=True)]
    assert await client.read(f"/resources/{answer[0]['id']}") == answer[0]


async def test_seed_002_creates_tags_whose_creator_comes_before_the_instant(server: Server) -> None:
    client = await prepared(server)
    answer = await seeded(client, "/tags/batch", TAGS)
    members = ["id", "scopeId", "tagGroupId", "identifier", "label", "createdBy", "createdAt"]
    assert [list(item) for item in answer] == [members] * 3
    assert all(re.fullmatch(f"tag_{UUID7}", item["id"]) for item in answer)
    assert [item["id"] for item in answer] == sorted(item["id"] for item in answer)
    stamps = {"createdBy": "system", "createdAt": answer[0]["createdAt"]}
    sent = json.loads(TAGS)
    assert answer == [{"id": shown["id"], **item, **stamps} for shown, item in zip(answer, sent, strict=True)]


async def test_a_seed_sent_again_is_refused_as_a_whole_and_changes_nothing(server: Server) -> None:
    client = await prepared(server)
    for path, body in (
        ("/resource-types/batch", TYPES),
        ("/resources/batch", RESOURCES),
        ("/tags/batch", TAGS),
    ):
        await seeded(client, path, body)
    before = await client.everything()
    types = await client.send(
        "POST", "/resource-types/batch", TYPES.encode(), Content_Type="application/json"
    )
    assert (types.status, types.code) == (409, "id_taken")
    assert types.faults == [(0, "/0/id", "id_taken"), (1, "/1/id", "id_taken")]
    resources = await client.send(
        "POST", "/resources/batch", RESOURCES.encode(), Content_Type="application/json"
    )
    assert (resources.status, resources.code) == (409, "already_exists")
    assert resources.faults == [(i, f"/{i}/externalResourceId", "already_exists") for i in range(2)]
    tags = await client.send("POST", "/tags/batch", TAGS.encode(), Content_Type="application/json")
    assert (tags.status, tags.code) == (409, "already_exists")
    assert tags.faults == [(i, f"/{i}/identifier", "already_exists") for i in range(3)]
    assert await client.everything() == before


async def test_the_curl_lines_of_the_welcome_work_in_their_order_on_an_empty_catalogue(
    server: Server,
) -> None:
    text = welcome(Settings(host="127.0.0.1", port=server.port), ROOT_TOKEN)
    assert server.url in text
    sent = []
    for command in re.findall(r"^curl .*?'$", text, re.MULTILINE | re.DOTALL):
        words = shlex.split(command.replace("\\\n", ""))
        assert words[:3] == ["curl", "-X", "POST"]
        url, headers, body = words[3], words[5:8:2], words[9]
        assert headers == [f"Authorization: Bearer {ROOT_TOKEN}", "Content-Type: application/json"]
        path = url.removeprefix(server.url)
        reply = await server.root.send("POST", path, body.encode(), Content_Type="application/json")
        assert reply.status == 201, reply
        sent.append((path, json.loads(body)))
    assert [path for path, _ in sent] == [
        *("/scopes/batch", "/tag-groups"),
        *("/resource-types/batch", "/resources/batch", "/tags/batch"),
    ]
    assert [body for _, body in sent[2:]] == [json.loads(TYPES), json.loads(RESOURCES), json.loads(TAGS)]
