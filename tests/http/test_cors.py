"""CORS: which pages may call, and what they may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.settings import BadSetting, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.http.conftest import Start

PAGE = "https://app.example"
ASKED = {"Origin": PAGE, "Access_Control_Request_Method": "PUT"}
EXPOSED = "ETag, Idempotency-Replayed, Link, Location, Retry-After, X-Request-Id"


def about_cors(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of the protocol."""
    return {name: value for name, value in headers.items() if name.startswith("Access-Control-")}


async def test_without_the_setting_no_page_may_call(start: Start) -> None:
    async with start() as server:
        for reply in (
            await server.root.get("/scopes", Origin=PAGE),
            await server.client(None).send("OPTIONS", "/scopes", None, **ASKED),
        ):
            assert about_cors(reply.headers) == {}
            assert "Vary" not in reply.headers


async def test_a_listed_page_may_read_answers_of_every_kind(start: Start) -> None:
    async with start(cors_origins=(PAGE, "http://localhost:5173")) as server:
        for reply in (
            await server.root.get("/scopes", Origin=PAGE),
            await server.root.get("/scopes/scope_nowhere", Origin=PAGE),
            await server.client(None).get("/scopes", Origin=PAGE),
            await server.root.post("/graphql", {"query": "{ __typename }"}, Origin=PAGE),
            await server.client(None).get("/healthz", Origin=PAGE),
            await server.client(None).get("/", Origin=PAGE),
        ):
            assert about_cors(reply.headers) == {
                "Access-Control-Allow-Origin": PAGE,
                "Access-Control-Expose-Headers": EXPOSED,
            }
            assert "Origin" in ", ".join(reply.headers.getall("Vary"))  # type: ignore[attr-defined]  # aiohttp's


async def test_another_page_may_not_and_caches_are_told_that_it_depends(start: Start) -> None:
    async with start(cors_origins=(PAGE,)) as server:
        for origin in ("https://app.example.evil", "http://app.example", "null", PAGE + ":8443"):
            reply = await server.root.get("/scopes", Origin=origin)
            assert reply.status == 200
            assert about_cors(reply.headers) == {}
            assert reply.headers["Vary"] == "Origin"


async def test_a_preflight_is_answered_without_a_token(start: Start) -> None:
    async with start(cors_origins=(PAGE,)) as server:
        reply = await server.client(None).send("OPTIONS", "/resources/x", None, **ASKED)
        assert (reply.status, reply.body) == (204, b"")
        told = about_cors(reply.headers)
        assert told["Access-Control-Allow-Origin"] == PAGE
        assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(
            told["Access-Control-Allow-Methods"].split(", ")
        )
        assert {"Authorization", "Content-Type", "If-Match", "Idempotency-Key", "reach-tenant-id"} <= set(
            told["Access-Control-Allow-Headers"].split(", ")
        )
        refused = await server.client(None).send(
            "OPTIONS", "/resources/x", None, **{**ASKED, "Origin": "https://b"}
        )
        assert about_cors(refused.headers) == {}


async def test_options_that_is_no_preflight_is_a_method_like_any_other(start: Start) -> None:
    async with start(cors_origins=(PAGE,)) as server:
        reply = await server.root.send("OPTIONS", "/scopes", Origin=PAGE)
        assert (reply.status, reply.code) == (405, "method_not_allowed")


async def test_any_page_may_call_when_all_are_allowed_but_never_with_credentials(start: Start) -> None:
    async with start(cors_origins=("*",)) as server:
        for reply in (
            await server.root.get("/scopes", Origin=PAGE),
            await server.client(None).send("OPTIONS", "/scopes", None, **ASKED),
        ):
            assert reply.headers["Access-Control-Allow-Origin"] == "*"
            assert "Access-Control-Allow-Credentials" not in reply.headers


@pytest.mark.parametrize(
    "text", ["app.example", "https://a.example/", "https://a.example/path", "null", "https://"]
)
def test_a_setting_that_no_origin_can_equal_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="SHEAF_CORS_ORIGINS"):
        Settings.read({"SHEAF_CORS_ORIGINS": text})
    assert Settings.read({"SHEAF_CORS_ORIGINS": "https://a.example, http://b:81"}).cors_origins == (
        "https://a.example",
        "http://b:81",
    )
