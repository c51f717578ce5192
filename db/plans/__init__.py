"""Many operations as one plan: in order, each its own transaction, or all of them in one.

Both doors, `POST /batch` and `runBatch`, translate their operations into a plan and its results into their dialects.
The semantics are sequential; neighbours that may run as one statement do (`db.coalescing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.plans.operations import MAX_OPERATIONS, Done, Fate, Operation, Plan, R, Record, Undone
from db.plans.runs import Runner, missing

if TYPE_CHECKING:
    from db.access import Principal
    from db.database import Database


async def run(database: Database, caller: Principal, plan: Plan[R]) -> list[Fate[R]]:
    """Run a plan; one fate per operation, or fewer where `stop_on_error` ends the list with the first failure.

    Raises what concerns the plan as a whole: `Conflict` for its idempotency key, `Unavailable` for an atomic one.
    """
    runner = Runner(database, caller, plan)
    if plan.atomic or plan.dry_run:
        return await runner.run_as_one()
    return await runner.run_each()


__all__ = [
    "MAX_OPERATIONS",
    "Done",
    "Fate",
    "Operation",
    "Plan",
    "Record",
    "Undone",
    "missing",
    "run",
]
