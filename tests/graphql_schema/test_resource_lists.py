"""Lists of resources against a plain model: every filter and every order, paged both ways, over random catalogues."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories import caller_in
from tests.graphql_schema.client import Client
from tests.graphql_schema.lists_model import (
    ABOVE,
    FIELDS,
    MEMBERS,
    PARTS,
    PREFIXES,
    random_arguments,
    random_model,
    store,
)

if TYPE_CHECKING:
    from db.database import Database
    from tests.graphql_schema.lists_model import Model

ROUNDS = 60
DECLARED = {
    "scopeId": "ID", "withDescendants": "Boolean! = false", "ids": "[ID!]", "resourceTypeId": "ID",
    "externalResourceId": "String", "tagId": "ID", "tagsAny": "[ID!]", "tagsAll": "[ID!]", "tagsNone": "[ID!]",
    "displayNamePrefix": "String", "displayNameContains": "String", "createdSince": "DateTime",
    "createdBefore": "DateTime", "updatedSince": "DateTime", "updatedBefore": "DateTime", "data": "[DataFilter!]",
    "orderBy": "ResourceOrder", "first": "Int", "after": "String", "last": "Int", "before": "String",
}  # fmt: skip
DOCUMENT = f"""query({", ".join(f"${name}: {kind}" for name, kind in DECLARED.items())}) {{
    resources({", ".join(f"{name}: ${name}" for name in DECLARED)}) {{
        totalCount nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"""


async def paged(client: Client, arguments: dict[str, Any], size: int, *, backward: bool) -> list[str]:
    """Return the ids of all pages of a list, read from one of its ends."""
    found: list[str] = []
    count, cursor, more, past, at = (
        ("last", "before", "hasPreviousPage", "hasNextPage", "startCursor")
        if backward
        else ("first", "after", "hasNextPage", "hasPreviousPage", "endCursor")
    )
    position: dict[str, Any] = {}
    while True:
        answer = (await client.data(DOCUMENT, **arguments, **position, **{count: size}))["resources"]
        ids = [node["id"] for node in answer["nodes"]]
        found = ids + found if backward else found + ids
        assert answer["pageInfo"][past] is bool(position)
        assert len(ids) <= size
        if not answer["pageInfo"][more]:
            return found
        assert len(ids) == size
        position = {cursor: answer["pageInfo"][at]}


async def check(client: Client, model: Model, arguments: dict[str, Any], reach: str, size: int) -> None:
    """Check a list, whole and in pages both ways."""
    expected = model.listed(arguments, reach)
    whole = (await client.data(DOCUMENT, **arguments, first=1_000))["resources"]
    assert [node["id"] for node in whole["nodes"]] == expected, arguments
    assert whole["totalCount"] == len(expected), arguments
    for backward in (False, True):
        assert await paged(client, arguments, size, backward=backward) == expected, (
            arguments,
            size,
            backward,
        )


@pytest.mark.parametrize("seed", range(4))
async def test_lists_are_those_of_the_model(acme: Database, seed: int) -> None:
    chance = random.Random(seed)
    model = random_model(chance)
    await acme.write("test", lambda tx: store(tx, model))
    clients = {scope: Client(acme, await caller_in(acme, scope)) for scope in ABOVE}
    for _ in range(ROUNDS):
        reach = chance.choice(("scope_acme", "scope_acme", "scope_engineering", "scope_sales"))
        await check(
            clients[reach], model, random_arguments(chance, model), reach, chance.choice((1, 3, 7, 64))
        )


async def test_each_filter_in_each_order(acme: Database) -> None:
    chance = random.Random(7)
    model = random_model(chance)
    await acme.write("test", lambda tx: store(tx, model))
    client = Client(acme)
    filters: list[dict[str, Any]] = [
        {},
        {"scopeId": "scope_engineering", "withDescendants": True},
        {"tagId": "tag_high"},
        {"tagsAny": ["tag_high", "tag_low"]},
        {"displayNamePrefix": "A"},
        {"externalResourceId": "shared"},
    ]
    for field in FIELDS:
        for direction in ("ASC", "DESC"):
            for each in filters:
                arguments = {**each, "orderBy": {"field": field, "direction": direction}}
                assert len(model.listed(arguments, "scope_acme")) > 5
                await check(client, model, arguments, "scope_acme", 5)


async def test_each_text_and_member(acme: Database) -> None:
    chance = random.Random(11)
    model = random_model(chance)
    await acme.write("test", lambda tx: store(tx, model))
    client = Client(acme)
    members = [{"path": "".join(f"/{step}" for step in path), "equals": value} for path, value in MEMBERS]
    lists: list[dict[str, Any]] = [
        *({"displayNamePrefix": text} for text in PREFIXES),
        *({"displayNameContains": text} for text in PARTS),
        *({"data": [member]} for member in members),
    ]
    for arguments in lists:
        await check(client, model, arguments, "scope_acme", 3)
