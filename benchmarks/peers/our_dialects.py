"""How this server and the limit are asked."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from benchmarks.create import MUTATION
from benchmarks.peers.dialects import (
    PAGE,
    PAGE_FIELDS,
    CannotBeAsked,
    Dialect,
    Item,
    Refused,
    WrittenSchema,
    data_of,
    given,
    graphql,
)
from benchmarks.peers.load import Request
from benchmarks.read import OURS


class Sheaf(Dialect):
    """This server: GraphQL, and `POST /batch`."""

    ONE = WrittenSchema.ONE
    PAGE_OF = (
        f"query ($tagId: ID!) {{ resources(first: {PAGE}, tagId: $tagId) {{ nodes {{ {PAGE_FIELDS} }} }} }}"
    )

    def one(self, resource_id: str) -> Request:
        """Ask for a resource with its type."""
        return graphql(self.ONE, id=resource_id)

    def read(self) -> Request:
        """Ask for 1,000 resources."""
        return graphql(OURS)

    def page(self, tag_id: str) -> Request:
        """Ask for the first resources with a tag."""
        return graphql(self.PAGE_OF, tagId=tag_id)

    def create(self, items: list[Item]) -> Request:
        """Ask to create resources."""
        return graphql(MUTATION, input=items)

    def create_one(self, item: Item) -> Request:
        """Ask to create a list of one, since there is no other mutation."""
        return graphql(MUTATION, input=[item])

    def batch(self, items: list[Item]) -> Request:
        """Ask for creates one by one in an envelope."""
        operations = [{"method": "POST", "url": "/resources", "body": item} for item in items]
        return Request("/batch", orjson.dumps({"requests": operations}))

    def created(self, answer: bytes) -> list[Any]:
        """Return the resources of an answer to a create."""
        done = data_of(msgspec.json.decode(answer))["createResources"]
        if not done["committed"]:
            raise Refused(str(done)[:600])
        return [given(each["resource"]) for each in done["results"]]

    def created_in_batch(self, answer: bytes) -> list[Any]:
        """Return the resources of the envelope's answers."""
        done: Any = msgspec.json.decode(answer)
        if not done["success"]:
            raise Refused(str(done)[:600])
        return [given(each["body"]) for each in done["results"]]


class SheafRest(Sheaf):
    """This server's REST, where it does the same as GraphQL."""

    def one(self, resource_id: str) -> Request:
        """Refuse."""
        del resource_id
        raise CannotBeAsked("REST has no type inside a resource")

    def read(self) -> Request:
        """Refuse."""
        raise CannotBeAsked("REST has no types, scopes and tags inside a resource")

    def page(self, tag_id: str) -> Request:
        """Refuse."""
        del tag_id
        raise CannotBeAsked("REST has no types and scopes inside a resource")

    def batch(self, items: list[Item]) -> Request:
        """Refuse."""
        del items
        raise CannotBeAsked("`POST /batch` is measured above")

    def create(self, items: list[Item]) -> Request:
        """Ask to create resources."""
        return Request("/resources/batch", orjson.dumps(items))

    def create_one(self, item: Item) -> Request:
        """Ask to create a resource."""
        return Request("/resources", orjson.dumps(item))

    def created(self, answer: bytes) -> list[Any]:
        """Return the resources of an answer to a create."""
        done: Any = msgspec.json.decode(answer)
        return [given(each) for each in (done if isinstance(done, list) else [done])]


class ByHand(SheafRest):
    """The limit, whose batch is a list of creates."""

    def one(self, resource_id: str) -> Request:
        """Ask for a resource with its type."""
        return Request(f"/resources/{resource_id}")

    def read(self) -> Request:
        """Ask for 1,000 resources."""
        return Request("/read/graphql", orjson.dumps({"query": OURS}))

    def page(self, tag_id: str) -> Request:
        """Ask for the first resources with a tag."""
        return Request(f"/resources?first={PAGE}&tagId={tag_id}")

    def batch(self, items: list[Item]) -> Request:
        """Ask to create resources with one command."""
        return self.create(items)

    def created_in_batch(self, answer: bytes) -> list[Any]:
        """Return the resources of an answer to a create."""
        return self.created(answer)
