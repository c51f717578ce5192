"""What a batch costs, and what a bug in one operation does to the others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from app.rest.operations import results, translation
from db import engine
from db.errors import Unavailable
from tests.operations.batches import new, op, read, resource, run, stored, tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.server import Client, Server

MAX_STATEMENTS_A_RUN = 6


class Recorder:
    """Keeps the names of transactions and the statements of each."""

    def __init__(self) -> None:
        self.transactions: list[str] = []
        self.statements: list[str] = []

    def transaction(self, name: str, seconds: float, *, failed: bool) -> None:
        """Note a transaction, a failed one with an exclamation mark."""
        del seconds
        self.transactions.append(name + "!" * failed)

    def statement(self, transaction: str, sql: str, seconds: float) -> None:
        """Note a statement."""
        del transaction, seconds
        self.statements.append(sql)


@pytest.fixture
def recorder(server: Server, root: Client) -> Recorder:
    """Record what the server's database is asked from now on."""
    server.database.observer = recorder = Recorder()
    return recorder


async def test_a_hundred_creates_run_as_one(root: Client, recorder: Recorder) -> None:
    batch = await run(root, *(new(f"{i:03}") for i in range(100)))
    assert batch.statuses == [201] * 100
    assert recorder.transactions == ["run_plan"]
    assert len(recorder.statements) == 3


async def test_a_hundred_reads_of_different_resources_are_one_statement(
    root: Client, recorder: Recorder
) -> None:
    await run(root, *(new(f"{i:03}") for i in range(99)))
    recorder.statements.clear()
    batch = await run(root, *(read(f"{i:03}") for i in range(99)), read("none"))
    assert batch.statuses == [200] * 99 + [404]
    assert len(recorder.statements) == 1


async def test_a_mixed_batch_costs_a_few_statements_for_each_run(root: Client, recorder: Recorder) -> None:
    names = [f"{i:02}" for i in range(20)]
    etag = {"If-Match": "*"}
    requests = [
        *(new(name) for name in names),
        *(op("POST", "/tags", tag(name)) for name in names[:16]),
        *(
            op("POST", "/tag-assignments", {"tagId": "tag_00", "resourceId": f"resource_{n}"})
            for n in names[:16]
        ),
        *(op("PUT", f"/resources/resource_{name}", {"data": 1}, headers=etag) for name in names[:16]),
        *(read(name) for name in names[:16]),
        *(op("DELETE", f"/resources/resource_{name}") for name in names[:16]),
    ]
    assert len(requests) == 100
    batch = await run(root, *requests)
    assert batch.statuses == [201] * 52 + [200] * 48
    assert recorder.transactions == ["run_plan"] * 5
    assert len(recorder.statements) <= 6 * MAX_STATEMENTS_A_RUN
    assert await stored(root) == names[16:]


@pytest.mark.parametrize("members", [{"atomic": True}, {"dry_run": True}])
async def test_one_transaction_holds_all_runs(
    root: Client, recorder: Recorder, members: dict[str, Any]
) -> None:
    tags = [op("POST", "/tags", tag(f"{i}")) for i in range(49)]
    batch = await run(root, *(new(f"{i}") for i in range(51)), *tags, **members)
    assert batch.statuses == [201] * 100
    assert [name.rstrip("!") for name in recorder.transactions] == ["run_plan"]
    assert len(recorder.statements) <= 2 * MAX_STATEMENTS_A_RUN


async def test_a_key_costs_each_run_its_look_up_and_its_record(root: Client, recorder: Recorder) -> None:
    batch = await run(root, *(new(f"{i:03}") for i in range(100)), key="K")
    assert batch.statuses == [201] * 100
    assert recorder.transactions == ["recall_plan", "run_plan"]
    assert len(recorder.statements) == 3 + 3


async def test_a_fault_in_a_joined_run_costs_one_wasted_run(root: Client, recorder: Recorder) -> None:
    batch = await run(root, *(new(f"{i:03}", taken=i in {30, 60}) for i in range(100)))
    assert [i for i, status in enumerate(batch.statuses) if status != 201] == [30, 60]
    alone = "create_resources!"
    assert recorder.transactions == ["run_plan!", "run_plan", alone, "run_plan", alone, "run_plan"]


async def test_a_run_in_which_all_is_faulty_is_tried_together_once(root: Client, recorder: Recorder) -> None:
    batch = await run(root, *(new(f"{i:03}", taken=True) for i in range(100)))
    assert batch.codes == ["already_exists"] * 100
    assert recorder.transactions == ["run_plan!"] + ["create_resources!"] * 100


async def test_what_can_be_seen_to_be_faulty_is_not_tried_together(root: Client, recorder: Recorder) -> None:
    unreadable = op("POST", "/resources", {"id": 5})
    batch = await run(root, new("a"), new("b"), unreadable, new("c"), new("d"))
    assert batch.codes == ["201", "201", "invalid_value", "201", "201"]
    assert recorder.transactions == ["run_plan", "create_resources!", "run_plan"]


class Meter:
    """Counts the items of every command."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def items(self, token_hash: str | None, noun: str, outcomes: Mapping[str, int]) -> None:
        """Add up outcomes."""
        del token_hash, noun
        self.counts.update({str(outcome): count for outcome, count in outcomes.items()})

    def reads(self, token_hash: str | None, count: int) -> None:
        """Add up reads."""
        del token_hash
        self.counts["read"] += count


@pytest.mark.parametrize("members", [{}, {"dry_run": True}])
async def test_each_item_is_counted_once_though_a_run_was_tried_in_vain(
    server: Server, root: Client, members: dict[str, Any]
) -> None:
    server.database.meter = meter = Meter()
    requests = [new(str(i), taken=i in {2, 5}) for i in range(9)]
    batch = await run(root, *requests, read("0"), **members)
    assert batch.statuses == [409 if i in {2, 5} else 201 for i in range(9)] + [200]
    good = "rolled_back" if members else "created"
    assert meter.counts == {good: 7, "failed": 2, "read": 1}


def breaking(on: Callable[[Any], bool]) -> Callable[..., Any]:
    """Return an engine that has a bug in some commands."""
    real = engine.execute

    async def execute(tx: Any, caller: Any, command: Any, now: str) -> Any:
        if any(on(item) for item in command.items):
            raise ZeroDivisionError("a bug")
        return await real(tx, caller, command, now)

    return execute


def _is_b(item: Any) -> bool:
    return getattr(item, "external_resource_id", None) == "b"


@pytest.mark.parametrize("stop", [False, True])
async def test_a_bug_in_one_operation_is_told_at_its_index_and_the_others_go_on(
    root: Client, monkeypatch: pytest.MonkeyPatch, stop: bool
) -> None:
    monkeypatch.setattr(engine, "execute", breaking(_is_b))
    requests = [new("a"), new("b"), new("c"), op("POST", "/tags", tag("low"))]
    with capture_logs() as logged:
        reply = await root.post(
            "/batch", {"requests": requests, "stop_on_error": stop}, X_Request_Id="wanted"
        )
    assert [line["index"] for line in logged if line["event"] == "bug_in_operation"] == [1]
    results = reply.json["results"]
    assert [result["response_code"] for result in results] == [201, 500] if stop else [201, 500, 201, 201]
    failed = results[1]
    assert failed["body"]["code"] == "internal"
    assert failed["error"] == {"code": "internal", "message": "an internal error; its request id is wanted"}
    assert "ZeroDivisionError" not in reply.body.decode()
    assert await stored(root) == (["a"] if stop else ["a", "c"])


@pytest.mark.parametrize("members", [{"atomic": True}, {"atomic": True, "dry_run": True}])
async def test_a_bug_in_one_operation_undoes_an_atomic_batch(
    root: Client, monkeypatch: pytest.MonkeyPatch, members: dict[str, Any]
) -> None:
    before = await root.everything()
    monkeypatch.setattr(engine, "execute", breaking(_is_b))
    with capture_logs():
        batch = await run(root, new("a"), new("b"), new("c"), **members)
    assert batch.codes == ["rolled_back", "internal", "not_attempted"]
    assert batch.statuses == [424, 500, 424]
    assert await root.everything() == before


async def test_a_bug_in_an_answer_undoes_its_operation(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    real = results.Result

    def broken(answer: Any) -> Any:
        if b'"externalResourceId":"b"' in answer.body:
            raise ZeroDivisionError("a bug")
        return real(answer)

    monkeypatch.setattr(translation, "Result", broken)
    with capture_logs():
        batch = await run(root, new("a"), new("b"), new("c"), read("a"))
    assert batch.statuses == [201, 500, 201, 200]
    assert await stored(root) == ["a", "c"]


async def test_a_database_that_is_gone_is_told_at_each_index_without_trying_each_again(
    server: Server, root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def write(name: str, *_: object, **__: object) -> None:
        asked.append(name)
        raise Unavailable("the database can't be reached")

    monkeypatch.setattr(server.database, "write", write)
    batch = await run(root, *(new(str(i)) for i in range(50)), op("POST", "/tags", resource("x")))
    assert batch.codes[:50] == ["overloaded"] * 50
    assert batch.statuses[:50] == [503] * 50
    assert {result["headers"]["Retry-After"] for result in batch.results[:50]} == {"1"}
    assert asked == ["run_plan", "create_tags"]
