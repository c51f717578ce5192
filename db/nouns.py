"""What every noun of the catalogue tells the batch algorithms about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Column, ColumnElement, FromClause, Table

    from db.commands import Target
    from db.errors import Fault
    from db.ids import Namespace
    from db.outcomes import Result
    from db.shapes import Item
    from db.writes import Writing


Changes: TypeAlias = "Sequence[tuple[str, Mapping[str, Any]]]"
"""What rows, by their ids, are changed to: columns and values; empty for a delete."""

RowT = TypeVar("RowT", bound=Any)
"""A noun's row: a msgspec struct of its table's columns, those that clients see first."""


@dataclass(frozen=True)
class UniqueKey:
    """Columns that no two objects may share, and how a clash is told."""

    columns: tuple[str, ...]
    pointer: str
    describe: Callable[[Any], str]
    applies: Callable[[Any], bool] = lambda _row: True
    where: Callable[[Table], ColumnElement[bool]] | None = None

    def of(self, row: object) -> tuple[str, ...] | None:
        """Return a row's values of this key, `None` where the key doesn't bind it."""
        return tuple(getattr(row, column) for column in self.columns) if self.applies(row) else None


@dataclass(frozen=True)
class Links:
    """A table that holds, for each of the keys in a parameter, the ids of what is kept, each once and in order."""

    table: FromClause
    key: str
    """Its column with the key."""
    column: str
    """Its column with the ids."""
    parameter: str
    """The parameter: a list of tuples of one key."""


@dataclass(frozen=True)
class Filter:
    """One condition of a list: its clause, and how a client's text becomes the clause's parameters."""

    clause: Callable[[], ColumnElement[bool]]
    bind: Callable[[Any], dict[str, object]]
    says: str
    """Which objects it keeps, for whoever reads about the list."""
    form: str | None = None
    """The format (JSON Schema) that the text must have."""
    link: Column[Any] | None = None
    """A column of another table, to be joined, that holds the ids of what is kept, each once and in order."""
    links: Links | None = None
    """The same for each of several keys: what is kept is the union."""
    leads: bool = False
    """Whether what it keeps is best found by it, whatever else is asked."""
    scattered: bool = False
    """Whether its index has what it keeps in another order than that of the ids."""


@dataclass(frozen=True)
class Dependant:
    """Rows that name an object of this noun in a column."""

    title: str
    table: Table
    column: str
    user: str = "id"
    """The column that holds the id of what depends."""
    own: bool = False
    """Whether what depends is of the same noun, and so may go in the same batch."""
    where: ColumnElement[bool] | None = None
    """Which of the rows depend; all by default."""


async def _nothing_more(_w: Writing, _items: Sequence[Any], _results: list[Result[Any]]) -> None:
    """Do nothing after a create."""


async def _as_named(_w: Writing, targets: Sequence[Target]) -> Sequence[Target]:
    """Take targets by the ids they have."""
    return targets


async def _nothing_to_know(_w: Writing, _rows: Sequence[Any], _changes: Changes) -> None:
    """Look nothing up before a change."""


async def _nothing_follows(_w: Writing, _stored: Sequence[tuple[Any, Any]]) -> None:
    """Do nothing after rows are stored."""


async def _nothing_to_merge(_w: Writing, _rows: Iterable[Any]) -> None:
    """Look nothing up before a merge."""


def _as_it_is(_w: Writing, _before: Any, after: Any, _values: Mapping[str, Any]) -> Any:
    return after


def _none_relied_on(_w: Writing, _made: Iterable[Any]) -> bool:
    return False


def _always(_w: Writing, _before: Any, _after: Any) -> Fault | None:
    return None


@dataclass(frozen=True, eq=False)
class Noun(Generic[RowT]):
    """A kind of object: where it is stored and what holds for it."""

    namespace: Namespace
    title: str
    """In prose: `tag group`."""
    table: Table
    row: type[RowT]
    unique: tuple[UniqueKey, ...]
    prepare: Callable[[Writing, Sequence[Item[Any]]], Awaitable[list[RowT | tuple[Fault, ...]]]]
    """Look up what the items of a create refer to, then make each one's row, or tell its faults."""
    after_create: Callable[[Writing, Sequence[Any], list[Result[RowT]]], Awaitable[None]] = _nothing_more
    """Do what is left to do once the rows of a create are stored."""
    locate: Callable[[Writing, Sequence[Target]], Awaitable[Sequence[Target]]] = _as_named
    """Find the ids of targets that are named in another way."""
    before_change: Callable[[Writing, Sequence[RowT], Changes], Awaitable[None]] = _nothing_to_know
    """Look up what `allow` and `finish` must know of rows to be changed or deleted."""
    before_merge: Callable[[Writing, Iterable[RowT]], Awaitable[None]] = _nothing_to_merge
    """Look up what `finish` must know of rows that items of a create may be merged into."""
    allow: Callable[[Writing, RowT | None, RowT | None], Fault | None] = _always
    """Object to a change from one row (`None`: a create) to another (`None`: a delete)."""
    finish: Callable[[Writing, RowT | None, RowT, Mapping[str, Any]], RowT | tuple[Fault, ...]] = _as_it_is
    """Derive and check what a row that is about to be stored follows from, given its columns' new values."""
    relies_in_vain: Callable[[Writing, Iterable[RowT]], bool] = _none_relied_on
    """Tell whether a finished row relies on a row of the batch that, by those that are made, isn't made; then forget
    that one, since the walk is done anew."""
    after_store: Callable[[Writing, Sequence[tuple[RowT | None, RowT]]], Awaitable[None]] = _nothing_follows
    """Do what follows from rows having been stored, each given as before (`None`: a create) and after."""
    settle: Callable[[RowT, RowT], RowT] = lambda _before, after: after
    """Derive what depends on the columns that an update changed."""
    mutable: frozenset[str] = frozenset()
    """The columns that an update may change."""
    derived: frozenset[str] = frozenset()
    """The columns that `settle` derives from those."""
    required: frozenset[str] = frozenset()
    """The mutable columns that can't be cleared."""
    cleared: Mapping[str, object] = field(default_factory=dict)
    """What clearing sets, where that isn't null."""
    json: Mapping[str, int] = field(default_factory=dict)
    """The columns that hold JSON texts, and the bytes these may have."""
    merged: frozenset[str] = frozenset()
    """The JSON columns that a merge patch changes deeply (RFC 7396)."""
    shared: bool = False
    """Whether the scopes below may read and use it."""
    scope_column: str = "scope_id"
    """The scope that `scopeId` in a list means."""
    home_column: str = "scope_id"
    """The scope that decides reach."""
    filters: Mapping[str, Filter] = field(default_factory=dict)
    """The conditions that every door offers."""
    searches: Mapping[str, Filter] = field(default_factory=dict)
    """Those that only GraphQL offers."""
    dependants: tuple[Dependant, ...] = ()
    """What forbids a delete."""
    attached: tuple[Dependant, ...] = ()
    """What a delete takes along."""

    def __post_init__(self) -> None:
        columns = tuple(column.name for column in self.table.columns)
        assert columns == self.row.__struct_fields__, (columns, self.row.__struct_fields__)

    def rows(self, records: Any) -> list[RowT]:
        """Turn the database's records into rows."""
        row = self.row
        return [row(*record) for record in records]


def camel(column: str) -> str:
    """Return the name that clients know a column by."""
    first, *rest = column.split("_")
    return first + "".join(word.capitalize() for word in rest)
