"""Marked fields: asked once for all parents, and compared with what their resolvers answer."""

from collections.abc import Sequence
from operator import attrgetter
from types import SimpleNamespace
from typing import Annotated, Any

import strawberry
from strawberry import Parent

from graphql_schema.executor import BREADTH_FIRST, Batched, Keyed
from tests.executor.pairs import alike, pair


class Counting:
    """Declares marked fields, and notes what they were called with."""

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []

    def keyed(self, answers: dict[Any, Any]) -> Any:
        """Declare a field by key."""

        def load(_info: Any, keys: list[Any]) -> list[Any]:
            self.calls.append(keys)
            return [answers[key] for key in keys]

        def resolve(row: Parent[Any]) -> Any:
            answer = None if row.key is None else answers[row.key]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return strawberry.field(resolver=resolve, metadata={BREADTH_FIRST: Keyed(attrgetter("key"), load)})

    def batched(self, *, short: bool = False) -> Any:
        """Declare a field with an argument."""

        def resolve_all(rows: Sequence[Any], _info: Any, times: int = 1) -> list[int]:
            self.calls.append([each.key for each in rows])
            return [len(str(each.key)) * times for each in rows][short:]

        def resolve(
            row: Parent[Any], times: Annotated[int, strawberry.argument(description="How often.")] = 1
        ) -> int:
            return len(str(row.key)) * times

        return strawberry.field(resolver=resolve, metadata={BREADTH_FIRST: Batched(resolve_all)})


def marked(keys: Sequence[Any], counting: Counting, *, short: bool = False) -> tuple[Any, Any]:
    """Return schemas with a list of rows of these keys."""
    rows = [SimpleNamespace(key=key) for key in keys]
    answers = {
        "a": SimpleNamespace(name="A"),
        "b": SimpleNamespace(name=None),
        "c": ValueError("no c"),
        "d": None,
    }

    @strawberry.type
    class Named:
        name: str

    @strawberry.type
    class Item:
        named: Named | None = counting.keyed(answers)
        size: int = counting.batched(short=short)

    def resolve() -> Any:
        return rows

    @strawberry.type
    class Items:
        items: list[Item] = strawberry.field(resolver=resolve)

    return pair(Items)


async def test_that_a_key_is_loaded_once_however_many_have_it() -> None:
    counting = Counting()
    result = await alike(marked("abacadbd", counting), "{ items { named { name } } }")
    assert counting.calls == [["a", "b", "c", "d"]] * 4
    assert len(result.errors or ()) == 3
    assert result.data is not None
    assert [item["named"] for item in result.data["items"]][:3] == [{"name": "A"}, None, {"name": "A"}]


async def test_that_nothing_is_loaded_for_no_key() -> None:
    counting = Counting()
    await alike(marked([None, None], counting), "{ items { named { name } } }")
    assert counting.calls == []
    await alike(marked([None, "a"], counting), "{ items { named { name } } }")
    assert counting.calls == [["a"]] * 4


async def test_that_a_field_is_resolved_once_for_a_level() -> None:
    counting = Counting()
    await alike(marked(["a", "bb"], counting), "{ items { size(times: 2) twice: size(times: 3) } }")
    assert counting.calls == [["a", "bb"]] * 8


async def test_that_an_answer_for_too_few_is_an_error_of_each() -> None:
    _, compiled = marked(["a", "bb"], Counting(), short=True)
    result = await compiled.execute("{ items { size } }")
    assert result.data is None
    assert [each.message for each in result.errors] == [
        "a breadth-first resolver answered 1 values for 2 objects"
    ]
