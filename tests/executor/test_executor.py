"""The parts of execution that random schemas have none of; each compared with graphql-core."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import strawberry
from graphql import parse
from strawberry.extensions import SchemaExtension
from strawberry.permission import BasePermission

from graphql_schema.executor import BreadthFirstExecutor
from graphql_schema.executor.plans import Operations
from tests.executor.comparison import told
from tests.executor.pairs import alike, pair


class Forbidden(BasePermission):
    """Lets nobody in."""

    message = "not for you"

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        """Refuse."""
        del source, info, kwargs
        return False


async def _soon(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def _counted(upto: int, *, fail: bool = False) -> AsyncIterator[int]:
    for number in range(upto):
        await asyncio.sleep(0)
        yield number
    if fail:
        raise ValueError("no more")


def _generated(*, fail: bool) -> Iterator[int]:
    yield 1
    if fail:
        raise ValueError("no more")


class Row:
    """An object with attributes of all sorts."""

    def __init__(self, number: int) -> None:
        self.number = number

    @property
    def coming(self) -> Awaitable[str]:
        """A value that must be awaited."""
        return _soon(f"came {self.number}")

    @property
    def broken(self) -> str:
        """A value that can't be told."""
        raise LookupError(f"broken {self.number}")


LISTS: dict[str, Callable[[], Any]] = {
    "tuple": lambda: (1, 2),
    "set": lambda: {3},
    "generator": lambda: _generated(fail=False),
    "failing_generator": lambda: _generated(fail=True),
    "async_generator": lambda: _counted(3),
    "failing_async_generator": lambda: _counted(3, fail=True),
    "awaitable_items": lambda: [_soon(1), 2, _soon(None)],
    "text": lambda: "text",
    "mapping": lambda: {"a": 1},
    "number": lambda: 5,
    "error": lambda: ValueError("no list"),
    "nothing": lambda: None,
}


@strawberry.interface
class Animal:
    number: int


@strawberry.type
class Cat(Animal):
    coming: str
    broken: str | None

    @classmethod
    async def is_type_of(cls, value: Any, _info: Any) -> bool:
        """Tell, but not at once."""
        await asyncio.sleep(0)
        return bool(value.number % 2)


@strawberry.type
class Dog(Animal):
    coming: str

    @classmethod
    async def is_type_of(cls, value: Any, _info: Any) -> bool:
        """Tell, but not at once, and fail for one."""
        if value.number == 4:
            raise ValueError("no animal")
        await asyncio.sleep(0)
        return not value.number % 2


@strawberry.input
class Wanted:
    names: list[str]
    deep: "Wanted | None" = None
    number: int = 3


def _said(wanted: Wanted, info: strawberry.Info, more: list[str] | None = None) -> str:
    more_said = None if more is None else [*more]
    if more is not None:
        more.append("changed")
    path = [*info.path.as_list()] if hasattr(info.path, "as_list") else None
    fields = [each.name for each in info.selected_fields if hasattr(each, "name")]
    return f"{wanted} {more_said} {path} {fields} {info.variable_values} {info.operation.operation.value}"


@strawberry.type
class Query:
    @strawberry.field
    def numbers(self, of: str) -> list[int | None] | None:
        """Return a list, or what isn't one."""
        return LISTS[of]()  # type: ignore[no-any-return]

    @strawberry.field
    def animals(self, upto: int = 3) -> list[Animal]:
        """Return animals whose type is told later."""
        return [Row(number) for number in range(upto)]  # type: ignore[misc]

    @strawberry.field
    def cats(self) -> list[Cat | None]:
        """Return objects of which some aren't of the type."""
        return [Row(1), Row(2), Row(3)]  # type: ignore[list-item]

    said: str = strawberry.field(resolver=_said)

    secret: str | None = strawberry.field(resolver=lambda: "secret", permission_classes=[Forbidden])


BOTH = pair(Query)


@pytest.mark.parametrize("of", LISTS)
async def test_that_anything_may_stand_where_a_list_is_due(of: str) -> None:
    await alike(BOTH, "query ($of: String!) { numbers(of: $of) again: numbers(of: $of) }", {"of": of})


@pytest.mark.parametrize("upto", [0, 1, 2, 3, 4, 5, 70])
async def test_types_that_are_told_later(upto: int) -> None:
    text = """query ($upto: Int!) { animals(upto: $upto) {
        __typename number ... on Cat { coming broken } ... on Dog { coming } } }"""
    await alike(BOTH, text, {"upto": upto})


async def test_objects_that_are_not_of_the_type() -> None:
    result = await alike(BOTH, "{ cats { number coming } }")
    assert result.data == {
        "cats": [{"number": 1, "coming": "came 1"}, None, {"number": 3, "coming": "came 3"}]
    }


@pytest.mark.parametrize(
    "arguments",
    [
        '(wanted: {names: ["a"]})',
        '(wanted: {names: "a", deep: {names: [], number: 1}}, more: ["b"])',
        "(wanted: {names: $names}, more: $names)",
        "(wanted: $wanted)",
    ],
)
async def test_arguments_and_info(arguments: str) -> None:
    declared = "($names: [String!]! = [], $wanted: Wanted! = {names: []})"
    text = f"query {declared} {{ said{arguments} other: said{arguments} }}"
    for variables in ({}, {"names": ["x"], "wanted": {"names": ["y"], "deep": {"names": ["z"]}}}):
        await alike(BOTH, text, variables)


@pytest.mark.parametrize(
    "wanted",
    [None, {}, {"names": None}, {"names": [1]}, {"names": [], "x": 1}, [], {"names": [], "number": 2**31}],
)
async def test_variables_that_do_not_fit_are_refused_in_the_same_words(wanted: Any) -> None:
    result = await alike(BOTH, "query ($w: Wanted!) { said(wanted: $w) }", {"w": wanted})
    assert result.errors


async def test_permissions() -> None:
    result = await alike(BOTH, "{ secret }")
    assert result.errors is not None
    assert result.errors[0].message == "not for you"


async def test_introspection_beside_what_is_compiled() -> None:
    await alike(
        BOTH, '{ cats { number } __schema { types { name } } __type(name: "Cat") { fields { name } } }'
    )


def test_that_what_never_waits_is_executed_without_an_event_loop() -> None:
    result = BOTH[1].execute_sync('{ numbers(of: "tuple") __typename }')
    assert result.data == {"numbers": [1, 2], "__typename": "Query"}


async def test_that_hooks_around_resolvers_see_each_field() -> None:
    seen: list[str] = []

    class Watching(SchemaExtension):
        def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(info.field_name)
            return _next(root, info, *args, **kwargs)

    _, compiled = pair(Query, extensions=[Watching])
    assert (await compiled.execute("{ cats { number } }")).errors
    assert seen == ["cats", "number", "number"]


@pytest.mark.parametrize("failing", ["first", "second", "third"])
async def test_that_mutations_run_in_turn_up_to_one_that_takes_all_with_it(failing: str) -> None:
    done: list[str] = []

    @strawberry.type
    class Mutation:
        @strawberry.mutation
        async def act(self, name: str) -> str:
            """Take a while, then act or fail."""
            await asyncio.sleep(0.002 if name == "first" else 0)
            done.append(name)
            if name == failing:
                raise ValueError(name)
            return name

    schemas = pair(Query, Mutation)
    names = ("first", "second", "third")
    text = " ".join(f'{name}: act(name: "{name}")' for name in names)
    results = [await schema.execute(f"mutation {{ {text} }}") for schema in schemas]
    assert [each.data for each in results] == [None, None]
    assert told(results[0]) == told(results[1])  # type: ignore[arg-type]
    assert done == [*names[: names.index(failing) + 1]] * 2


async def test_that_cancelling_an_operation_cancels_its_resolvers() -> None:
    ended: list[str] = []

    @strawberry.type
    class Slow:
        @strawberry.field
        async def one(self) -> str:
            """Never return."""
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("one")
                raise
            return ""

    _, compiled = pair(Slow)
    task = asyncio.create_task(compiled.execute("{ one again: one }"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["one", "one"]


async def test_that_an_error_may_end_the_operation() -> None:
    class Ending(BreadthFirstExecutor):
        fatal = (LookupError,)

    @strawberry.type
    class Item:
        broken: str | None
        coming: str

    def resolve() -> Any:
        return [Row(1)]

    @strawberry.type
    class Rows:
        rows: list[Item] = strawberry.field(resolver=resolve)

    schema = strawberry.Schema(Rows, execution_context_class=Ending)
    result = await schema.execute("{ rows { coming broken } }")
    assert result.data is None
    assert result.errors is not None
    assert [(each.message, each.path) for each in result.errors] == [("broken 1", None)]


def test_that_compiled_operations_are_bounded() -> None:
    operations = Operations(capacity=200, most=5)
    schema = BOTH[1]._schema
    documents = [parse(f"query Q{number} {{ __typename }}") for number in range(20)]
    for document in documents:
        assert operations.find(schema, document, None) is not None
    assert len(operations) == 5
    large = operations.find(schema, documents[-1], None)
    assert large is not None
    assert operations.find(schema, documents[-1], None) is large
    large.size += 1_000
    operations.grown(large, None)
    assert operations.size <= 200


async def test_that_a_plan_is_used_again_and_another_one_for_other_conditions() -> None:
    text = "query ($a: Boolean!) { __typename @include(if: $a) t: __typename }"
    document = parse(text)

    def run(*, a: bool) -> Any:
        executor = BreadthFirstExecutor.build(
            BOTH[1]._schema, document, None, None, {"a": a}, operation_extensions=None
        )
        return executor.execute_operation().data, executor.prepared

    (with_it, first), (without, second), (again, third) = run(a=True), run(a=False), run(a=True)
    assert with_it == again == {"__typename": "Query", "t": "Query"}
    assert without == {"t": "Query"}
    assert first is second is third
    assert len(first.plans) == 2
