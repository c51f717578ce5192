"""How the tests send operations, and read what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.server import Client, Reply

PATH = "/graphql"
JSON = "application/json"
RESPONSE = "application/graphql-response+json"


async def ask(client: Client, document: str, /, **variables: Any) -> Reply:
    """Send one operation as every client does."""
    return await client.post(PATH, {"query": document, "variables": variables})


async def send(client: Client, body: bytes, **headers: str) -> Reply:
    """Send bytes that are said to be JSON."""
    return await client.send("POST", PATH, body, **{"Content_Type": JSON, **headers})


def codes(answer: dict[str, Any]) -> list[str]:
    """Return the codes of the errors of one answer."""
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


async def data(client: Client, document: str, /, **variables: Any) -> Any:
    """Send one operation that has no errors, and return its data."""
    reply = await ask(client, document, **variables)
    assert reply.status == 200, reply
    assert "errors" not in reply.json, reply
    return reply.json["data"]
