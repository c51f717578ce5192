"""openapi.json is what the routes are, and says it in the words of OpenAPI 3.1."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from app.cli import main
from app.rest.door import ROUTER
from app.rest.openapi.document import VERSION, document, text
from app.rest.openapi.members import MEANINGS, MEANINGS_IN
from app.rest.openapi.operations import PathParameter
from app.rest.problems import STATUS
from app.samples import SAMPLES, UPLOAD
from tests.server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
DOCUMENT = document(ROUTER.routes)
COMPONENTS = DOCUMENT["components"]
OPERATIONS = [pytest.param(route, id=route.operation.id) for route in ROUTER.routes]


def resolved(node: Any) -> Any:
    """Return what a reference leads to, or the node itself."""
    if not isinstance(node, dict) or "$ref" not in node:
        return node
    found: Any = DOCUMENT
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def described(route: Any) -> Any:
    return DOCUMENT["paths"][route.template][route.method.lower()]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            yield reference
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def test_the_file_is_what_the_routes_make() -> None:
    assert (PROJECT / "openapi.json").read_text(encoding="utf-8") == text(ROUTER.routes), (
        "run `sheaf schema openapi > openapi.json`"
    )


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_status:
        main(["schema", "openapi"])
    assert exit_status.value.code == 0
    assert capsys.readouterr().out == text(ROUTER.routes)


async def test_anybody_may_read_it(sqlite_url: str) -> None:
    async with serving(sqlite_url) as server:
        reply = await server.client(None).get("/openapi.json")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.body.decode() == text(ROUTER.routes)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json"])
async def test_a_path_without_a_token_names_its_methods(sqlite_url: str, path: str) -> None:
    async with serving(sqlite_url) as server:
        reply = await server.client(None).post(path, {})
    assert (reply.status, reply.code, reply.headers["Allow"]) == (405, "method_not_allowed", "GET")


def test_it_is_an_openapi_3_1_document() -> None:
    validator = jsonschema_rs.Draft202012Validator(OPENAPI_31)
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize("name", COMPONENTS["schemas"])
def test_every_schema_is_a_json_schema(name: str) -> None:
    schema = COMPONENTS["schemas"][name]
    jsonschema_rs.meta.validate({"$schema": DIALECT, **schema})
    assert set(schema.get("required", ())) <= set(schema.get("properties", ()))


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        assert resolved({"$ref": reference}), reference


def test_its_version_is_the_projects() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == VERSION


@pytest.mark.parametrize("route", OPERATIONS)
def test_a_route_is_described_with_all_that_it_takes(route: Any) -> None:
    operation = described(route)
    assert operation["operationId"] == route.operation.id
    parameters = [resolved(parameter) for parameter in operation["parameters"]]
    sent = [(parameter["in"], parameter["name"]) for parameter in parameters]
    assert len(sent) == len(set(sent))
    assert {name for place, name in sent if place == "path"} == {
        part[1:-1] for part in route.parts if part.startswith("{")
    }
    assert ("header", "X-Request-Id") in sent
    assert (("header", "reach-tenant-id") in sent) is not route.operation.public
    assert ("requestBody" in operation) is (route.operation.body is not None)
    for parameter in route.operation.parameters:
        if isinstance(parameter, PathParameter):
            assert parameter.name in route.template


@pytest.mark.parametrize("route", OPERATIONS)
def test_a_route_is_described_with_all_that_it_answers(route: Any) -> None:
    responses = {status: resolved(response) for status, response in described(route)["responses"].items()}
    assert {str(reply.status) for reply in route.operation.replies} <= responses.keys()
    assert {str(STATUS[code]) for code in route.operation.refusals} <= responses.keys()
    for status, response in responses.items():
        assert "X-Request-Id" in response["headers"], status
        if int(status) >= 400:
            assert list(response["content"]) == [route.operation.refusal.media_type], status
    if not route.operation.public:
        assert "WWW-Authenticate" in responses["401"]["headers"]
        assert "Retry-After" in responses["429"]["headers"]
        assert "Retry-After" in responses["503"]["headers"]


def test_operations_have_names_of_their_own() -> None:
    names = [route.operation.id for route in ROUTER.routes]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("route", OPERATIONS)
def test_its_examples_fit_their_schemas(route: Any) -> None:
    operation = described(route)
    for body in (operation.get("requestBody", {}), *map(resolved, operation["responses"].values())):
        for media in body.get("content", {}).values():
            if "example" in media:
                whole = {"$schema": DIALECT, "components": COMPONENTS, **media["schema"]}
                validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
                assert [error.message for error in validator.iter_errors(media["example"])] == []


def test_the_upload_of_seed_004_is_an_example_and_leads_to_its_status_and_its_end() -> None:
    operation = DOCUMENT["paths"]["/api/resources/{schemaDefinitionNameOrId}/batch"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["example"] == UPLOAD
    by_id = {"batchId": "$response.body#/data/batchId"}
    assert {name: link["parameters"] for name, link in operation["responses"]["202"]["links"].items()} == {
        "getBatch": by_id,
        "cancelBatch": by_id,
    }


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path)
def test_the_requests_of_the_seeds_are_the_examples(sample: Any) -> None:
    body = DOCUMENT["paths"][sample.path]["post"]["requestBody"]
    assert body["content"]["application/json"]["example"] == sample.body


def test_every_member_has_one_meaning_and_none_is_left_over() -> None:
    members = {name for schema in COMPONENTS["schemas"].values() for name in schema.get("properties", ())}
    assert members == MEANINGS.keys()
    for owner, meanings in MEANINGS_IN.items():
        shapes = [schema for name, schema in COMPONENTS["schemas"].items() if owner in (name, _owner(name))]
        assert shapes, owner
        for shape in shapes:
            told = {name: part["description"] for name, part in shape["properties"].items()}
            assert meanings.items() <= told.items(), owner


def _owner(name: str) -> str:
    return "Envelope" if name.endswith("Answer") else name


def test_what_is_asked_changed_replaced_and_shown_differ_in_what_they_require() -> None:
    schemas = COMPONENTS["schemas"]
    assert schemas["NewTag"]["required"] == ["scopeId", "tagGroupId", "identifier", "label"]
    assert "required" not in schemas["TagChange"]
    assert schemas["TagReplacement"]["required"] == ["label"]
    assert schemas["Tag"]["required"] == [
        "id", "scopeId", "tagGroupId", "identifier", "label", "createdBy", "createdAt",
    ]  # fmt: skip
    assert schemas["TagChange"]["properties"]["label"]["type"] == "string"
    asked = [name for name, schema in schemas.items() if schema.get("additionalProperties") is False]
    assert {name for name in asked if name.startswith(("New", "Inline"))} == {
        "InlineTag", "NewDefinition", "NewResource", "NewResourceType", "NewScope", "NewTag", "NewTagAssignment",
        "NewTagGroup", "NewToken",
    }  # fmt: skip


def test_a_batch_answers_objects_or_outcomes() -> None:
    created = DOCUMENT["paths"]["/tags/batch"]["post"]["responses"]["201"]
    assert created["content"]["application/json"]["schema"] == {
        "oneOf": [
            {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}},
            {"type": "array", "items": {"$ref": "#/components/schemas/TagOutcome"}, "minItems": 1},
        ]
    }


def test_a_created_object_leads_to_what_can_be_done_with_it() -> None:
    created = DOCUMENT["paths"]["/tags"]["post"]["responses"]["201"]
    by_id = {"id": "$response.body#/id"}
    at_this_revision = {**by_id, "header.If-Match": "$response.header.ETag"}
    assert {name: link["parameters"] for name, link in created["links"].items()} == {
        "getTag": by_id,
        "updateTag": at_this_revision,
        "replaceTag": at_this_revision,
        "deleteTag": at_this_revision,
    }
