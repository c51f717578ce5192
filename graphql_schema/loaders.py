"""The loaders of one operation: whatever is asked for in one turn of the event loop becomes one statement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from db import reads, scopes
from db.errors import SheafError
from graphql_schema.batch_loaders import BatchLoaders
from graphql_schema.key_loaders import KeyLoader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from db.access import Principal
    from db.database import Database
    from db.nouns import Noun, RowT
    from db.reads import Edge, Page, Selection, Slice
    from db.scopes import ScopeRow

T = TypeVar("T")

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
        # No loader refers to this object: in a circle all that was read would wait for the garbage collector.
        by = (database, caller)
        self.ancestors_by_path: KeyLoader[str, list[ScopeRow]] = KeyLoader(partial(_ancestors, *by))
        self.slice_of_list: KeyLoader[ListPage, Slice[Any]] = KeyLoader(partial(_slices_of_lists, *by))
        self.size_of_list: KeyLoader[ListPage, int] = KeyLoader(partial(_sizes_of_lists, *by))
        self.of_batches = BatchLoaders(database, caller)

    def abandon(self) -> None:
        """Cancel what is being read; whoever still waits for it is cancelled, too."""
        loaders: list[KeyLoader[Any, Any]] = [self.ancestors_by_path, self.slice_of_list, self.size_of_list]
        loaders += [*self._objects.values(), *self._slices.values(), *self._sizes.values()]
        loaders += self.of_batches.all()
        for loader in loaders:
            loader.abandon()

    def by_id(self, noun: Noun[RowT]) -> KeyLoader[str, RowT | None]:
        """Return the loader of a noun's readable objects by id."""
        if noun not in self._objects:
            self._objects[noun] = KeyLoader(partial(_objects, self._database, self._caller, noun))
        return self._objects[noun]

    def slices(self, edge: Edge[RowT], page: Page) -> KeyLoader[Parent, Slice[RowT]]:
        """Return the loader of a page of each parent's children: one statement for all parents."""
        if (edge, page) not in self._slices:
            load = partial(_slices_of_parents, self._database, self._caller, edge, page)
            self._slices[edge, page] = KeyLoader(load)
        return self._slices[edge, page]

    def sizes(self, edge: Edge[Any]) -> KeyLoader[Parent, int]:
        """Return the loader of how many children an edge has."""
        if edge not in self._sizes:
            self._sizes[edge] = KeyLoader(partial(_sizes_of_parents, self._database, self._caller, edge))
        return self._sizes[edge]


async def _objects(
    database: Database, caller: Principal, noun: Noun[RowT], ids: list[str]
) -> Sequence[RowT | None]:
    if len(ids) == 1:
        return [await reads.one(database, caller, noun, ids[0])]
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
