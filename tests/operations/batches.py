"""`POST /batch` as tests say it: operations, an envelope, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.server import Client, Reply

Operation = dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """The answer to a well-formed envelope."""

    reply: Reply

    @property
    def success(self) -> bool:
        """Whether no operation failed."""
        told: bool = self.reply.json["success"]
        return told

    @property
    def results(self) -> list[dict[str, Any]]:
        """What became of each operation."""
        results: list[dict[str, Any]] = self.reply.json["results"]
        return results

    @property
    def statuses(self) -> list[int]:
        """The response code of each operation."""
        return [result["response_code"] for result in self.results]

    @property
    def codes(self) -> list[str]:
        """The error's code of each operation that failed, its status for one that didn't."""
        return [
            result.get("error", {}).get("code") or str(result["response_code"]) for result in self.results
        ]

    @property
    def bodies(self) -> list[Any]:
        """The body of each operation, `None` where there is none."""
        return [result.get("body") for result in self.results]

    @property
    def replayed(self) -> list[bool]:
        """Whether each result is one that was given before."""
        return ["Idempotency-Replayed" in result["headers"] for result in self.results]


def op(method: str, url: str, body: object = None, **more: Any) -> Operation:
    """Return an operation."""
    return {"method": method, "url": url, **({} if body is None else {"body": body}), **more}


def resource(name: str, **fields: Any) -> dict[str, Any]:
    """Return a new resource `resource_{name}`."""
    place = {"scopeId": "scope_engineering", "resourceTypeId": "resource_type_document"}
    return {"id": f"resource_{name}", **place, "externalResourceId": name, **fields}


def new(name: str, *, taken: bool = False, **more: Any) -> Operation:
    """Return the operation that creates `resource_{name}`; a taken one has the key of a stored resource."""
    return op(
        "POST", "/resources", resource(name, **({"externalResourceId": "doc-1"} if taken else {})), **more
    )


def tag(name: str, **fields: Any) -> dict[str, Any]:
    """Return a new tag `tag_{name}`."""
    place = {"scopeId": "scope_acme", "tagGroupId": "tag_group_priority"}
    return {"id": f"tag_{name}", **place, "identifier": name, "label": name.capitalize(), **fields}


def read(name: str, **more: Any) -> Operation:
    """Return the operation that reads `resource_{name}`."""
    return op("GET", f"/resources/resource_{name}", **more)


async def send(client: Client, *requests: object, key: str | None = None, **members: Any) -> Reply:
    """Send an envelope, whatever comes of it."""
    said = {} if key is None else {"Idempotency_Key": key}
    return await client.post("/batch", {"requests": list(requests), **members}, **said)


async def run(client: Client, *requests: object, key: str | None = None, **members: Any) -> Batch:
    """Send a well-formed envelope."""
    reply = await send(client, *requests, key=key, **members)
    assert reply.status == 200, reply
    return Batch(reply)


async def stored(client: Client) -> list[str]:
    """Return the names of the resources that there are, beside the one of the furnished catalogue."""
    names = [each["id"].removeprefix("resource_") for each in await client.read("/resources?limit=1000")]
    return [name for name in names if name != "roadmap"]
