"""The same random plan through `POST /batch`, through `runBatch` and in the plain model: the same comes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from app.rest.door import ROUTER
from app.rest.exchange import Call
from app.rest.work import perform
from tests.graphql_schema.client import Client
from tests.operations.plans import (
    as_operation,
    as_request,
    begin_anew,
    comparable,
    contents,
    expected,
    plans,
)

if TYPE_CHECKING:
    from db.access import Principal
    from db.database import Database
    from tests.operations.plans import RandomPlan

# The plan empties the test's database first.
SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
RUN_BATCH = """
mutation ($operations: [BatchOperation!]!, $stop: Boolean!, $atomic: Boolean!, $dry: Boolean!) {
  runBatch(operations: $operations, stopOnError: $stop, atomic: $atomic, dryRun: $dry) {
    committed
    results { index outcome errors { code } node { id } }
  }
}
"""
UNDONE = {"ROLLED_BACK", "SKIPPED", "NOT_ATTEMPTED"}


async def by_rest(database: Database, caller: Principal, plan: RandomPlan) -> list[tuple[str, list[str]]]:
    requests = [as_request(step, i) for i, step in enumerate(plan.steps)]
    flags = {"stop_on_error": plan.stop_on_error, "atomic": plan.atomic, "dry_run": plan.dry_run}
    body = json.dumps({"requests": requests, **flags}).encode()
    call = Call(database=database, caller=caller, method="POST", path="/batch", body=body)
    answer = json.loads((await perform(call, ROUTER.read(call))).body)
    told = [
        _told(result, request["method"]) for result, request in zip(answer["results"], requests, strict=False)
    ]
    assert answer["success"] == (not any(codes for _, codes in told))
    return told


def _told(result: dict[str, Any], method: str) -> tuple[str, list[str]]:
    if "error" not in result:
        changed = {"POST": "created", "PUT": "changed", "DELETE": "deleted"}[method]
        assert result["response_code"] == (201 if method == "POST" else 200)
        return changed, []
    if "body" not in result:
        return "undone", [result["error"]["code"]]
    body = result["body"]
    assert result["error"]["code"] == body["code"]
    return "failed", sorted(error["code"] for error in body.get("errors", [body]))


async def by_graphql(database: Database, caller: Principal, plan: RandomPlan) -> list[tuple[str, list[str]]]:
    operations = [as_operation(step, i) for i, step in enumerate(plan.steps)]
    flags = {"stop": plan.stop_on_error, "atomic": plan.atomic, "dry": plan.dry_run}
    data = (await Client(database, caller).data(RUN_BATCH, operations=operations, **flags))["runBatch"]
    told: list[tuple[str, list[str]]] = []
    for index, result in enumerate(data["results"]):
        codes = sorted(error["code"].lower() for error in result["errors"])
        outcome = "undone" if result["outcome"] in UNDONE else result["outcome"].lower()
        assert result["index"] == index
        assert (result["node"] is None) == bool(codes)
        told.append((outcome, codes))
    failed = any(codes for _, codes in told)
    assert data["committed"] == (not plan.dry_run and not (plan.atomic and failed))
    return told


def _as_rest_tells(fates: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """Forget whether a PUT changed anything, which REST doesn't tell."""
    return [
        ("changed" if outcome in {"updated", "unchanged"} else outcome, codes) for outcome, codes in fates
    ]


async def check(database: Database, plan: RandomPlan) -> None:
    """Run a plan through both doors and the model, and compare outcomes and what is stored."""
    caller, model = await begin_anew(database)
    fates = expected(model, plan)
    things = comparable(model.things)
    assert await by_rest(database, caller, plan) == _as_rest_tells(fates)
    assert await contents(database) == things
    caller, _ = await begin_anew(database)
    assert await by_graphql(database, caller, plan) == fates
    assert await contents(database) == things


@settings(max_examples=80, suppress_health_check=SHARED)
@given(plan=plans())
async def test_both_doors_do_with_a_plan_what_the_model_does(database: Database, plan: RandomPlan) -> None:
    await check(database, plan)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@settings(suppress_health_check=SHARED)
@given(plan=plans())
async def test_both_doors_do_with_a_plan_what_the_model_does_for_long(
    database: Database, plan: RandomPlan
) -> None:
    await check(database, plan)
