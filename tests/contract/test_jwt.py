"""Bearer tokens that others signed (RFC 7519): partners, their tenants, and forgeries."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.contract.examples import furnish
from tests.server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.server import Client, Reply, Server

SECRET = "the operator's own secret, long enough for HS256"
GLOBEX_SECRET = "a secret that only Globex and the server share!!"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
PARTNER = {"partnerId": "scope_acme", "type": "partner"}
TENANT = {"partnerId": "scope_acme", "tenantExternalId": "eng", "externalId": "user-7"}


def pem(key: Any) -> str:
    """Return the public half of a key pair."""
    form, kind = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.PEM
    return str(key.public_key().public_bytes(kind, form).decode())


def signed(claims: dict[str, Any], key: Any = SECRET, alg: str = "HS256", **header: Any) -> str:
    """Return a token that is valid for an hour, unless the claims say otherwise."""
    return jwt.encode({"exp": int(time.time()) + 3600, **claims}, key, algorithm=alg, headers=header or None)


def assembled(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """Return a token put together by hand."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    """Run a server that knows the keys of an operator and of some partners."""
    keys = [
        {"alg": "RS256", "kid": "rsa", "key": pem(RSA)},
        {"alg": "ES256", "kid": "ec", "key": pem(EC)},
        {"alg": "HS256", "key": GLOBEX_SECRET, "partnerId": "scope_globex"},
    ]
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(keys))
    async with serving(database_url, jwt_secret=SECRET, jwt_keys_file=str(path)) as server:
        await furnish(server.root)
        await furnish(server.root, root="scope_globex", suffix="_g")
        yield server


async def reach_of(client: Client) -> list[str]:
    """Return the ids of the scopes that a caller reads."""
    return [item["id"] for item in await client.read("/scopes")]


def refused(reply: Reply) -> bool:
    """Tell whether a token was refused as one that nobody knows."""
    return (reply.status, reply.code, reply.headers["WWW-Authenticate"]) == (401, "unauthorized", "Bearer")


async def test_a_partner_reaches_its_root_as_an_admin(server: Server) -> None:
    for partner in ("scope_acme", "scope_acme-external"):
        client = server.client(signed({"partnerId": partner, "type": "partner"}))
        assert await reach_of(client) == ["scope_acme", "scope_engineering", "scope_platform", "scope_sales"]
        made = await client.created("/scopes", {"parentScopeId": "scope_acme", "name": partner})
        assert made["createdBy"] == partner
        assert (await client.delete(f"/scopes/{made['id']}")).status == 200
        assert (await client.get("/tokens")).status == 200


async def test_a_tenant_reaches_its_scope_as_a_writer_under_its_external_id(server: Server) -> None:
    for tenant in ("eng", "scope_engineering"):
        client = server.client(signed({**TENANT, "tenantExternalId": tenant}))
        assert await reach_of(client) == ["scope_engineering", "scope_platform"]
        made = await client.created("/scopes", {"parentScopeId": "scope_engineering", "name": tenant})
        assert made["createdBy"] == "user-7"
        assert (await client.delete(f"/scopes/{made['id']}")).status == 200
        assert (await client.get("/tokens")).status == 403


async def test_a_tenant_may_name_only_its_own_scope(server: Server) -> None:
    client = server.client(signed(TENANT))
    for own in ("eng", "scope_engineering"):
        assert await reach_of(client.saying(reach_tenant_id=own)) == ["scope_engineering", "scope_platform"]
    for other in ("scope_platform", "scope_sales", "sales", "scope_acme", "scope_globex", "nobody"):
        reply = await client.get("/scopes", reach_tenant_id=other)
        assert (reply.status, reply.code) == (404, "not_found"), other
    partner = server.client(signed(PARTNER))
    assert await reach_of(partner.saying(reach_tenant_id="sales")) == ["scope_sales"]


async def test_the_claim_role_decides_what_a_token_may(server: Server) -> None:
    before = await server.root.everything()
    for claims in (PARTNER, TENANT):
        reader = server.client(signed({**claims, "role": "reader"}))
        assert (await reader.get("/scopes")).status == 200
        write = await reader.patch("/resources/resource_roadmap", {"displayName": "New"})
        assert (write.status, write.code) == (403, "forbidden")
        for role in ("owner", "ADMIN", "", None, 3, ["admin"]):
            assert refused(await server.client(signed({**claims, "role": role})).get("/scopes")), role
    admin = server.client(signed({**TENANT, "role": "admin"}))
    assert (await admin.get("/tokens")).status == 200
    assert await server.root.everything() == before


async def test_each_algorithm_verifies_with_its_own_key(server: Server) -> None:
    for token in (
        signed(PARTNER, RSA, "RS256", kid="rsa"),
        signed(PARTNER, RSA, "RS256"),
        signed(PARTNER, EC, "ES256", kid="ec"),
        signed(PARTNER, EC, "ES256"),
        signed(PARTNER, kid="unheard"),
    ):
        assert (await server.client(token).get("/scopes")).status == 200
    other_rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for token in (
        signed(PARTNER, RSA, "RS256", kid="ec"),
        signed(PARTNER, other_rsa, "RS256", kid="rsa"),
        signed(PARTNER, RSA, "RS384", kid="rsa"),
        signed(PARTNER, RSA, "PS256", kid="rsa"),
        signed(PARTNER, SECRET * 2, "HS512"),
        signed(PARTNER, SECRET + "!"),
    ):
        assert refused(await server.client(token).get("/scopes"))


async def test_forgeries_are_refused(server: Server) -> None:
    soon = {**PARTNER, "exp": int(time.time()) + 60}
    good = signed(PARTNER)
    head, body, signature = good.split(".")
    other_body = signed({**PARTNER, "partnerId": "scope_globex"}).split(".")[1]
    for token in (
        *(assembled({"alg": alg}, soon) for alg in ("none", "None", "NONE", "nOnE", "", "HS256", "RS256")),
        assembled({}, soon),
        assembled({"alg": ["HS256"]}, soon),
        assembled({"alg": "HS256", "kid": {"a": 1}}, soon),
        signed(PARTNER, "x" * 32),
        confused(soon, pem(RSA)),
        confused(soon, pem(EC)),
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{other_body}.{signature}",
        f"{head}.{body}.{signature}.x",
        f"{head}..{signature}",
        f" {head}.{body}",
        good + "é",
    ):
        assert refused(await server.client(token).get("/scopes")), token


def confused(claims: dict[str, Any], public_key: str) -> str:
    """Return a token signed with HMAC, with a public key as its secret, which PyJWT refuses to do."""
    unsigned = assembled({"alg": "HS256"}, claims).removesuffix(".")
    signature = hmac.new(public_key.encode(), unsigned.encode(), hashlib.sha256).digest()
    return unsigned + "." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


async def test_a_token_needs_an_expiry_that_has_not_passed(server: Server) -> None:
    now = int(time.time())
    expiries: tuple[object, ...] = (now - 1, 0, -1, None, "soon", [], {}, True, float("inf"))
    beginnings: tuple[object, ...] = (now + 60, "later", [1])
    all_times: tuple[dict[str, Any], ...] = (
        *({"exp": expiry} for expiry in expiries),
        *({"nbf": beginning} for beginning in beginnings),
        {"iat": "x"},
    )
    for times in all_times:
        assert refused(await server.client(signed({**PARTNER, **times})).get("/scopes")), times
    without = jwt.encode(PARTNER, SECRET, algorithm="HS256")
    assert refused(await server.client(without).get("/scopes"))


async def test_a_token_is_forgotten_when_it_expires(server: Server) -> None:
    expiry = int(time.time()) + 3
    client = server.client(signed({**PARTNER, "exp": expiry}))
    assert (await client.get("/scopes")).status == 200
    await asyncio.sleep(expiry - time.time())
    assert refused(await client.get("/scopes"))


async def test_an_unknown_partner_or_tenant_is_401(server: Server) -> None:
    names: tuple[object, ...] = ("scope_nobody", "eng", "scope_engineering", "", None, 7, [], "\0", "\ud800")
    wrong: tuple[dict[str, Any], ...] = (
        *({**PARTNER, "partnerId": name} for name in (*names, "x" * 3_000)),
        *(
            {**TENANT, "tenantExternalId": tenant}
            for tenant in ("nobody", "scope_platform", "scope_sales_g", "\ud800")
        ),
        *({**TENANT, "tenantExternalId": tenant} for tenant in ("", None, 7, "\0", "scope_acme")),
        *({**TENANT, "externalId": subject} for subject in ("", None, 7, "a\nb", "\ud800")),
        {"partnerId": "scope_acme"},
        {**TENANT, "type": "tenant", "externalId": ""},
        {"type": "partner"},
        {},
    )
    for claims in wrong:
        assert refused(await server.client(signed(claims)).get("/scopes")), claims


async def test_the_key_of_a_partner_verifies_only_that_partners_tokens(server: Server) -> None:
    globex = {"partnerId": "scope_globex", "type": "partner"}
    own = server.client(signed(globex, GLOBEX_SECRET))
    assert "scope_globex" in await reach_of(own)
    for claims in (PARTNER, TENANT, {**globex, "partnerId": "scope_acme-external"}, {"type": "partner"}):
        assert refused(await server.client(signed(claims, GLOBEX_SECRET)).get("/scopes")), claims
    assert "scope_globex" in await reach_of(server.client(signed(globex)))


async def test_a_server_without_keys_knows_no_jwt(sqlite_url: str) -> None:
    async with serving(sqlite_url) as server:
        await furnish(server.root)
        for token in (signed(PARTNER), signed(PARTNER, "x" * 32), assembled({"alg": "none"}, PARTNER)):
            assert refused(await server.client(token).get("/scopes"))
