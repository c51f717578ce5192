"""How many statements each edge and list takes, for 1 parent and for 200.

The edges are those of the schema, so that none can be forgotten. `docs/statements.md` is written by
`python -m tests.graphql_schema.statement_table`.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import GraphQLObjectType, build_schema, get_named_type, is_composite_type

from db.batches import BATCHES, Kind, NewBatch
from db.commands import Create
from db.database import open_database
from db.engine import run
from db.migrations import migrate
from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.resources import RESOURCES
from db.scopes import SCOPES, NewScope
from db.tag_assignments import TAG_ASSIGNMENTS, NewTagAssignment
from db.tag_groups import TAG_GROUPS, NewTagGroup
from db.tags import TAGS
from db.uploads.turns import apply_next
from graphql_schema.schema import print_schema
from tests import factories
from tests.graphql_schema.client import Client, Statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from db.database import Database

DOCS = Path(__file__).parents[2] / "docs" / "statements.md"
MANY = 200
# Where each type's objects are listed, 200 of them with something at every edge.
LISTS = {
    "Scope": 'scopes(parentScopeId: "scope_sales", ',
    "ResourceType": 'resourceTypes(key: "n", ',
    "Resource": "resources(",
    "TagGroup": 'tagGroups(key: "k", ',
    "Tag": 'tags(scopeId: "scope_sales", withDescendants: true, ',
    "TagAssignment": "tagAssignments(",
    "Batch": "batches(",
}
# What shows a part of an object, and leads nowhere.
PARTS = {"BatchCounts", "BatchOptions", "ItemError"}
# What a connection is asked for, and where the number or the objects are in the answer.
OF_CONNECTIONS = {
    "(first: 5) { nodes { id } }": "nodes",
    "(last: 5) { edges { cursor node { id } } pageInfo { endCursor } }": "edges",
    "{ totalCount }": "totalCount",
}
HEAD = """# Statements per edge and list

What a field adds to the statements of its query, for 1 parent and for {many}: the same on SQLite and PostgreSQL,
whatever there is. Transaction control aside. Made by `python -m tests.graphql_schema.statement_table`; a test compares
it with the server, edge by edge of the schema.

| field | asked for | 1 parent | {many} parents |
| --- | --- | ---: | ---: |
"""


class Edge(NamedTuple):
    """A field of a type that leads to objects."""

    owner: str
    name: str
    target: str
    kind: str
    """`one`, `list` or `connection`."""
    leaf: str
    """What is asked of its objects: `id`, where they have one."""

    @property
    def selections(self) -> dict[str, str | None]:
        """What it is asked for, and where the answer has it."""
        if self.kind != "connection":
            return {f"{{ {self.leaf} }}": None}
        return {text.replace("{ id }", f"{{ {self.leaf} }}"): where for text, where in OF_CONNECTIONS.items()}


class Line(NamedTuple):
    """A line of the table."""

    field: str
    selection: str
    alone: int
    together: int

    def __str__(self) -> str:
        """Return it in Markdown."""
        return f"| `{self.field}` | `{self.selection}` | {self.alone} | {self.together} |"


def edges() -> dict[str, list[Edge]]:
    """Return the edges of each type of the catalogue, as a client's tool reads them from the schema."""
    schema = build_schema(print_schema())
    return {
        owner.name: _edges_of(owner)
        for owner in schema.get_possible_types(schema.type_map["Node"])  # type: ignore[arg-type]  # an interface
    }


def edges_below(edge: Edge) -> list[Edge]:
    """Return the edges of the objects that an edge leads to."""
    target = build_schema(print_schema()).type_map[edge.target]
    assert isinstance(target, GraphQLObjectType)
    return _edges_of(target)


def _edges_of(owner: GraphQLObjectType) -> list[Edge]:
    return [
        _edge(owner.name, name, field.type)
        for name, field in owner.fields.items()
        if is_composite_type(get_named_type(field.type)) and get_named_type(field.type).name not in PARTS
    ]


def query_fields() -> dict[str, bool]:
    """Return the queries that lead to objects, and whether each is a list."""
    query = build_schema(print_schema()).query_type
    assert query is not None
    named = {name: get_named_type(field.type) for name, field in query.fields.items()}
    return {
        name: "nodes" in getattr(each, "fields", {})
        for name, each in named.items()
        if is_composite_type(each)
    }


def _edge(owner: str, name: str, answer: Any) -> Edge:
    named = get_named_type(answer)
    kind = "list" if "[" in str(answer) else "one"
    if isinstance(named, GraphQLObjectType) and "nodes" in named.fields:
        named, kind = get_named_type(named.fields["nodes"].type), "connection"
    leaves = [
        each for each, field in named.fields.items() if not is_composite_type(get_named_type(field.type))
    ]
    return Edge(owner, name, named.name, kind, "id" if "id" in leaves else leaves[0])


async def fill(acme: Database) -> Client:
    """Store 200 objects of every noun, one at each edge of the others, and return a client of all."""
    await factories.create(
        acme,
        SCOPES,
        *(NewScope(id=f"scope_n{i}", parent_scope_id="scope_sales", name="N") for i in range(MANY)),
        *(NewScope(id=f"scope_below_n{i}", parent_scope_id=f"scope_n{i}", name="B") for i in range(MANY)),
    )
    everything = await factories.caller_in(acme, "scope_acme")
    nouns: dict[Any, list[Any]] = {
        RESOURCE_TYPES: [
            NewResourceType(
                id=f"resource_type_{key}{i}",
                scope_id=f"scope_n{i}",
                key=key,
                name="N",
                schema={"properties": {"id": {}, **{each: {"$ref": f"schemas/{each}"} for each in refers}}},
                external_id_field="id",
            )
            for i in range(MANY)
            for key, refers in (("n", ("n", "m")), ("m", ("n",)))
        ],
        TAG_GROUPS: [
            NewTagGroup(id=f"tag_group_n{i}", scope_id=f"scope_n{i}", key="k", name="N") for i in range(MANY)
        ],
        TAGS: [factories.new_tag(f"n{i}", f"tag_group_n{i}", scope_id=f"scope_n{i}") for i in range(MANY)],
        RESOURCES: [
            factories.new_resource(
                "e",
                id=f"resource_n{i}",
                scope_id=f"scope_n{i}",
                resource_type_id=f"resource_type_n{i}",
                data={"id": "e", "n": "e"},
            )
            for i in range(MANY)
        ],
    }
    for noun, items in nouns.items():
        await factories.create(acme, noun, *items, caller=everything)
    pairs = [NewTagAssignment(tag_id=f"tag_n{i}", resource_id=f"resource_n{i}") for i in range(MANY)]
    assert (await run(acme, everything, Create(TAG_ASSIGNMENTS, pairs))).committed
    await factories.create(acme, BATCHES, *(_half_done(i) for i in range(MANY)), caller=everything)
    while await acme.write("apply_batch", apply_next):
        pass
    return Client(acme, everything)


def _half_done(i: int) -> Any:
    """Return a batch of a record that fails and one that waits."""
    return NewBatch(
        id=f"batch_n{i}",
        scope_id=f"scope_n{i}",
        type_name="n",
        kind=Kind.INGEST,
        body='[{"id": "bad", "n": {}}, {"id": "early", "n": "late"}]',
        total=2,
        wait_s=3600,
    )


async def measured(client: Client, statements: Statements) -> list[Line]:
    """Ask for every edge, and every edge behind a connection, and return what each adds."""
    lines = []
    every = edges()
    for owner, parents in LISTS.items():
        for edge in every[owner]:
            for selection, shown in edge.selections.items():
                asked = f"edge: {edge.name}{selection}"
                counts = [await _added((client, statements), parents, asked, shown, n) for n in (1, MANY)]
                lines.append(Line(f"{owner}.{edge.name}", selection, *counts))
            for inner in edges_below(edge) if edge.kind == "connection" else ():
                selection = next(iter(inner.selections))
                asked = f"edge: {edge.name}(first: 5) {{ nodes {{ {inner.name}{selection} }} }}"
                counts = [await _added((client, statements), parents, asked, "nodes", n) for n in (1, MANY)]
                lines.append(Line(f"{owner}.{edge.name}.{inner.name}", selection, *counts))
    return lines


async def _added(
    large: tuple[Client, Statements], parents: str, asked: str, shown: str | None, count: int
) -> int:
    """Return how many statements a field adds to its parents'; each parent must have something there."""
    client, statements = large
    statements.take()
    await client.data(f"{{ list: {parents} last: {count}) {{ nodes {{ id }} }} }}")
    without = statements.take()
    data = await client.data(f"{{ list: {parents} last: {count}) {{ nodes {{ {asked} }} }} }}")
    found = [node["edge"] if shown is None else node["edge"][shown] for node in data["list"]["nodes"]]
    assert len(found) == count
    assert all(found), (parents, asked)
    return statements.take() - without


def written(lines: list[Line]) -> str:
    """Return the table's document."""
    return HEAD.format(many=MANY) + "".join(f"{line}\n" for line in lines)


def undocumented() -> Iterator[str]:
    """Yield the types whose edges aren't measured."""
    yield from sorted(set(edges()) - set(LISTS))


async def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/sheaf.db"
        await migrate(url)
        database = open_database(url)
        await factories.catalogue(database)
        client = await fill(database)
        database.observer = statements = Statements()
        DOCS.write_text(written(await measured(client, statements)), encoding="utf-8")
        await database.close()


if __name__ == "__main__":
    asyncio.run(_write())
