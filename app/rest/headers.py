"""The header fields that requests and answers carry, as `openapi.json` describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.rest.work import REPLAYED
from db.idempotency import KEPT_S, MAX_KEY_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTITY_TAG = r'(W/)?"[!#-~]*"'


@dataclass(frozen=True)
class Header:
    """A header field of a request or of an answer."""

    name: str
    says: str
    schema: Mapping[str, object]
    required: bool = False
    """Whether a request must bring it, or an answer always does."""


def _entity_tags(name: str, says: str, *, required: bool = False) -> Header:
    schema = {"type": "string", "pattern": rf"^(\*|({ENTITY_TAG}( *, *{ENTITY_TAG})*)?)$"}
    return Header(name, says, schema, required)


# Of requests
IF_MATCH = _entity_tags(
    "If-Match", "go on only if the object still has one of these ETags; `*` is any (RFC 9110 section 13.1.1)"
)
IF_MATCH_NEEDED = _entity_tags(IF_MATCH.name, IF_MATCH.says, required=True)
IF_NONE_MATCH = _entity_tags(
    "If-None-Match", "answer 304 if the object still has one of these ETags (RFC 9110 section 13.1.2)"
)
IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    f"makes a repeated request safe: for {KEPT_S // 3600} hours the same key gives the recorded answer again",
    {"type": "string", "pattern": rf"^[!-~]([ -~]{{0,{MAX_KEY_CHARACTERS - 2}}}[!-~])?$"},
)
REACH_TENANT_ID = Header(
    "reach-tenant-id",
    "narrows the call to a scope within the token's reach: its id, else its externalId",
    {"type": "string", "pattern": "^[!-~]([ -~]*[!-~])?$"},
)
X_REQUEST_ID = Header(
    "X-Request-Id",
    "names the request in logs; 1 to 200 printable ASCII characters without spaces, else the server makes one",
    {"type": "string"},
)

# Of answers
REQUEST_ID = Header(
    "X-Request-Id", "the request's name in the server's logs", {"type": "string"}, required=True
)
ETAG = Header(
    "ETag",
    "the object's revision, a strong entity tag",
    {"type": "string", "pattern": '^"[!#-~]+"$'},
    required=True,
)
LOCATION = Header(
    "Location", "the path of the object", {"type": "string", "format": "uri-reference"}, required=True
)
LINK = Header(
    "Link",
    'the next page, if there is one: `</path?…>; rel="next"` (RFC 8288)',
    {"type": "string", "pattern": '^<[^>]+>; rel="next"$'},
)
IDEMPOTENCY_REPLAYED = Header(
    REPLAYED, "this is the recorded answer of an earlier request", {"type": "string", "const": "true"}
)
RETRY_AFTER = Header(
    "Retry-After", "seconds after which to try again", {"type": "integer", "minimum": 0}, required=True
)
WWW_AUTHENTICATE = Header(
    "WWW-Authenticate", "what the server takes", {"type": "string", "const": "Bearer"}, required=True
)
ALLOW = Header("Allow", "the methods that the path has", {"type": "string"}, required=True)
