"""How each server is asked for the same thing, and its answers in one form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import orjson

from benchmarks.peers.load import Request
from benchmarks.read import FIELDS, NESTED, READ

PAGE = 50
IN_BATCH = 100
CREATED = "scopeId", "resourceTypeId", "externalResourceId", "displayName"
ANSWERED = "id scopeId resourceTypeId externalResourceId displayName createdAt createdBy"
TYPE = "resourceType { id key name }"
PAGE_FIELDS = "id externalResourceId displayName resourceType { id name } scope { id name }"

Item = dict[str, str]


class CannotBeAsked(Exception):
    """A server has no way to be asked for what a workload measures; the reason is told below the table."""


class Refused(Exception):
    """A server did not do what it was asked for; has its answer."""


class Dialect(ABC):
    """One server's way to be asked. What it can't be asked for raises `CannotBeAsked` with the reason."""

    @abstractmethod
    def one(self, resource_id: str) -> Request:
        """Ask for a resource with its type."""

    @abstractmethod
    def read(self) -> Request:
        """Ask for 1,000 resources with their types, scopes and tags."""

    @abstractmethod
    def page(self, tag_id: str) -> Request:
        """Ask for the first resources with a tag."""

    @abstractmethod
    def create(self, items: list[Item]) -> Request:
        """Ask to create resources with one command."""

    @abstractmethod
    def create_one(self, item: Item) -> Request:
        """Ask to create a resource."""

    @abstractmethod
    def batch(self, items: list[Item]) -> Request:
        """Ask to create resources with an operation each."""

    def look_up(self, answer: bytes) -> Request | None:
        """Ask for what was created, if the answer doesn't show it."""
        del answer
        return None

    def found(self, answer: bytes) -> list[Any]:
        """Return the resources of an answer to a question, or the one in a list."""
        told = _plain(data_of(msgspec.json.decode(answer)))
        return told if isinstance(told, list) else [told]

    def created(self, answer: bytes) -> list[Any]:
        """Return the resources of an answer to a create, without what each server makes itself."""
        return [given(each) for each in self.found(answer)]

    def created_in_batch(self, answer: bytes) -> list[Any]:
        """Return the same of an answer to a batch."""
        operations: Any = msgspec.json.decode(answer)
        if isinstance(operations, dict):
            operations = list(data_of(operations).values())
        return [given(_plain(data_of(each) if "data" in each else each)) for each in operations]


def data_of(answer: Any) -> Any:
    """Return the data of an answer of GraphQL; `Refused` if there is none."""
    if not isinstance(answer, dict) or answer.get("errors") or not answer.get("data"):
        raise Refused(str(answer)[:600])
    return answer["data"]


def _plain(value: Any) -> Any:
    """Leave out what only wraps, as `nodes` of a connection do."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        return _plain(next(iter(value.values())))
    return {name: _plain(each) for name, each in value.items()}


def given(resource: Any) -> Item:
    """Return what a resource was created with; `Refused` unless the server made the rest."""
    if not str(resource["id"]) or not str(resource["createdAt"]).endswith("Z"):
        raise Refused(str(resource))
    return {name: resource[name] for name in CREATED}


def graphql(query: str, **variables: Any) -> Request:
    """Return a request of GraphQL."""
    return Request("/graphql", orjson.dumps({"query": query, "variables": variables}))


def _aliased(operation: str, kind: str, count: int) -> str:
    variables = ", ".join(f"$i{n}: {kind}!" for n in range(count))
    return f"mutation ({variables}) {{ {' '.join(operation.format(n=n) for n in range(count))} }}"


class WrittenSchema(Dialect):
    """Servers of `servers/schema.graphql`; a batch is an array of operations."""

    ONE = f"query ($id: ID!) {{ resource(id: $id) {{ {FIELDS} {TYPE} }} }}"
    READ_ALL = f"{{ resources(first: {READ}) {{ {FIELDS} {NESTED} tags {{ id label }} }} }}"
    PAGE_OF = f"query ($tagId: ID) {{ resources(first: {PAGE}, tagId: $tagId) {{ {PAGE_FIELDS} }} }}"
    CREATE = f"mutation ($input: [ResourceInput!]!) {{ createResources(input: $input) {{ {ANSWERED} }} }}"
    CREATE_ONE = f"mutation ($input: ResourceInput!) {{ createResource(input: $input) {{ {ANSWERED} }} }}"

    def one(self, resource_id: str) -> Request:
        """Ask for a resource with its type."""
        return graphql(self.ONE, id=resource_id)

    def read(self) -> Request:
        """Ask for 1,000 resources."""
        return graphql(self.READ_ALL)

    def page(self, tag_id: str) -> Request:
        """Ask for the first resources with a tag."""
        return graphql(self.PAGE_OF, tagId=tag_id)

    def create(self, items: list[Item]) -> Request:
        """Ask to create resources."""
        return graphql(self.CREATE, input=items)

    def create_one(self, item: Item) -> Request:
        """Ask to create a resource."""
        return graphql(self.CREATE_ONE, input=item)

    def batch(self, items: list[Item]) -> Request:
        """Ask for an array of creates."""
        operations = [{"query": self.CREATE_ONE, "variables": {"input": item}} for item in items]
        return Request("/graphql", orjson.dumps(operations))


class WithoutArrays(WrittenSchema):
    """The same where no array of operations is taken: a batch is one operation of many fields."""

    MANY = _aliased(f"c{{n}}: createResource(input: $i{{n}}) {{{{ {ANSWERED} }}}}", "ResourceInput", IN_BATCH)

    def batch(self, items: list[Item]) -> Request:
        """Ask for many creates in one operation."""
        return graphql(self.MANY, **{f"i{n}": item for n, item in enumerate(items)})


class PostGraphile(Dialect):
    """A schema made of the tables, with aliases for equal names."""

    ALIASED = FIELDS.replace("id ", "id: rowId ", 1)
    ANSWER = ANSWERED.replace("id ", "id: rowId ", 1)
    KIND = "resourceType: resourceTypeByResourceTypeId"
    PLACE = "scope: scopeByScopeId"
    LABELS = (
        "tags: resourceTagsByResourceId(orderBy: TAG_ID_ASC) { nodes { tagByTagId { id: rowId label } } }"
    )
    ONE = (
        f"query ($id: String!) {{ resource: resourceByRowId(rowId: $id)"
        f" {{ {ALIASED} {KIND} {{ id: rowId key name }} }} }}"
    )
    READ_ALL = (
        f"{{ allResources(first: {READ}, orderBy: ROW_ID_ASC) {{ nodes {{ {ALIASED}"
        f" {KIND} {{ id: rowId key name }} {PLACE} {{ id: rowId name }} {LABELS} }} }} }}"
    )
    PAGE_OF = (
        f"query ($tagId: String!) {{ allResourceTags(condition: {{ tagId: $tagId }}, first: {PAGE},"
        " orderBy: RESOURCE_ID_ASC) { nodes { resourceByResourceId { id: rowId externalResourceId displayName"
        f" {KIND} {{ id: rowId name }} {PLACE} {{ id: rowId name }} }} }} }} }}"
    )
    CREATE = (
        f"mutation ($input: [NewResourceInput]!) {{ createResources(input: {{ input: $input }})"
        f" {{ result {{ {ANSWER} }} }} }}"
    )
    CREATE_ONE = (
        f"mutation ($resource: ResourceInput!) {{ createResource(input: {{ resource: $resource }})"
        f" {{ resource {{ {ANSWER} }} }} }}"
    )
    MANY = _aliased(
        f"c{{n}}: createResource(input: {{{{ resource: $i{{n}} }}}}) {{{{ resource {{{{ {ANSWER} }}}} }}}}",
        "ResourceInput",
        IN_BATCH,
    )

    def one(self, resource_id: str) -> Request:
        """Ask for a resource with its type."""
        return graphql(self.ONE, id=resource_id)

    def read(self) -> Request:
        """Ask for 1,000 resources."""
        return graphql(self.READ_ALL)

    def page(self, tag_id: str) -> Request:
        """Ask for the first resources with a tag, from the tag's side."""
        return graphql(self.PAGE_OF, tagId=tag_id)

    def create(self, items: list[Item]) -> Request:
        """Ask to create resources, by the function in SQL."""
        return graphql(self.CREATE, input=items)

    def create_one(self, item: Item) -> Request:
        """Ask to create a resource."""
        return graphql(self.CREATE_ONE, resource=item)

    def batch(self, items: list[Item]) -> Request:
        """Ask for many creates in one operation."""
        return graphql(self.MANY, **{f"i{n}": item for n, item in enumerate(items)})
