"""The loaders of one operation: whatever is asked for in one turn of the event loop becomes one statement."""

from __future__ import annotations

from dataclasses import dataclass
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
        self.ancestors_by_path: KeyLoader[str, list[ScopeRow]] = KeyLoader(self._ancestors)
        self.slice_of_list: KeyLoader[ListPage, Slice[Any]] = KeyLoader(self._slices_of_lists)
        self.size_of_list: KeyLoader[ListPage, int] = KeyLoader(self._sizes_of_lists)
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

            async def load(ids: list[str]) -> Sequence[RowT | None]:
                if len(ids) == 1:
                    return [await reads.one(self._database, self._caller, noun, ids[0])]
                async with self._database.read(f"{noun.namespace}_by_id") as reader:
                    return await reads.by_ids(reader, self._caller, noun, ids)

            self._objects[noun] = KeyLoader(load)
        return self._objects[noun]

    def slices(self, edge: Edge[RowT], page: Page) -> KeyLoader[Parent, Slice[RowT]]:
        """Return the loader of a page of each parent's children: one statement for all parents."""
        if (edge, page) not in self._slices:

            async def load(parents: list[Parent]) -> Sequence[Slice[RowT]]:
                async with self._database.read(f"{edge.noun.table.name}_by_{edge.column}") as reader:
                    return await reads.children(reader, self._caller, edge, parents, page)

            self._slices[edge, page] = KeyLoader(load)
        return self._slices[edge, page]

    def sizes(self, edge: Edge[Any]) -> KeyLoader[Parent, int]:
        """Return the loader of how many children an edge has."""
        if edge not in self._sizes:

            async def load(parents: list[Parent]) -> Sequence[int]:
                async with self._database.read(f"count_{edge.noun.table.name}_by_{edge.column}") as reader:
                    return await reads.count_children(reader, self._caller, edge, parents)

            self._sizes[edge] = KeyLoader(load)
        return self._sizes[edge]

    async def _ancestors(self, paths: list[str]) -> list[list[ScopeRow]]:
        async with self._database.read("ancestors_by_path") as reader:
            return await scopes.ancestors(reader, self._caller, paths)

    async def _slices_of_lists(self, keys: list[ListPage]) -> list[Slice[Any] | BaseException]:
        async with self._database.read("lists") as reader:
            return [
                await _refusal_as_value(reads.page(reader, self._caller, k.noun, k.selection, k.page))
                for k in keys
            ]

    async def _sizes_of_lists(self, keys: list[ListPage]) -> list[int | BaseException]:
        async with self._database.read("count_lists") as reader:
            return [
                await _refusal_as_value(reads.count(reader, self._caller, k.noun, k.selection)) for k in keys
            ]


async def _refusal_as_value(answer: Awaitable[T]) -> T | SheafError:
    """Return what is refused instead of raising it: a loader fails that key alone, not its neighbours."""
    try:
        return await answer
    except SheafError as error:
        return error
