"""The loaders of one operation: whatever is asked for in one turn of the event loop becomes one statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from strawberry.dataloader import DataLoader

from db import reads, scopes
from db.errors import SheafError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from db.access import Principal
    from db.database import Database, Reader
    from db.nouns import Noun, RowT
    from db.reads import Edge, Page, Selection, Slice
    from db.scopes import ScopeRow

T = TypeVar("T")

Parent = tuple[str, str]
"""The (id, root_id) of the object at whose edge children are."""

ChildPage = tuple[Parent, "Page"]


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
        self._objects: dict[Noun[Any], DataLoader[str, Any]] = {}
        self._slices: dict[Edge[Any], DataLoader[ChildPage, Slice[Any]]] = {}
        self._sizes: dict[Edge[Any], DataLoader[Parent, int]] = {}
        self.ancestors_by_path: DataLoader[str, list[ScopeRow]] = DataLoader(self._ancestors)
        self.slice_of_list: DataLoader[ListPage, Slice[Any]] = DataLoader(self._slices_of_lists)
        self.size_of_list: DataLoader[ListPage, int] = DataLoader(self._sizes_of_lists)

    def abandon(self) -> None:
        """Cancel what is being read; whoever still waits for it is cancelled, too."""
        loaders: list[DataLoader[Any, Any]] = [
            self.ancestors_by_path,
            self.slice_of_list,
            self.size_of_list,
        ]
        for by_kind in (self._objects, self._slices, self._sizes):
            loaders += by_kind.values()
        for loader in loaders:
            # A future that nobody waited for yet would complain that its error was never looked at.
            for future in loader.cache_map.cache_map.values():  # type: ignore[attr-defined]  # the default cache's
                future.cancel()
            if loader.batch is not None and loader.batch._dispatch_task is not None:  # noqa: SLF001 - no public way
                loader.batch._dispatch_task.cancel()  # noqa: SLF001

    def by_id(self, noun: Noun[RowT]) -> DataLoader[str, RowT | None]:
        """Return the loader of a noun's readable objects by id."""
        if noun not in self._objects:

            async def load(ids: list[str]) -> Sequence[RowT | None]:
                async with self._database.read(f"{noun.namespace}_by_id") as reader:
                    return await reads.by_ids(reader, self._caller, noun, ids)

            self._objects[noun] = DataLoader(load)
        return self._objects[noun]

    def slices(self, edge: Edge[RowT]) -> DataLoader[ChildPage, Slice[RowT]]:
        """Return the loader of pages of an edge's children: one statement for all parents with equal pages."""
        if edge not in self._slices:

            async def load(keys: list[ChildPage]) -> Sequence[Slice[RowT] | BaseException]:
                async with self._database.read(f"{edge.noun.table.name}_by_{edge.column}") as reader:
                    return await self._children(reader, edge, keys)

            self._slices[edge] = DataLoader(load)
        return self._slices[edge]

    def sizes(self, edge: Edge[Any]) -> DataLoader[Parent, int]:
        """Return the loader of how many children an edge has."""
        if edge not in self._sizes:

            async def load(parents: list[Parent]) -> Sequence[int]:
                async with self._database.read(f"count_{edge.noun.table.name}_by_{edge.column}") as reader:
                    return await reads.count_children(reader, self._caller, edge, parents)

            self._sizes[edge] = DataLoader(load)
        return self._sizes[edge]

    async def _children(
        self, reader: Reader, edge: Edge[RowT], keys: list[ChildPage]
    ) -> list[Slice[RowT] | BaseException]:
        found: dict[ChildPage, Slice[RowT] | BaseException] = {}
        for page in dict.fromkeys(page for _, page in keys):
            parents = [parent for parent, wanted in keys if wanted == page]
            answer = await _refusal_as_value(reads.children(reader, self._caller, edge, parents, page))
            slices = [answer] * len(parents) if isinstance(answer, SheafError) else answer
            found.update(zip(((parent, page) for parent in parents), slices, strict=True))
        return [found[key] for key in keys]

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
