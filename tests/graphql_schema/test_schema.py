"""The schema as such: what is checked in, what is documented, what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
    print_ast,
)

from db import outcomes, reads
from db.batches import Kind, OnStored, Status
from db.commands import OnConflict, OnError
from db.errors import Code
from graphql_schema.nodes import NOUNS
from graphql_schema.schema import print_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import StrEnum

    from graphql import GraphQLArgument, GraphQLNamedType

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built() -> GraphQLSchema:
    """Return the schema as a client's tool builds it from its text."""
    return build_schema(print_schema())


def own_types(schema: GraphQLSchema) -> Iterator[GraphQLNamedType]:
    """Yield the types that aren't GraphQL's own."""
    for named in schema.type_map.values():
        if not is_introspection_type(named) and not is_specified_scalar_type(named):
            yield named


def descriptions(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Yield the place and the description of everything in a schema."""
    for named in own_types(schema):
        yield named.name, named.description
        if isinstance(named, GraphQLEnumType):
            yield from ((f"{named.name}.{value}", each.description) for value, each in named.values.items())
        if isinstance(named, GraphQLInputObjectType):
            yield from ((f"{named.name}.{field}", each.description) for field, each in named.fields.items())
        if isinstance(named, (GraphQLObjectType, GraphQLInterfaceType)):
            for name, field in named.fields.items():
                yield f"{named.name}.{name}", field.description
                for argument, each in field.args.items():
                    yield f"{named.name}.{name}({argument})", each.description


def test_checked_in_schema_is_the_printed_one() -> None:
    assert (ROOT / "schema.graphql").read_text() == print_schema()


def test_everything_is_described(built: GraphQLSchema) -> None:
    described = dict(descriptions(built))
    assert [place for place, text in described.items() if not text] == []
    assert len(described) > 500


def test_descriptions_name_the_limits_that_are_checked(built: GraphQLSchema) -> None:
    described = dict(descriptions(built))
    assert f"{reads.MAX_LIMIT:,}" in (described["Query.scopes(first)"] or "")
    assert f"{reads.DEFAULT_LIMIT}" in (described["Query.scopes(first)"] or "")
    assert "1 to 1,000 characters" in (described["CreateScopeInput.name"] or "")
    assert "64 KiB" in (described["CreateScopeInput.meta"] or "")
    assert "1,000" in (described["Mutation.createScopes(input)"] or "")


@pytest.mark.parametrize(
    ("name", "enum"),
    [
        ("Outcome", outcomes.Outcome),
        ("ErrorCode", Code),
        ("OnError", OnError),
        ("OnConflict", OnConflict),
        ("BatchKind", Kind),
        ("BatchStatus", Status),
        ("OnStored", OnStored),
    ],
)
def test_enums_have_the_words_of_the_data_layer(built: GraphQLSchema, name: str, enum: type[StrEnum]) -> None:
    published = built.type_map[name]
    assert isinstance(published, GraphQLEnumType)
    assert list(published.values) == list(enum.__members__)


def test_every_noun_is_a_node(built: GraphQLSchema) -> None:
    node = built.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    names = {each.name for each in built.get_possible_types(node)}
    assert names == {"Scope", "ResourceType", "Resource", "TagGroup", "Tag", "TagAssignment", "Batch"}
    assert len(NOUNS) == len(names)


def test_every_filter_of_a_noun_is_an_argument_of_its_list(built: GraphQLSchema) -> None:
    query = built.query_type
    assert query is not None
    shared = {"first", "after", "last", "before", "scopeId", "withDescendants", "ids"}
    for noun in NOUNS.values():
        words = noun.table.name.split("_")
        field = words[0] + "".join(word.capitalize() for word in words[1:])
        own = {"resources": {"data", "orderBy"}, "batches": {"orderBy"}}.get(field, set())
        # The kind of a batch is `batchType` in the words of the upload dialect.
        named = {"kind" if name == "batchType" else name for name in (*noun.filters, *noun.searches)}
        assert set(query.fields[field].args) == shared | own | named, field


def test_mutations_take_lists_and_can_fail_alone(built: GraphQLSchema) -> None:
    mutation = built.mutation_type
    assert mutation is not None
    # `runBatch` takes operations of all kinds, and uploads are one batch each: they have tests of their own.
    others = {"runBatch", "uploadResources", "patchResources", "removeResources", "cancelBatch"}
    lists = {name: field for name, field in mutation.fields.items() if name not in others}
    assert sorted(lists) == sorted(
        [f"{verb}{noun}" for verb in ("create", "update", "delete")
         for noun in ("Scopes", "ResourceTypes", "Resources", "TagGroups", "Tags")]
        + ["tagResources", "untagResources"]
    )  # fmt: skip
    for name, field in lists.items():
        payload = f"{name[0].upper()}{name[1:]}Payload"
        assert str(field.type) == payload
        taken = {argument: str(each.type) for argument, each in field.args.items()}
        assert taken.pop("input").endswith("!]!")
        expected = {"onError": "OnError!", "dryRun": "Boolean!", "idempotencyKey": "String"}
        if name.startswith("create") or name == "tagResources":
            expected["onConflict"] = "OnConflict!"
        assert taken == expected, name
        assert default_of(field.args["onError"]) == "REJECT_ALL"
        assert default_of(field.args["dryRun"]) == "false"
        assert default_of(field.args["idempotencyKey"]) is None
        if "onConflict" in expected:
            assert default_of(field.args["onConflict"]) == "ERROR"


def default_of(argument: GraphQLArgument) -> str | None:
    """Return the default of an argument as the schema's text has it."""
    assert argument.ast_node
    value = argument.ast_node.default_value
    return print_ast(value) if value else None
