"""Objects that are at many places of a result: completed once, if nothing but attributes is asked of them."""

from types import SimpleNamespace
from typing import Any

import strawberry

from tests.executor.pairs import alike, pair

# More than are worth code.
PLACES = 100


class Counted:
    """An object that counts how often it is read."""

    def __init__(self, name: str | None, number: int) -> None:
        self.number = number
        self.reads = 0
        self._name = name

    @property
    def name(self) -> str | None:
        """What it is called."""
        self.reads += 1
        return self._name


def repeated(objects: list[Any]) -> tuple[strawberry.Schema, strawberry.Schema]:
    """Return schemas with boxes that all have the same objects in them, each box in an order of its own."""
    boxes = [SimpleNamespace(items=objects[i % 3 :] + objects[: i % 3]) for i in range(PLACES)]

    @strawberry.type
    class Item:
        name: str
        number: int

    @strawberry.type
    class Box:
        items: list[Item]

    def resolve() -> Any:
        return boxes

    @strawberry.type
    class Boxes:
        boxes: list[Box] = strawberry.field(resolver=resolve)

    return pair(Boxes)


async def test_that_each_object_is_completed_once_and_shown_at_all_its_places() -> None:
    objects = [Counted(name, number) for number, name in enumerate("abc")]
    both = repeated(objects)
    result = await alike(both, "{ boxes { items { __typename name number } } }")
    assert result.data is not None
    names = ["".join(item["name"] for item in box["items"]) for box in result.data["boxes"]]
    assert names == [("abc", "bca", "cab")[i % 3] for i in range(PLACES)]
    for each in objects:
        each.reads = 0
    await both[1].execute("{ boxes { items { name number } } }")
    assert [each.reads for each in objects] == [1, 1, 1]


async def test_that_what_is_wrong_with_an_object_is_told_of_the_place_where_it_is_met_first() -> None:
    result = await alike(
        repeated([Counted("a", 0), Counted(None, 1), Counted("c", 2)]), "{ boxes { items { name number } } }"
    )
    assert result.data is None
    assert [each.path for each in result.errors or ()] == [["boxes", 0, "items", 1, "name"]]
