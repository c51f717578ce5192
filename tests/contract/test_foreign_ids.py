"""A foreign id costs what a missing one costs: the same statements, so that time tells nobody what there is.

The questions are made from the routing table and from the schema: a new route, parameter, field or input that takes
an id is asked too, or fails here for want of a name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from graphql import GraphQLInputObjectType, GraphQLNonNull, build_schema, get_named_type

from app.rest.door import ROUTER
from app.rest.parameters import QueryParameter
from app.rest.uploads.envelopes import belongs
from app.telemetry import request_id
from db.batches import BATCHES, Kind, NewBatch
from graphql_schema.schema import print_schema
from tests.contract.examples import EXAMPLES, furnish
from tests.factories import create

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphql import GraphQLArgument, GraphQLField

    from app.rest.routes import Route
    from db.database import Database
    from tests.server import Client, Reply, Server

SCHEMA = build_schema(print_schema())
NAMESPACES = [example.namespace for example in EXAMPLES]
# What a member that holds an id names.
NAMES = {
    "scopeId": "scope",
    "parentScopeId": "scope",
    "resourceTypeId": "resource_type",
    "resourceId": "resource",
    "tagGroupId": "tag_group",
    "tagId": "tag",
    "tagsAny": "tag",
    "tagsAll": "tag",
    "tagsNone": "tag",
}
# Ids of clients' own systems, and the name of a field that holds some.
NO_IDS = {"externalId", "externalResourceId", "externalIdField"}
# The name of the requests, by which their statements are known.
ASKED = "asked"
# What fills the open parts of the upload dialect's routes, and their bodies; its definitions are named, not made.
PARTS = {
    "idOrName": "<resource_type>",
    "schemaDefinitionNameOrId": "<resource_type>",
    "externalId": "x",
    "batchId": "<batch>",
}
UPLOADS = {
    ("POST", "/partner/schema-definitions/{idOrName}"): {"description": "x"},
    ("POST", "/api/resources/{schemaDefinitionNameOrId}"): {"data": {"number": "x"}},
    ("POST", "/api/resources/{schemaDefinitionNameOrId}/batch"): {"resources": [{"number": "x"}]},
    ("PATCH", "/api/resources/{schemaDefinitionNameOrId}/batch"): {"resources": [{"number": "x"}]},
    ("DELETE", "/api/resources/{schemaDefinitionNameOrId}/batch"): {"externalIds": ["x"]},
    ("PATCH", "/api/resources/{schemaDefinitionNameOrId}/{externalId}"): {"data": {"n": 1}},
}
# What uploads by GraphQL take beside ids, as GraphQL writes it.
ARGUMENTS = {"records": '[{number: "x"}]', "externalIds": '["x"]'}
ANSWER = "{ count results { errors { code message } } }"


@dataclass(frozen=True)
class Question:
    """A request with one id that may be foreign or missing, marked by its namespace in `<>`; `own` ones exist."""

    method: str
    path: str
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.body}"

    async def sent_by(self, client: Client, suffix: str) -> Reply:
        """Send it, with the id that ends in `suffix`."""
        path, body = (re.sub("<(.+?)>", rf"\1_{suffix}", text) for text in (self.path, self.body))
        named = {"X_Request_Id": ASKED, **self.headers}
        if body:
            named["Content_Type"] = "application/json"
        return await client.send(self.method, path, body.encode() or None, **named)


def of_rest() -> Iterator[Question]:
    """Yield a question for each place of each route where an id stands."""
    for route in ROUTER.routes:
        yield from _of_path(route)
        for parameter in route.operation.parameters:
            if isinstance(parameter, QueryParameter) and _holds_id(parameter.name):
                own = _namespace(route) if parameter.name == "ids" else NAMES[parameter.name]
                yield Question(route.method, f"{route.template}?{parameter.name}=<{own}>")
        if route.method == "POST" and route.operation.body and not belongs(route.template):
            yield from _of_body(route)


def in_batches() -> list[Question]:
    """Return the same questions, each as the one operation of a batch."""
    return [
        Question("POST", "/batch", json.dumps({"requests": [operation]}))
        for each in of_rest()
        if (operation := _operation(each)) is not None
    ]


def _operation(question: Question) -> dict[str, Any] | None:
    if question.path.startswith("/tokens") or question.method == "PATCH":
        return None  # not in batches
    headers = {name.replace("_", "-"): value for name, value in question.headers.items()}
    body = {"body": json.loads(question.body)} if question.body else {}
    return {"method": question.method, "url": question.path, "headers": headers, **body}


def _of_path(route: Route) -> Iterator[Question]:
    if "{" not in route.template:
        return
    if belongs(route.template):
        path = re.sub("{(.+?)}", lambda part: PARTS[part[1]], route.template)
        sent = UPLOADS.get((route.method, route.template))
        yield Question(route.method, path, json.dumps(sent) if sent else "")
        return
    namespace = _namespace(route)
    assert route.template.count("{") == 1
    path = route.template.replace("{id}", f"<{namespace}>")
    if route.method in {"PUT", "PATCH"}:
        change = next(dict(each.change or {}) for each in EXAMPLES if each.namespace == namespace)
        yield Question(route.method, path, json.dumps(change), {"If_Match": "*"})
    else:
        yield Question(route.method, path)


def _of_body(route: Route) -> Iterator[Question]:
    assert route.operation.body
    shape = msgspec.structs.fields(route.operation.body.shape)
    references = [each.encode_name for each in shape if _holds_id(each.encode_name)]
    full = next((each.full for each in EXAMPLES if each.path == route.template.removesuffix("/batch")), None)
    if full is None:
        full = {"/tokens": {"role": "reader", "subject": "bob"}, "/batch": {}}[route.template]
    rest = {name: value for name, value in full.items() if name != "id" and name not in references}
    for wanted in references:
        body = {**rest, **{name: f"{NAMES[name]}_own" for name in references}, wanted: f"<{NAMES[wanted]}>"}
        yield Question("POST", route.template, json.dumps([body] if route.operation.body.max_items else body))


def _holds_id(name: str) -> bool:
    return (name == "ids" or name.endswith(("Id", "Ids"))) and name not in NO_IDS


def _namespace(route: Route) -> str:
    path = "/" + route.template.split("/")[1]
    return {**{each.path: each.namespace for each in EXAMPLES}, "/tokens": "token"}[path]


def of_queries() -> Iterator[Question]:
    """Yield a question for each argument of each query that is an id or a list of them."""
    assert SCHEMA.query_type
    for name, query in SCHEMA.query_type.fields.items():
        answer = get_named_type(query.type)
        nodes = getattr(answer, "fields", {}).get("nodes")
        shown = "{ totalCount nodes { id } }" if nodes else "{ id }"
        of = get_named_type(nodes.type).name if nodes else getattr(answer, "name", "")
        for argument, taken in query.args.items():
            if _is_id(taken):
                own = NAMESPACES if of == "Node" else [NAMES.get(argument) or _snake(of)]
                value = "[$id]" if "[" in str(taken.type) else "$id"
                for each in own:
                    yield _graphql(
                        f"query($id: ID!) {{ {name}({argument}: {value}) {shown} }}", {"id": f"<{each}>"}
                    )


def of_mutations() -> Iterator[Question]:
    """Yield a question for each member of each mutation's input that is the id of something stored."""
    assert SCHEMA.mutation_type
    for name, mutation in SCHEMA.mutation_type.fields.items():
        if name != "runBatch" and "input" not in mutation.args:
            yield from _of_arguments(name, mutation)
            continue
        if name != "runBatch":
            taken = get_named_type(mutation.args["input"].type)
            for item in _items(name.removesuffix("s"), taken):
                document = f"mutation($i: [{taken}!]!) {{ {name}(input: $i) {ANSWER} }}"
                yield _graphql(document, {"i": [item]})
            continue
        operations = get_named_type(mutation.args["operations"].type)
        assert isinstance(operations, GraphQLInputObjectType)
        for kind, operation in operations.fields.items():
            for item in _items(kind, get_named_type(operation.type)):
                document = f"mutation($o: [{operations}!]!) {{ {name}(operations: $o) {ANSWER} }}"
                yield _graphql(document.replace("count", "committed"), {"o": [{kind: item}]})


def _of_arguments(name: str, mutation: GraphQLField) -> Iterator[Question]:
    """Yield a question for each argument that is an id, or may be one instead of a key."""
    ids = {
        argument: "resource_type" if argument == "resourceType" else _named(name, argument)
        for argument, taken in mutation.args.items()
        if _is_id(taken) or argument == "resourceType"
    }
    rest = {argument: text for argument, text in ARGUMENTS.items() if argument in mutation.args}
    for wanted, namespace in ids.items():
        named = {argument: json.dumps(f"{each}_own") for argument, each in ids.items()}
        given = {**rest, **named, wanted: "$id"}
        arguments = ", ".join(f"{argument}: {text}" for argument, text in given.items())
        kind = get_named_type(mutation.args[wanted].type)
        document = f"mutation($id: {kind}!) {{ {name}({arguments}) {{ errors {{ code message }} }} }}"
        yield _graphql(document, {"id": f"<{namespace}>"})


def _items(name: str, taken: object) -> Iterator[dict[str, Any]]:
    """Yield an input for each of its ids, all others being there."""
    if not isinstance(taken, GraphQLInputObjectType):
        return  # what an operation of a batch is called
    needed = {
        member: f"{_named(name, member)}_own" if _is_id(each) else "x"
        for member, each in taken.fields.items()
        if isinstance(each.type, GraphQLNonNull)
    }
    for member, each in taken.fields.items():
        # A client's own choice of an id for something new names nothing that is stored.
        if _is_id(each) and (member != "id" or member in needed):
            yield {**needed, member: f"<{_named(name, member)}>"}


def _named(operation: str, member: str) -> str:
    """Return the namespace of a member: `updateResourceType`, `id` is a resource type's."""
    return NAMES.get(member) or _snake(re.sub("^[a-z]+", "", operation))


def _is_id(taken: GraphQLArgument) -> bool:
    return get_named_type(taken.type).name == "ID"


def _snake(name: str) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _graphql(document: str, variables: dict[str, Any]) -> Question:
    return Question("POST", "/graphql", json.dumps({"query": document, "variables": variables}))


class Recorder:
    """Notes the statements of the questions, but not those that find out who asks, and none that nobody asked for."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def transaction(self, name: str, seconds: float, *, failed: bool) -> None:
        """Ignore how transactions end."""

    def statement(self, transaction: str, sql: str, seconds: float) -> None:
        """Note a statement."""
        del seconds
        if transaction != "authenticate" and request_id.get() == ASKED:
            self.texts.append((transaction, sql))

    def take(self) -> list[tuple[str, str]]:
        """Return what was run since the last call; fields of a query run side by side, in no order."""
        texts, self.texts = sorted(self.texts), []
        return texts


async def plant(database: Database, client: Client, scope: str, suffix: str) -> None:
    """Store something of every noun in a scope, each id ending in `suffix`."""
    place = {"scopeId": scope}
    named = {"key": f"key-{suffix}", "name": suffix}
    await client.created("/scopes", {"id": f"scope_{suffix}", "parentScopeId": scope, "name": suffix})
    field = {"externalIdField": "number"}
    await client.created("/resource-types", {**place, **named, **field, "id": f"resource_type_{suffix}"})
    tags = [{"id": f"tag_{suffix}", "identifier": suffix, "label": suffix}]
    await client.created("/tag-groups", {**place, **named, "id": f"tag_group_{suffix}", "tags": tags})
    resource = {"resourceTypeId": f"resource_type_{suffix}", "externalResourceId": suffix}
    await client.created("/resources", {**place, **resource, "id": f"resource_{suffix}"})
    pair = {"tagId": f"tag_{suffix}", "resourceId": f"resource_{suffix}"}
    await client.created("/tag-assignments", {**pair, "id": f"tag_assignment_{suffix}"})
    batch = NewBatch(
        id=f"batch_{suffix}",
        scope_id=scope,
        type_name=f"resource_type_{suffix}",
        kind=Kind.INGEST,
        body="[]",
        total=0,
    )
    await create(database, BATCHES, batch)


QUESTIONS = {
    "rest": of_rest,
    "batches": in_batches,
    "queries": of_queries,
    "mutations": of_mutations,
}


@pytest.mark.parametrize("kind", QUESTIONS)
async def test_a_foreign_id_costs_the_statements_of_a_missing_one(server: Server, kind: str) -> None:
    await furnish(server.root)
    await furnish(server.root, root="scope_globex", suffix="_g")
    inside = server.root.saying(reach_tenant_id="scope_acme")
    await plant(server.database, inside, "scope_sales", "own")
    await plant(server.database, inside, "scope_engineering", "beside")
    abroad = server.root.saying(reach_tenant_id="scope_globex")
    await plant(server.database, abroad, "scope_globex", "abroad")
    # Of another branch for who reaches a branch, of another root for everybody.
    asked_by = [("scope_sales", ("beside", "abroad")), ("scope_acme", ("abroad",))]
    before = await server.root.everything()
    statements = 0
    recorder = Recorder()
    server.database.observer = recorder
    for scope, foreign in asked_by:
        caller = await server.holder(scope, role="admin")
        for question in QUESTIONS[kind]():
            recorder.take()
            missing = await question.sent_by(caller, "missing")
            expected = recorder.take()
            statements += len(expected)
            assert missing.status in {200, 404, 422}, (question, missing)
            for suffix in foreign:
                reply = await question.sent_by(caller, suffix)
                assert recorder.take() == expected, (str(question), suffix)
                told = reply.body.replace(suffix.encode(), b"missing")
                assert (reply.status, told) == (missing.status, missing.body), (str(question), suffix)
    assert statements > 2 * len(list(QUESTIONS[kind]()))
    assert await server.root.everything() == before


def test_every_route_and_field_that_takes_an_id_is_asked() -> None:
    assert {each.path.partition("?")[0] for each in of_rest()} >= {
        example.path + tail for example in EXAMPLES for tail in ("", "/batch", f"/<{example.namespace}>")
    }
    documents = " ".join(each.body for each in (*of_queries(), *of_mutations()))
    assert SCHEMA.query_type
    assert SCHEMA.mutation_type
    for name in {*SCHEMA.query_type.fields, *SCHEMA.mutation_type.fields} - {"limits"}:
        assert re.search(rf"\b{name}\(", documents), name
