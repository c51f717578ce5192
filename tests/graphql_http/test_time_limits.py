"""A request that takes too long ends in time, and what it had answered stays."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from db.tags import TAGS
from tests import factories
from tests.graphql_http.exchanges import JSON, PATH, RESPONSE
from tests.server import serving

if TYPE_CHECKING:
    from tests.graphql_http.conftest import Start
    from tests.server import Client, Server

LIMIT_S = 0.2
# In which a single create is done on any machine.
LONGER_LIMIT_S = 2
# Far more than the limit, and far less than what is asked for would take.
PATIENCE_S = 20
FIELDS = "id scopeId tagGroupId identifier label createdAt createdBy updatedAt updatedBy etag"
TAG = f"{{ {FIELDS} scope {{ id name }} tagGroup {{ id name scope {{ id name }} }} }}"
PAGES = " ".join(f"p{i}: tags(first: 1000) {{ edges {{ cursor node {TAG} }} }}" for i in range(99))
SLOW = f"{{ {PAGES} }}"
LATE = {"code": "OVERLOADED", "retryAfter": 1}


async def many_tags(server: Server) -> None:
    caller = await factories.caller_in(server.database, "scope_acme")
    tags = [factories.new_tag(f"n{i}", "tag_group_topic") for i in range(1_000)]
    await factories.create(server.database, TAGS, *tags, caller=caller)


async def send(client: Client, request: Any, media_type: str = JSON) -> Any:
    return await client.post(PATH, request, Accept=media_type)


@pytest.mark.parametrize("media_type", [JSON, RESPONSE])
async def test_a_query_that_takes_too_long_is_503_and_says_when_to_come_again(
    database_url: str, media_type: str
) -> None:
    async with serving(database_url, time_limit_s=LIMIT_S) as server:
        await factories.catalogue(server.database)
        await many_tags(server)
        began = time.monotonic()
        reply = await send(server.root, {"query": SLOW}, media_type)
        assert LIMIT_S <= time.monotonic() - began < PATIENCE_S
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        message = f"this took longer than {LIMIT_S} s, which is the limit"
        assert reply.json == {"errors": [{"message": message, "extensions": LATE}], "data": None}
        # And nothing of it goes on that would keep the next one waiting.
        assert (await send(server.root, {"query": '{ scope(id: "scope_sales") { name } }'})).status == 200


async def test_of_a_list_that_takes_too_long_the_operations_before_and_after_are_told_apart(
    start: Start,
) -> None:
    # By plans, nothing that costs as little as is allowed takes that long.
    async with start(time_limit_s=LONGER_LIMIT_S, compiled_executor=False) as server:
        await many_tags(server)
        create = """mutation($id: ID!) {
            createScopes(input: [{id: $id, parentScopeId: "scope_acme", name: "N"}]) { count } }"""
        batch = [
            {"query": create, "variables": {"id": "scope_before"}},
            {"query": SLOW},
            {"query": create, "variables": {"id": "scope_after"}},
        ]
        began = time.monotonic()
        reply = await send(server.root, batch)
        assert time.monotonic() - began < PATIENCE_S
        assert reply.status == 200
        before, slow, after = reply.json
        assert before["data"] == {"createScopes": {"count": 1}}
        assert slow["errors"][0]["message"] == "this took longer than 2 s, which is the limit"
        assert slow["data"] is None
        told = "this was not begun: the operations before it took all the time there is"
        assert after == {"errors": [{"message": told, "extensions": LATE}]}
        read = '{ before: scope(id: "scope_before") { name } after: scope(id: "scope_after") { name } }'
        stored = await send(server.root, {"query": read})
        assert stored.json["data"] == {"before": {"name": "N"}, "after": None}
