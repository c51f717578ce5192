"""Random operations on random schemas, with faults in the resolvers: executed alike by graphql-core and by plans."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.executor.comparison import compare
from tests.executor.queries import Query
from tests.executor.universe import Context, schemas
from tests.executor.worlds import blueprint

# Of graphql-core, which leaves what it cancels before it began.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

OPERATIONS_PER_SCHEMA = 10
SOAK_SCHEMAS = 2_500


def check(seed: int, *, asynchronous: bool) -> tuple[int, int]:
    """Compare some operations on one schema; return how many there were, and how many of them had errors."""
    random = Random(seed)
    plan = blueprint(random, asynchronous=asynchronous)
    *both, world = schemas(plan)
    compared = with_errors = 0

    async def context() -> Context:
        return Context(world)

    with asyncio.Runner() as runner:
        for _ in range(OPERATIONS_PER_SCHEMA):
            query = Query(random, both[0]._schema)
            text = query.text()
            result = runner.run(compare(both, text, query.variables, context, in_order=plan.synchronous))
            if result is not None:
                compared += 1
                with_errors += bool(result.errors)
    return compared, with_errors


@pytest.mark.parametrize("asynchronous", [False, True], ids=["synchronous", "asynchronous"])
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_that_plans_answer_what_graphql_core_answers(seed: int, *, asynchronous: bool) -> None:
    check(seed, asynchronous=asynchronous)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["synchronous", "asynchronous"])
def test_that_plans_answer_what_graphql_core_answers_to_tens_of_thousands(*, asynchronous: bool) -> None:
    counts = [check(seed, asynchronous=asynchronous) for seed in range(SOAK_SCHEMAS)]
    compared, with_errors = (sum(each) for each in zip(*counts, strict=True))
    print(f"{compared:,} operations compared, {with_errors:,} of them with errors")  # noqa: T201 - what was shown
    assert compared > SOAK_SCHEMAS * OPERATIONS_PER_SCHEMA / 2
    assert with_errors > compared / 20
