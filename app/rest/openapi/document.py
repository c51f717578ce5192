"""The OpenAPI 3.1 document: the routing table, written down."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from app.rest import headers
from app.rest.headers import Header
from app.rest.openapi.operations import PROBLEM_DOCUMENT, Operation, PathParameter, Refusal, Reply
from app.rest.openapi.schemas import REFERENCE, Schema, Schemas
from app.rest.parameters import QueryParameter
from app.rest.problems import STATUS, STATUS_OF_ERROR, TooSlow
from db.errors import Code, Throttled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.rest.routes import Route

VERSION = "0.1.0"
DESCRIPTION = """\
A catalogue of resources, their types, scopes and tags, whose core is batch. GraphQL, at `/graphql`, offers the same.

A refusal is a problem document (RFC 9457) with a `code` of a closed list; under `/api` and `/partner` it is
`{"success": false, "message", "errors"}`. A method that a path doesn't have is 405,
a path that doesn't exist 404. Each request may name itself with `X-Request-Id`, and each answer names the request.

`/metrics` tells the numbers of the server in Prometheus' text format, `/schema.graphql` the schema of GraphQL; neither
takes a token.\
"""
SECURITY = "token"
# What any operation may say; one that takes a token also to the token, and to the tenant that a header names.
ALWAYS = frozenset({Code.MALFORMED, Code.INTERNAL})
WITH_TOKEN = frozenset(
    {
        Code.INVALID_VALUE,
        Code.UNKNOWN_PARAMETER,
        Code.UNAUTHORIZED,
        Code.NOT_FOUND,
        Code.AMBIGUOUS_ID,
        Code.OVERLOADED,
    }
)
HEADER_OF = {
    Code.UNAUTHORIZED: headers.WWW_AUTHENTICATE,
    Code.METHOD_NOT_ALLOWED: headers.ALLOW,
    Code.OVERLOADED: headers.RETRY_AFTER,
}


def text(routes: Sequence[Route]) -> str:
    """Return the document as it is served, printed and kept."""
    return json.dumps(document(routes), indent=2, ensure_ascii=False) + "\n"


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Describe the routes."""
    return _Document(routes).whole()


class _Document:
    """Collects what several operations share while they are written down."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        forms = dict.fromkeys([PROBLEM_DOCUMENT, *(route.operation.refusal for route in routes)])
        refusals = Reply(status=500, says="", shapes=tuple(form.shape for form in forms))
        last = Operation(id="", summary="", tag="", replies=(refusals,))
        self._schemas = Schemas([*(route.operation for route in routes), last])
        self._parameters: dict[str, Schema] = {}
        self._headers: dict[str, Schema] = {}
        self._responses: dict[str, Schema] = {}

    def whole(self) -> dict[str, Any]:
        """Return the document."""
        paths: dict[str, dict[str, Any]] = {}
        for route in self._routes:
            paths.setdefault(route.template, {})[route.method.lower()] = self._operation(route.operation)
        self._refusal(PROBLEM_DOCUMENT, STATUS[Code.METHOD_NOT_ALLOWED], [Code.METHOD_NOT_ALLOWED])
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Sheaf",
                "version": VERSION,
                "description": DESCRIPTION,
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/"}],
            "security": [{SECURITY: []}],
            "tags": [{"name": tag} for tag in dict.fromkeys(route.operation.tag for route in self._routes)],
            "paths": paths,
            "components": {
                "schemas": dict(sorted(self._schemas.components.items())),
                "parameters": dict(sorted(self._parameters.items())),
                "headers": dict(sorted(self._headers.items())),
                "responses": dict(sorted(self._responses.items())),
                "securitySchemes": {
                    SECURITY: {"type": "http", "scheme": "bearer", "description": "an opaque token, or a JWT"}
                },
            },
        }

    def _operation(self, operation: Operation) -> Schema:
        described: Schema = {
            "operationId": operation.id,
            "summary": operation.summary,
            "tags": [operation.tag],
        }
        if operation.public:
            described["security"] = []
        shared = (
            (headers.X_REQUEST_ID,) if operation.public else (headers.REACH_TENANT_ID, headers.X_REQUEST_ID)
        )
        described["parameters"] = [self._parameter(each) for each in (*operation.parameters, *shared)]
        if body := operation.body:
            content = {"schema": self._schemas.of_body(body), "example": body.example}
            described["requestBody"] = {
                "required": True,
                "content": dict.fromkeys(body.media_types, content),
            }
        responses = {str(reply.status): self._reply(reply) for reply in operation.replies}
        for status, codes in _by_status(operation).items():
            responses[str(status)] = self._refusal(operation.refusal, status, codes)
        described["responses"] = dict(sorted(responses.items()))
        return described

    def _parameter(self, parameter: QueryParameter[Any] | PathParameter | Header) -> Schema:
        described: Schema = {"name": parameter.name, "description": parameter.says}
        match parameter:
            case PathParameter():
                return {"in": "path", **described, "required": True, "schema": parameter.schema}
            case QueryParameter():
                style = {"explode": False} if parameter.schema.get("type") == "array" else {}
                return {"in": "query", **described, **style, "schema": parameter.schema}
            case Header(required=True):
                return {"in": "header", **described, "required": True, "schema": parameter.schema}
            case Header():
                self._parameters[parameter.name] = {"in": "header", **described, "schema": parameter.schema}
        return {"$ref": f"#/components/parameters/{parameter.name}"}

    def _reply(self, reply: Reply) -> Schema:
        described: Schema = {"description": reply.says, "headers": self._response_headers(reply.headers)}
        if reply.shapes:
            content: Schema = {"schema": self._schemas.of_shapes(reply.shapes)}
            if reply.example is not None:
                content["example"] = reply.example
            described["content"] = {"application/json": content}
        if link := reply.link:
            described["links"] = {
                route.operation.id: {
                    "operationId": route.operation.id,
                    "parameters": {
                        f"header.{name}" if name in _headers_of(route.operation) else name: value
                        for name, value in link.parameters.items()
                        if name in {each.name for each in route.operation.parameters}
                    },
                }
                for route in self._routes
                if route.template == link.template
            }
        return described

    def _response_headers(self, sent: Iterable[Header]) -> Schema:
        described: Schema = {}
        for header in (*sent, headers.REQUEST_ID):
            required = {"required": True} if header.required else {}
            self._headers[header.name] = {"description": header.says, **required, "schema": header.schema}
            described[header.name] = {"$ref": f"#/components/headers/{header.name}"}
        return described

    def _refusal(self, form: Refusal, status: int, codes: list[Code]) -> Schema:
        """Describe the refusals of one status; those of a single code are kept among the components."""
        schema: Schema = {"$ref": REFERENCE.format(name=form.shape.__name__)}
        if form.tells_code:
            narrowed = {"properties": {"code": {"enum": [code.value for code in codes]}}}
            schema = {"allOf": [schema, narrowed]}
        response = {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(codes)}",
            "headers": self._response_headers(HEADER_OF[code] for code in codes if code in HEADER_OF),
            "content": {form.media_type: {"schema": schema}},
        }
        if len(codes) > 1:
            return response
        words = codes[0].split("_") if status == STATUS[codes[0]] else HTTPStatus(status).phrase.split()
        name = form.names + "".join(word.capitalize() for word in words)
        self._responses[name] = response
        return {"$ref": f"#/components/responses/{name}"}


def _headers_of(operation: Operation) -> set[str]:
    return {each.name for each in operation.parameters if isinstance(each, Header)}


def _by_status(operation: Operation) -> dict[int, list[Code]]:
    """Return the codes that an operation's problems may have, by their status."""
    codes = operation.refusals | (ALWAYS if operation.public else ALWAYS | WITH_TOKEN)
    statuses: dict[int, list[Code]] = {}
    for code in Code:
        if code in codes:
            statuses.setdefault(STATUS[code], []).append(code)
    if not operation.public:
        statuses[STATUS_OF_ERROR[Throttled]] = [Code.OVERLOADED]
    if operation.body:
        statuses[STATUS_OF_ERROR[TooSlow]] = [Code.MALFORMED]
    return statuses
