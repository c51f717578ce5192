"""Tokens, for those who may manage them: POST /tokens, GET /tokens, DELETE /tokens/{id}."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.rest import problems
from app.rest.exchange import Success, json_answer
from app.rest.headers import LOCATION
from app.rest.openapi.operations import REFUSED_BODIES, Body, Link, Operation, PathParameter, Reply
from app.rest.parameters import Parameters
from app.rest.routes import Route
from app.rest.work import Act
from db import tokens
from db.access import Role
from db.errors import Code, Fault, NotFound
from db.outcomes import Report, failed
from db.shapes import PRINTABLE, Reference, ScopeId, Timestamp, TokenId, decode_one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.rest.exchange import Answer, Call
    from db.shapes import Item

Seconds = Annotated[int, Meta(ge=1, le=10 * 365 * 86_400, description="a whole number from 1 to 315,360,000")]
Subject = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=tokens.MAX_SUBJECT_CHARACTERS,
        description=f"1 to {tokens.MAX_SUBJECT_CHARACTERS} printable characters",
        extra_json_schema={"pattern": PRINTABLE},
    ),
]
RoleName = Literal["reader", "writer", "admin"]


class NewToken(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A token asked for."""

    scope_id: Reference
    role: RoleName
    subject: Subject
    ttl_seconds: Seconds | None = None


class Token(msgspec.Struct, frozen=True, rename="camel"):
    """A token in an answer; its text is shown once, when it is made."""

    id: TokenId
    scope_id: ScopeId
    role: Annotated[str, Meta(extra_json_schema={"enum": [*get_args(RoleName)]})]
    subject: str
    expires_at: Timestamp | UnsetType
    created_at: Timestamp
    created_by: str
    token: str | UnsetType = UNSET


EXAMPLE = {"scopeId": "scope_acme", "role": "writer", "subject": "importer", "ttlSeconds": 86_400}
SHOWN = {
    "id": "token_0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
    "scopeId": "scope_acme",
    "role": "writer",
    "subject": "importer",
    "expiresAt": "2024-01-16T10:30:00Z",
    "createdAt": "2024-01-15T10:30:00Z",
    "createdBy": "system",
}
LISTING = Operation(
    id="listTokens",
    summary="List the tokens of the scopes within reach, without their texts",
    tag="tokens",
    replies=(Reply(status=200, says="all of them", shapes=(list[Token],), example=[SHOWN]),),
    refusals=frozenset({Code.FORBIDDEN}),
)
CREATION = Operation(
    id="createToken",
    summary="Make a token for a scope within reach, with no more rights than one's own",
    tag="tokens",
    body=Body(shape=NewToken, example=EXAMPLE),
    replies=(
        Reply(
            status=201,
            says="made; its text is shown this once",
            shapes=(Token,),
            example={**SHOWN, "token": "sheaf_9Yq3vJxk"},
            headers=(LOCATION,),
            link=Link("/tokens/{id}", {"id": "$response.body#/id"}),
        ),
    ),
    refusals=REFUSED_BODIES | {Code.FORBIDDEN, Code.UNKNOWN_REFERENCE},
)
REVOCATION = Operation(
    id="revokeToken",
    summary="Make a token worthless",
    tag="tokens",
    parameters=(PathParameter("id", "the token's id", {"type": "string"}),),
    replies=(Reply(status=200, says="revoked", shapes=(Success,), example={"success": True}),),
    refusals=frozenset({Code.FORBIDDEN}),
)


def routes() -> Iterator[Route]:
    """Yield the routes of tokens."""
    yield Route("GET", "/tokens", list_tokens, LISTING)
    yield Route("POST", "/tokens", create_token, CREATION)
    yield Route("DELETE", "/tokens/{id}", revoke_token, REVOCATION)


def list_tokens(call: Call) -> Act:
    """List the tokens of the scopes within reach, without their texts."""
    Parameters(call.query).end()
    return Act(partial(_list, call))


async def _list(call: Call) -> Answer:
    async with call.database.read("list_tokens") as reader:
        rows = await tokens.within_reach(reader, call.caller)
    return json_answer(200, [_shown(row) for row in rows])


def create_token(call: Call) -> Act:
    """Make a token for a scope within reach, with no more rights than the caller's."""
    call.caller.require(Role.ADMIN)
    call.require_json()
    Parameters(call.query).end()
    return Act(partial(_create, call, decode_one(call.body, NewToken)))


async def _create(call: Call, asked: Item[NewToken]) -> Answer:
    if isinstance(asked, tuple):
        return _refused(*asked)
    try:
        row, text = await tokens.issue(
            call.database,
            call.caller,
            asked.scope_id,
            Role[asked.role.upper()],
            subject=asked.subject,
            ttl_s=asked.ttl_seconds,
        )
    except NotFound:
        detail = f"scopeId: there is no scope {asked.scope_id}"
        return _refused(Fault(Code.UNKNOWN_REFERENCE, "/scopeId", detail))
    return json_answer(201, _shown(row, text), {"Location": f"/tokens/{row.id}", "Cache-Control": "no-store"})


def _refused(*faults: Fault) -> Answer:
    report: Report[Any] = Report([failed(*faults)], committed=False)
    return problems.of_report(report, single=True)


def revoke_token(call: Call) -> Act:
    """Make a token worthless in every process."""
    call.caller.require(Role.ADMIN)
    Parameters(call.query).end()
    return Act(partial(_revoke, call))


async def _revoke(call: Call) -> Answer:
    await tokens.revoke(call.database, call.caller, call.segments["id"])
    return json_answer(200, {"success": True})


def _shown(row: tokens.TokenRow, text: str | UnsetType = UNSET) -> Token:
    expires_at = UNSET if row.expires_at is None else row.expires_at
    return Token(
        row.id, row.scope_id, row.role, row.subject, expires_at, row.created_at, row.created_by, text
    )
