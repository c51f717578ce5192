"""JSON Web Tokens that others signed, and the keys that are believed (RFC 7519)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt

from db.errors import Unauthorized

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.settings import Settings

ALGORITHMS = ("HS256", "RS256", "ES256")
# PyJWT lets through what Python says of characters, numbers and types that no token has.
UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class VerificationKey:
    """A key that signs JWT, for one algorithm only: what was signed with another is never tried on it."""

    alg: str
    key: str
    kid: str | None = None
    partner_id: str | None = None


def verification_keys(settings: Settings) -> list[VerificationKey]:
    """Read the keys that the settings name; `ValueError` says what is wrong with the file."""
    keys = [VerificationKey("HS256", settings.jwt_secret)] if settings.jwt_secret else []
    if settings.jwt_keys_file:
        try:
            listed = json.loads(Path(settings.jwt_keys_file).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"SHEAF_JWT_KEYS_FILE is not JSON: {error}") from error
        if not isinstance(listed, list):
            raise ValueError("SHEAF_JWT_KEYS_FILE must hold a list of keys")
        keys += [_key(entry) for entry in listed]
    return keys


def _key(entry: Any) -> VerificationKey:
    if (
        not isinstance(entry, dict)
        or entry.get("alg") not in ALGORITHMS
        or not isinstance(entry.get("key"), str)
    ):
        raise ValueError(f"SHEAF_JWT_KEYS_FILE: a key needs alg (one of {', '.join(ALGORITHMS)}) and key")
    try:
        jwt.get_algorithm_by_name(entry["alg"]).prepare_key(entry["key"])
    except UNREADABLE as error:
        raise ValueError(f"SHEAF_JWT_KEYS_FILE: a key for {entry['alg']} can't be read: {error}") from error
    return VerificationKey(entry["alg"], entry["key"], entry.get("kid"), entry.get("partnerId"))


def claims_of(token: str, keys: Iterable[VerificationKey]) -> dict[str, Any]:
    """Return the claims of a JWT that one of the keys signed; each key verifies only its own algorithm."""
    try:
        header = jwt.get_unverified_header(token)
    except UNREADABLE as error:
        raise Unauthorized("the token is not a valid JWT") from error
    for key in keys:
        if key.alg != header.get("alg") or (header.get("kid") and key.kid and key.kid != header["kid"]):
            continue
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.alg],
                options={
                    "require": ["exp"],
                    "verify_aud": False,
                    "verify_iss": False,
                    "verify_sub": False,
                },
            )
        except UNREADABLE:
            continue
        if key.partner_id is None or claims.get("partnerId") == key.partner_id:
            return claims
    raise Unauthorized("the token is expired, or no key of this server signed it")
