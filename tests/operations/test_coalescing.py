"""Neighbours that run as one: what a client sees is what it would see one by one."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.rest.door import ROUTER
from app.rest.exchange import Call
from app.rest.work import perform
from db.coalescing import Run
from tests.db.test_model import _stored
from tests.db.universe import NEW
from tests.operations.batches import new, op, read, resource, run, stored, tag
from tests.operations.plans import CHANGES, PATHS, as_request, begin_anew, creates, deletes, names, updates
from tests.operations.plans import Step as PlanStep

if TYPE_CHECKING:
    from db.access import Principal
    from db.database import Database
    from tests.server import Client

SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
MADE_BY_THE_SERVER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
REVISION = re.compile(r'\\"[\w-]{16}\\"')
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


async def test_the_third_fails_by_the_key_that_the_first_took(root: Client) -> None:
    third = op("POST", "/resources", resource("c", externalResourceId="a"))
    batch = await run(root, new("a"), new("b"), third, new("d"))
    assert batch.codes == ["201", "201", "already_exists", "201"]
    direct = await root.post("/resources", third["body"])
    assert batch.bodies[2] == direct.json
    assert await stored(root) == ["a", "b", "d"]


async def test_ids_of_neighbours_rise_in_their_order_and_share_one_instant(root: Client) -> None:
    nameless = {name: value for name, value in resource("x").items() if name != "id"}
    bodies = [{**nameless, "externalResourceId": str(-i)} for i in range(100)]
    batch = await run(root, *(op("POST", "/resources", body) for body in bodies))
    ids = [body["id"] for body in batch.bodies]
    assert ids == sorted(set(ids))
    assert [body["externalResourceId"] for body in batch.bodies] == [str(-i) for i in range(100)]
    assert len({body["createdAt"] for body in batch.bodies}) == 1


async def test_a_scope_is_not_found_before_it_is_made(root: Client) -> None:
    below = op("POST", "/scopes", {"id": "scope_below", "parentScopeId": "scope_above", "name": "Below"})
    above = op("POST", "/scopes", {"id": "scope_above", "parentScopeId": "scope_acme", "name": "Above"})
    batch = await run(root, below, above, below)
    assert batch.codes == ["unknown_reference", "201", "201"]


async def test_a_scope_can_not_be_deleted_before_the_one_below_it(root: Client) -> None:
    url = "/scopes/scope_platform"
    batch = await run(root, op("DELETE", "/scopes/scope_engineering"), op("DELETE", url), op("DELETE", url))
    assert batch.codes == ["in_use", "200", "not_found"]


async def test_two_changes_of_one_object_each_see_its_revision(root: Client) -> None:
    etag = (await root.get("/resources/resource_roadmap")).headers["ETag"]
    url = "/resources/resource_roadmap"
    puts = [op("PUT", url, {"displayName": name}, headers={"If-Match": etag}) for name in "ab"]
    batch = await run(
        root, *puts, *(op("PUT", url, {"displayName": name}, headers={"If-Match": "*"}) for name in "cd")
    )
    assert batch.codes == ["200", "precondition_failed", "200", "200"]
    etags = [result["headers"].get("ETag") for result in batch.results]
    assert len({etag, etags[0], etags[2], etags[3]}) == 4


async def test_keys_that_move_between_neighbours_move_one_by_one(root: Client) -> None:
    def put(name: str, external_id: str) -> dict[str, Any]:
        body = {"name": name, "externalId": external_id}
        return op("PUT", f"/scopes/scope_{name}", body, headers={"If-Match": "*"})

    batch = await run(root, put("sales", "eng"), put("engineering", "free"), put("sales", "eng"))
    assert batch.codes == ["already_exists", "200", "200"]


async def test_a_group_may_be_full_for_the_later_of_neighbours(root: Client) -> None:
    await root.patch("/tag-groups/tag_group_priority", {"maxAppliedPerTarget": 2})
    await run(root, op("POST", "/tags", tag("low")))
    assign = [
        op("POST", "/tag-assignments", {"tagId": f"tag_{name}", "resourceId": "resource_roadmap"})
        for name in ("medium", "low", "high")
    ]
    assert (await run(root, *assign)).codes == ["201", "limit_reached", "already_exists"]


async def test_batches_of_the_catalogue_dialect_join_only_as_far_as_one_may_reach(root: Client) -> None:
    batches = [op("POST", "/tags/batch", [tag(f"{i}-{j:03}") for j in range(400)]) for i in range(3)]
    batch = await run(root, *batches, op("POST", "/tags/batch", [tag("0-000")]), read("roadmap"))
    assert batch.statuses == [201, 201, 201, 409, 200]
    assert [len(body) for body in batch.bodies[:3]] == [400] * 3


def requests() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return neighbours of one kind and noun."""
    every = st.sampled_from(list(NEW))
    changing = st.sampled_from(list(CHANGES))
    single = every.flatmap(lambda noun: st.lists(creates(noun), min_size=2, max_size=5))
    update = changing.flatmap(lambda noun: st.lists(updates(noun), min_size=2, max_size=4))
    delete = changing.flatmap(lambda noun: st.lists(deletes(noun), min_size=2, max_size=4))
    said = st.one_of(single, single, update, delete).map(
        lambda commands: [as_request(PlanStep(command), 0) for command in commands]
    )
    return st.one_of(
        said,
        said.map(lambda each: [_nameless(one) for one in each]),
        every.flatmap(lambda noun: st.lists(_batches(noun), min_size=2, max_size=3)),
        changing.flatmap(lambda noun: st.lists(_reads(noun), min_size=2, max_size=4)),
    )


def _nameless(request: dict[str, Any]) -> dict[str, Any]:
    body = request.get("body")
    return {**request, "body": {**body, "id": None}} if request["method"] == "POST" and body else request


def _batches(noun: Any) -> st.SearchStrategy[dict[str, Any]]:
    query = st.sampled_from(["", "", "?onError=continue", "?onConflict=skip", "?outcomes=true"])
    items = st.lists(creates(noun), max_size=3).map(
        lambda commands: [as_request(PlanStep(command), 0)["body"] for command in commands]
    )
    return st.builds(lambda query, items: op("POST", f"{PATHS[noun]}/batch{query}", items), query, items)


def _reads(noun: Any) -> st.SearchStrategy[dict[str, Any]]:
    match = st.sampled_from([{}, {}, {"If-None-Match": "*"}, {"If-None-Match": "broken"}])
    return st.builds(lambda name, said: op("GET", f"{PATHS[noun]}/{name}", headers=said), names(noun), match)


@st.composite
def envelopes(draw: st.DrawFn) -> dict[str, Any]:
    neighbours = draw(st.lists(requests(), min_size=1, max_size=6))
    operations = [dict(request) for each in neighbours for request in each]
    for position, operation in enumerate(operations):
        operation["id"] = f"o{position}"
        depends = draw(st.integers(0, 8)) == 0 and position > 0
        operation["depends_on"] = [f"o{draw(st.integers(0, position - 1))}"] if depends else []
    flags = {
        flag: draw(st.sampled_from([False, False, False, True]))
        for flag in ("stop_on_error", "atomic", "dry_run")
    }
    return {"requests": operations, **flags}


async def outcome(database: Database, envelope: dict[str, Any], key: str | None) -> tuple[str, list[str]]:
    """Run a batch on a fresh catalogue; tell the answer and what is stored, as far as chance has no part in it."""
    caller, _ = await begin_anew(database)
    told = [await _answer(database, caller, envelope, key)]
    if key is not None:
        told.append(await _answer(database, caller, envelope, key))
    contents = [
        f"{noun} {json.dumps(shown, sort_keys=True)}"
        for noun, things in (await _stored(database)).items()
        for shown, _ in things.values()
    ]
    return _normal("\n".join(told), contents)


async def _answer(database: Database, caller: Principal, envelope: dict[str, Any], key: str | None) -> str:
    headers = {} if key is None else {"idempotency-key": key}
    body = json.dumps(envelope).encode()
    call = Call(database=database, caller=caller, method="POST", path="/batch", headers=headers, body=body)
    return (await perform(call, ROUTER.read(call))).body.decode()


def _normal(answer: str, contents: list[str]) -> tuple[str, list[str]]:
    """Replace the server's ids by numbers, in the order in which the answer has them."""
    numbers = {each: f"#{i}" for i, each in enumerate(dict.fromkeys(MADE_BY_THE_SERVER.findall(answer)))}

    def numbered(text: str) -> str:
        return MADE_BY_THE_SERVER.sub(lambda found: numbers.get(found[0], "#"), text)

    return TIME.sub("TIME", REVISION.sub("REVISION", numbered(answer))), sorted(map(numbered, contents))


async def check(database: Database, envelope: dict[str, Any], key: str | None) -> None:
    """Run a batch with joined neighbours, and one by one."""
    together = await outcome(database, envelope, key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "take", lambda _run, _task: False)
        one_by_one = await outcome(database, envelope, key)
    assert together == one_by_one


@settings(max_examples=80, suppress_health_check=SHARED)
@given(envelope=envelopes(), key=st.sampled_from([None, None, "K"]))
async def test_neighbours_do_together_what_they_do_one_by_one(
    database: Database, envelope: dict[str, Any], key: str | None
) -> None:
    await check(database, envelope, key)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@settings(suppress_health_check=SHARED)
@given(envelope=envelopes(), key=st.sampled_from([None, None, "K"]))
async def test_neighbours_do_together_what_they_do_one_by_one_for_long(
    database: Database, envelope: dict[str, Any], key: str | None
) -> None:
    await check(database, envelope, key)
