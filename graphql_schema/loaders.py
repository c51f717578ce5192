"""The loaders of one operation: whatever is asked for in one turn of the event loop becomes one statement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from db import reads, scopes
from db.errors import SheafError
from graphql_schema.batch_loaders import BatchLoaders
from graphql_schema.key_loaders import Ask, KeyLoader, Turns

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Sequence

    from db.access import Principal
    from db.database import Database
    from db.nouns import Noun, RowT
    from db.reads import Edge, Page, Selection, Slice
    from db.scopes import ScopeRow

T = TypeVar("T")

FEW = 32
"""So many objects are looked up together with what other requests look up; more would hold these up."""

Parent = tuple[str, str]
"""The (id, root_id) of the object at whose edge children are."""


@dataclass(frozen=True, eq=False)
class ListPage:
    """A page of a list that a query names; a query asks for each list once, so each is a key of its own."""

    noun: Noun[Any]
    selection: Selection
    page: Page


class Loaders:
    """Values by key, each read once; never kept longer than one operation, nor over a write."""

    def __init__(self, database: Database, caller: Principal) -> None:
        self._database = database
        self._caller = caller
        self._objects: dict[Noun[Any], KeyLoader[str, Any]] = {}
        self._slices: dict[tuple[Edge[Any], Page], KeyLoader[Parent, Slice[Any]]] = {}
        self._sizes: dict[Edge[Any], KeyLoader[Parent, int]] = {}

    @cached_property
    def ancestors_by_path(self) -> KeyLoader[str, list[ScopeRow]]:
        """The scopes above each, given by its path."""
        return KeyLoader.by_turns(partial(_ancestors, self._database, self._caller))

    @cached_property
    def slice_of_list(self) -> KeyLoader[ListPage, Slice[Any]]:
        """The pages of lists."""
        return KeyLoader.by_turns(partial(_slices_of_lists, self._database, self._caller))

    @cached_property
    def size_of_list(self) -> KeyLoader[ListPage, int]:
        """How many objects lists have."""
        return KeyLoader.by_turns(partial(_sizes_of_lists, self._database, self._caller))

    @cached_property
    def of_batches(self) -> BatchLoaders:
        """What batches have beside their rows."""
        return BatchLoaders(self._database, self._caller)

    def abandon(self) -> None:
        """Cancel what is being read; whoever still waits for it is cancelled, too."""
        made = vars(self)
        loaders = [
            made[name] for name in ("ancestors_by_path", "slice_of_list", "size_of_list") if name in made
        ]
        loaders += [*self._objects.values(), *self._slices.values(), *self._sizes.values()]
        if "of_batches" in made:
            loaders += self.of_batches.all()
        for loader in loaders:
            loader.abandon()

    def by_id(self, noun: Noun[RowT]) -> KeyLoader[str, RowT | None]:
        """Return the loader of a noun's readable objects by id."""
        # No loader refers to this object: in a circle all that was read would wait for the garbage collector.
        if noun not in self._objects:
            self._objects[noun] = KeyLoader(_objects(self._database, self._caller, noun))
        return self._objects[noun]

    def slices(self, edge: Edge[RowT], page: Page) -> KeyLoader[Parent, Slice[RowT]]:
        """Return the loader of a page of each parent's children: one statement for all parents."""
        if (edge, page) not in self._slices:
            load = partial(_slices_of_parents, self._database, self._caller, edge, page)
            self._slices[edge, page] = KeyLoader.by_turns(load)
        return self._slices[edge, page]

    def sizes(self, edge: Edge[Any]) -> KeyLoader[Parent, int]:
        """Return the loader of how many children an edge has."""
        if edge not in self._sizes:
            self._sizes[edge] = KeyLoader.by_turns(
                partial(_sizes_of_parents, self._database, self._caller, edge)
            )
        return self._sizes[edge]


def _objects(database: Database, caller: Principal, noun: Noun[RowT]) -> Ask[str]:
    """Return how objects are asked for: a few along with those of other requests, many by themselves."""
    many = Turns(partial(_many_objects, database, caller, noun))

    def ask(ids: Sequence[str]) -> Future[Any]:
        if len(ids) <= FEW and (asked := reads.shared(database, caller, noun, ids)):
            return asked
        return many.ask(ids)

    return ask


async def _many_objects(
    database: Database, caller: Principal, noun: Noun[RowT], ids: list[str]
) -> Sequence[RowT | None]:
    async with database.read(f"{noun.namespace}_by_id") as reader:
        return await reads.by_ids(reader, caller, noun, ids)


async def _slices_of_parents(
    database: Database, caller: Principal, edge: Edge[RowT], page: Page, parents: list[Parent]
) -> Sequence[Slice[RowT]]:
    async with database.read(f"{edge.noun.table.name}_by_{edge.column}") as reader:
        return await reads.children(reader, caller, edge, parents, page)


async def _sizes_of_parents(
    database: Database, caller: Principal, edge: Edge[Any], parents: list[Parent]
) -> Sequence[int]:
    async with database.read(f"count_{edge.noun.table.name}_by_{edge.column}") as reader:
        return await reads.count_children(reader, caller, edge, parents)


async def _ancestors(database: Database, caller: Principal, paths: list[str]) -> list[list[ScopeRow]]:
    async with database.read("ancestors_by_path") as reader:
        return await scopes.ancestors(reader, caller, paths)


async def _slices_of_lists(
    database: Database, caller: Principal, keys: list[ListPage]
) -> list[Slice[Any] | BaseException]:
    async with database.read("lists") as reader:
        return [
            await _refusal_as_value(reads.page(reader, caller, k.noun, k.selection, k.page)) for k in keys
        ]


async def _sizes_of_lists(
    database: Database, caller: Principal, keys: list[ListPage]
) -> list[int | BaseException]:
    async with database.read("count_lists") as reader:
        return [await _refusal_as_value(reads.count(reader, caller, k.noun, k.selection)) for k in keys]


async def _refusal_as_value(answer: Awaitable[T]) -> T | SheafError:
    """Return what is refused instead of raising it: a loader fails that key alone, not its neighbours."""
    try:
        return await answer
    except SheafError as error:
        return error
