"""The rate limit: off by default, per token, counted per operation and per item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.limits import REMEMBERED_TOKENS, RateLimiter
from db.errors import Throttled

if TYPE_CHECKING:
    from tests.http.conftest import Start


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def limiter(per_s: float) -> tuple[RateLimiter, Clock]:
    """Return a limiter and its clock."""
    clock = Clock()
    return RateLimiter(per_s, now=clock), clock


def test_as_many_are_let_in_as_flow_in_during_a_second() -> None:
    limits, clock = limiter(5)
    for _ in range(5):
        limits.admit("alice")
    with pytest.raises(Throttled) as refused:
        limits.admit("alice")
    assert refused.value.retry_after_s == 1
    clock.now += 0.2
    limits.admit("alice")
    with pytest.raises(Throttled):
        limits.admit("alice")


def test_each_token_has_a_share_of_its_own() -> None:
    limits, _ = limiter(1)
    limits.admit("alice")
    limits.admit("bob")
    with pytest.raises(Throttled):
        limits.admit("alice")


def test_nothing_is_saved_up_beyond_one_second() -> None:
    limits, clock = limiter(2)
    clock.now += 3600
    for _ in range(2):
        limits.admit("alice")
    with pytest.raises(Throttled):
        limits.admit("alice")


def test_a_batch_is_let_in_whole_and_leaves_a_debt() -> None:
    limits, clock = limiter(10)
    limits.admit("alice")
    limits.charge("alice", 1000)
    with pytest.raises(Throttled) as refused:
        limits.admit("alice")
    assert refused.value.retry_after_s == 100
    clock.now += 99
    with pytest.raises(Throttled):
        limits.admit("alice")
    clock.now += 1.1
    limits.admit("alice")


def test_the_first_item_is_what_the_request_paid_for() -> None:
    limits, _ = limiter(3)
    for _ in range(3):
        limits.admit("alice")
        limits.charge("alice", 1)
    with pytest.raises(Throttled):
        limits.admit("alice")


def test_a_rate_below_one_lets_one_in_now_and_then() -> None:
    limits, clock = limiter(0.1)
    limits.admit("alice")
    with pytest.raises(Throttled) as refused:
        limits.admit("alice")
    assert refused.value.retry_after_s == 10
    clock.now += 10
    limits.admit("alice")


def test_no_more_tokens_are_remembered_than_there_is_room_for() -> None:
    limits, _ = limiter(1)
    for i in range(REMEMBERED_TOKENS + 100):
        limits.admit(f"token {i}")
    assert len(limits._left) == REMEMBERED_TOKENS
    with pytest.raises(Throttled):
        limits.admit(f"token {REMEMBERED_TOKENS + 99}")


async def test_by_default_there_is_no_limit(start: Start) -> None:
    async with start() as server:
        assert {(await server.root.get("/scopes")).status for _ in range(300)} == {200}


async def test_too_many_requests_are_429_with_the_time_to_wait(start: Start) -> None:
    async with start(rate_limit_per_s=0.01) as server:
        assert (await server.root.get("/scopes")).status == 200
        reply = await server.root.get("/scopes")
        assert (reply.status, reply.code) == (429, "overloaded")
        assert 90 <= int(reply.headers["Retry-After"]) <= 100
        assert "0.01 operations or items a second" in reply.json["detail"]
        graphql = await server.root.post("/graphql", {"query": "{ __typename }"})
        assert graphql.status == 429
        assert (await server.client(None).get("/healthz")).status == 200


def scopes(count: int) -> list[dict[str, str]]:
    """Return scopes to create."""
    return [{"parentScopeId": "scope_acme", "name": f"Scope {i}"} for i in range(count)]


def operations(count: int) -> dict[str, Any]:
    """Return a batch of single creates."""
    return {"requests": [{"method": "POST", "url": "/scopes", "body": scope} for scope in scopes(count)]}


def reads(count: int) -> dict[str, Any]:
    """Return a batch of reads."""
    return {"requests": [{"method": "GET", "url": "/scopes/scope_acme"}] * count}


MUTATION = "mutation($input: [CreateScopeInput!]!) { createScopes(input: $input) { count } }"


@pytest.mark.parametrize(
    ("path", "body", "cost"),
    [
        ("/scopes", scopes(1)[0], 1),
        ("/scopes/batch", scopes(40), 40),
        ("/batch", operations(40), 40),
        ("/batch", reads(40), 40),
        ("/graphql", {"query": MUTATION, "variables": {"input": scopes(40)}}, 40),
        ("/graphql", {"query": "{ __typename }"}, 1),
    ],
    ids=["create-one", "create-many", "operations", "reads", "mutation", "query"],
)
async def test_items_and_operations_are_counted_at_every_door(
    start: Start, path: str, body: object, cost: int
) -> None:
    async with start(rate_limit_per_s=0.01) as server:
        assert (await server.root.post(path, body)).status in {200, 201}
        wait_s = int((await server.root.get("/scopes")).headers["Retry-After"])
        # The bucket holds one; a request takes 100 s to flow in again.
        assert cost * 100 - 30 <= wait_s <= cost * 100
