"""Bearer token → Principal (RFC 6750)."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard

from db import tokens
from db.access import SYSTEM, Principal, Role
from db.errors import Unauthorized

if TYPE_CHECKING:
    from app.settings import Settings
    from db.database import Database, Reader

CACHED_PRINCIPALS = 10_000

# Tells the claims of a JWT, or raises `Unauthorized`.
Verify = Callable[[str], dict[str, Any]]


def _is_text(claim: object) -> TypeGuard[str]:
    """Tell whether a claim is a string that could be stored: without U+0000 and lone surrogates."""
    return isinstance(claim, str) and "\0" not in claim and claim.encode("utf-8", "ignore").decode() == claim


def root_token(settings: Settings) -> str:
    """Return the built-in root token; make it at first, readable by its owner only."""
    if settings.root_token:
        return settings.root_token
    path = settings.token_path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            path.chmod(0o600)
            file.write(tokens.PREFIX + secrets.token_urlsafe(32) + "\n")
    except FileExistsError:
        pass
    return path.read_text(encoding="utf-8").strip()


def verification(settings: Settings) -> Verify:
    """Return what tells the claims of a JWT; `ValueError` says what is wrong with the keys that the settings name."""
    if not settings.jwt_secret and not settings.jwt_keys_file:
        return _believe_none
    # Its libraries take a noticeable part of a start to load, and many servers know no keys.
    from app.verification import claims_of, verification_keys  # noqa: PLC0415

    return partial(claims_of, keys=verification_keys(settings))


def _believe_none(_token: str) -> dict[str, Any]:
    raise Unauthorized("this server knows no key that signs JWT")


class Authenticator:
    """Knows callers by their tokens, and remembers them for a few seconds."""

    def __init__(self, database: Database, root: str, verify: Verify, *, cache_s: float) -> None:
        self._database = database
        self._root = tokens.hash_of(root)
        self._verify = verify
        self._cache_s = cache_s
        self._forgotten = 0
        self._known: OrderedDict[tuple[str, str | None], tuple[Principal, float]] = OrderedDict()
        database.listen(tokens.CHANNEL, self._forget)

    async def principal(self, authorization: str | None, tenant: str | None) -> Principal:
        """Return who sent a request, narrowed to the tenant that it names.

        Raises `Unauthorized`; `NotFound` or `Conflict` for a tenant that isn't, or is several.
        """
        scheme, _, credentials = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not credentials.strip():
            raise Unauthorized("this takes an Authorization header: Bearer and a token")
        token = credentials.strip()
        key = (tokens.hash_of(token), tenant)
        now = time.time()
        if (known := self._known.get(key)) and known[1] > now:
            return known[0]
        forgotten = self._forgotten
        async with self._database.read("authenticate", brief=True) as reader:
            caller = await self._caller(reader, token, key[0])
            if tenant is not None:
                caller = await tokens.narrowed(reader, caller, tenant)
        until = min(now + self._cache_s, caller.expires_at or float("inf"))
        # What was revoked while it was read isn't remembered.
        if forgotten == self._forgotten:
            self._known[key] = (caller, until)
        if len(self._known) > CACHED_PRINCIPALS:
            self._known.popitem(last=False)
        return caller

    async def _caller(self, reader: Reader, token: str, token_hash: str) -> Principal:
        if hmac.compare_digest(token_hash, self._root):
            return replace(SYSTEM, token_hash=token_hash)
        if token.count(".") == 2:
            return await self._from_jwt(reader, token, token_hash)
        if caller := await tokens.principal(reader, token_hash):
            return caller
        raise Unauthorized("the token is unknown, expired or revoked")

    async def _from_jwt(self, reader: Reader, token: str, token_hash: str) -> Principal:
        claims = self._verify(token)
        partner_id, tenant = claims.get("partnerId"), claims.get("tenantExternalId")
        if not _is_text(partner_id):
            raise Unauthorized("the token names no partner")
        partner = await tokens.partner_scope(reader, partner_id)
        if partner is None:
            raise Unauthorized("the token's partner is unknown")
        subject = claims.get("externalId")
        if claims.get("type") == "partner":
            reach, default = partner, Role.ADMIN
            subject = subject or claims.get("sub") or partner_id
        else:
            if not _is_text(tenant) or not subject:
                raise Unauthorized("the token names no tenant and externalId, and is no partner's")
            found = await tokens.tenant_scope(reader, partner, tenant)
            if found is None:
                raise Unauthorized("the token's tenant is unknown")
            reach, default = found, Role.WRITER
        role = Role.named(str(claims["role"])) if "role" in claims else default
        if role is None or not isinstance(subject, str) or not subject.isprintable():
            raise Unauthorized("the token's role or subject is not valid")
        return Principal(
            subject, role, reach, reach is not partner, expires_at=float(claims["exp"]), token_hash=token_hash
        )

    def _forget(self, token_hash: str | None) -> None:
        """Drop a revoked token's holder, or everybody when messages may have been missed."""
        self._forgotten += 1
        for key in list(self._known):
            if token_hash in (None, tokens.EVERY_TOKEN, key[0]):
                del self._known[key]
