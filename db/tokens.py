"""Opaque tokens: 256 random bits, shown once, stored as a hash; and the scopes that callers name."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Select, and_, bindparam, delete, insert, or_, select

from db.access import Principal, Reach, ReachKind, Role
from db.clock import instant, seconds
from db.errors import Code, Conflict, NotFound, Refused
from db.ids import Namespace, namespace_of, new_id
from db.reads import path_range, reach_parameters
from db.tables import scopes, tokens

if TYPE_CHECKING:
    from db.database import Database, Reader, Transaction

CHANNEL = "sheaf_tokens"
EVERY_TOKEN = "*"  # noqa: S105 - a word for all of them
PREFIX = "sheaf_"
MAX_SUBJECT_CHARACTERS = 256


class TokenRow(msgspec.Struct, frozen=True, gc=False):
    """A stored token, without its hash."""

    id: str
    subject: str
    role: str
    scope_id: str
    root_id: str
    expires_at: str | None
    created_at: str
    created_by: str


_COLUMNS = [tokens.c[name] for name in TokenRow.__struct_fields__]
_HOME = and_(scopes.c.id == tokens.c.scope_id, scopes.c.root_id == tokens.c.root_id)
_BY_HASH = (
    select(*_COLUMNS, scopes.c.path)
    .join_from(tokens, scopes, _HOME)
    .where(tokens.c.hash == bindparam("token_hash"))
)
_ISSUE = insert(tokens)
# Keeps a scope from being deleted before its token, which goes along with it, is stored.
_HOLD = (
    select(scopes.c.id)
    .where(scopes.c.id == bindparam("id"), scopes.c.path == bindparam("path"))
    .with_for_update(read=True, key_share=True)
)
_REVOKE = delete(tokens).where(
    tokens.c.id == bindparam("token_id"), tokens.c.root_id == bindparam("token_root")
)
_HASH = select(tokens.c.hash).where(
    tokens.c.id == bindparam("token_id"), tokens.c.root_id == bindparam("token_root")
)


def hash_of(token: str) -> str:
    """Return what is stored of a token."""
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


async def principal(reader: Reader, token_hash: str) -> Principal | None:
    """Return the holder of a token, `None` if there is no such token or it has expired."""
    rows = await reader.fetch(_BY_HASH, {"token_hash": token_hash})
    if not rows:
        return None
    token, path = TokenRow(*rows[0][:-1]), rows[0][-1]
    expires_at = seconds(token.expires_at) if token.expires_at else None
    if expires_at is not None and expires_at <= time.time():
        return None
    reach = Reach(token.root_id, token.scope_id, path)
    return Principal(
        token.subject, Role[token.role.upper()], reach, expires_at=expires_at, token_hash=token_hash
    )


async def issue(
    database: Database,
    caller: Principal,
    scope_id: str,
    role: Role,
    *,
    subject: str,
    ttl_s: int | None = None,
) -> tuple[TokenRow, str]:
    """Make a token for a scope within reach, with no more rights than the caller's; returns its row and its text.

    Raises `Refused` (`forbidden`, `invalid_value`), `NotFound` for a scope out of reach.
    """
    caller.require(Role.ADMIN)
    if role > caller.role:
        raise Refused(Code.FORBIDDEN, "a token can't have more rights than the one that makes it")
    if not 1 <= len(subject) <= MAX_SUBJECT_CHARACTERS or not subject.isprintable():
        detail = f"subject must have 1 to {MAX_SUBJECT_CHARACTERS} printable characters"
        raise Refused(Code.INVALID_VALUE, detail)
    text = PREFIX + secrets.token_urlsafe(32)
    now = time.time()

    async def work(tx: Transaction) -> TokenRow:
        found = await scope_named(tx, caller, scope_id)
        if not await tx.fetch(_HOLD, {"id": found.scope_id, "path": found.path}):
            raise NotFound(f"no scope {scope_id}")
        expires_at = instant(now + ttl_s) if ttl_s is not None else None
        row = TokenRow(
            new_id(Namespace.TOKEN), subject, role.name.lower(), found.scope_id, found.root_id, expires_at,
            instant(now), caller.subject,
        )  # fmt: skip
        await tx.execute(_ISSUE, {**msgspec.structs.asdict(row), "hash": hash_of(text)})
        return row

    return await database.write("issue_token", work), text


@lru_cache(maxsize=8)
def _listed(kind: ReachKind, chosen: bool) -> Select[Any]:
    statement = select(*_COLUMNS).join_from(tokens, scopes, _HOME)
    if kind is not ReachKind.EVERYTHING:
        statement = statement.where(
            tokens.c.root_id == bindparam("reach_root"), path_range(scopes.c.path, "reach_low", "reach_high")
        )
    if chosen:
        statement = statement.where(tokens.c.id == bindparam("token_id"))
    return statement.order_by(tokens.c.id, tokens.c.root_id)


async def within_reach(reader: Reader, caller: Principal) -> list[TokenRow]:
    """Return the tokens of the scopes within reach."""
    caller.require(Role.ADMIN)
    rows = await reader.fetch(_listed(caller.kind, False), reach_parameters(caller))
    return [TokenRow(*row) for row in rows]


async def revoke(database: Database, caller: Principal, token_id: str) -> None:
    """Make a token worthless, in every process; `NotFound` unless it is within reach."""
    caller.require(Role.ADMIN)
    if namespace_of(token_id) is not Namespace.TOKEN:
        raise NotFound(f"no token {token_id}")

    async def work(tx: Transaction) -> None:
        rows = await tx.fetch(_listed(caller.kind, True), {**reach_parameters(caller), "token_id": token_id})
        if not rows:
            raise NotFound(f"no token {token_id}")
        for row in (TokenRow(*record) for record in rows):
            key = {"token_id": row.id, "token_root": row.root_id}
            for (stored,) in await tx.fetch(_HASH, key):
                await tx.notify(CHANNEL, stored)
            await tx.execute(_REVOKE, key)

    await database.write("revoke_token", work)


_SCOPE = (scopes.c.id, scopes.c.root_id, scopes.c.path, scopes.c.external_id)


@lru_cache(maxsize=8)
def _by_scope_id(kind: ReachKind) -> Select[Any]:
    statement = select(*_SCOPE).where(scopes.c.id == bindparam("named")).limit(2)
    if kind is ReachKind.EVERYTHING:
        return statement
    return statement.where(
        scopes.c.root_id == bindparam("reach_root"), path_range(scopes.c.path, "reach_low", "reach_high")
    )


_ROOT_BY_EXTERNAL_ID = select(*_SCOPE).where(
    scopes.c.external_id == bindparam("named"), scopes.c.parent_scope_id.is_(None)
)
_ROOT_BY_ID = select(*_SCOPE).where(scopes.c.id == bindparam("named"), scopes.c.parent_scope_id.is_(None))
_CHILD = select(*_SCOPE).where(
    scopes.c.root_id == bindparam("root"),
    scopes.c.parent_scope_id == bindparam("parent"),
    or_(scopes.c.external_id == bindparam("named"), scopes.c.id == bindparam("named")),
)
_OWN = select(*_SCOPE).where(scopes.c.root_id == bindparam("root"), scopes.c.id == bindparam("parent"))


async def scope_named(reader: Reader, caller: Principal, named: str) -> Reach:
    """Return the scope within reach that has an id, else that external id among the caller's scope and its children.

    Raises `NotFound`, or `Conflict` (`ambiguous_id`) where several roots have it.
    """
    rows = await reader.fetch(_by_scope_id(caller.kind), {**reach_parameters(caller), "named": named})
    if not rows and caller.reach is None:
        rows = await reader.fetch(_ROOT_BY_EXTERNAL_ID, {"named": named})
    elif not rows and caller.reach is not None:
        place = {"root": caller.reach.root_id, "parent": caller.reach.scope_id, "named": named}
        rows = [row for row in await reader.fetch(_OWN, place) if row[3] == named]
        rows = rows or [row for row in await reader.fetch(_CHILD, place) if row[3] == named]
    if not rows:
        raise NotFound(f"no scope {named}")
    if len(rows) > 1:
        raise Conflict(Code.AMBIGUOUS_ID, f"{named} exists under several roots: name the root")
    return _reach(rows[0])


async def narrowed(reader: Reader, caller: Principal, named: str) -> Principal:
    """Return the caller acting in a scope within reach; a tenant's token may name only its own."""
    reach = await scope_named(reader, caller, named)
    if caller.tenant_bound and caller.reach is not None and reach.scope_id != caller.reach.scope_id:
        raise NotFound(f"no scope {named}")
    return replace(caller, reach=reach)


async def partner_scope(reader: Reader, partner: str) -> Reach | None:
    """Return the root scope with an id, else with that external id."""
    for statement in (_ROOT_BY_ID, _ROOT_BY_EXTERNAL_ID):
        for row in await reader.fetch(statement, {"named": partner}):
            return _reach(row)
    return None


async def tenant_scope(reader: Reader, partner: Reach, tenant: str) -> Reach | None:
    """Return the direct child of a partner's scope with an external id, else with that id."""
    place = {"root": partner.root_id, "parent": partner.scope_id, "named": tenant}
    rows = sorted(await reader.fetch(_CHILD, place), key=lambda row: row[3] != tenant)
    return _reach(rows[0]) if rows else None


def _reach(row: Any) -> Reach:
    return Reach(root_id=row[1], scope_id=row[0], path=row[2])
