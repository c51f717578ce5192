"""The SQL that SQLAlchemy has no word for, spelled for both databases.

A list of keys travels as **one** parameter, so that a statement's text, plan and cost of parsing don't depend on
how many keys there are: a text that is split on PostgreSQL (`packed`), a JSON array on SQLite.
"""

from __future__ import annotations

from secrets import SystemRandom
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import FromClause, Select, Subquery
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.selectable import TableValuedAlias

# Separates the name of a list of tuples from the position in the tuple: `keys__0`, `keys__1`.
PART = "__"
PLACE = "place"
# Of packed texts: hardly ever in a text, and if so, letters drawn at random take its place.
SEPARATOR = "\x1f\x1e"
FIRST_LETTER, LETTERS = 0x4E00, 20_000


def packed(values: Sequence[str | None]) -> str:
    """Return texts and nulls as one text, each behind a separator; what `unpacked` splits again.

    The separator's first letter by itself stands for null. asyncpg takes half a millisecond to look at the members of
    an array of 1,000.
    """
    separator = SEPARATOR
    while True:
        null = separator[0]
        if null not in values:
            texts = (null if value is None else value for value in values) if None in values else values
            text = separator.join(["", *texts])
            # Its letters differ, so that it is found only where it was put or lies within a value.
            if text.count(separator) == len(values):
                return text
        separator = "".join(map(chr, SystemRandom().sample(range(FIRST_LETTER, FIRST_LETTER + LETTERS), 2)))


def unpacked(text: str) -> str:
    """Return the array that was packed into a text; the planner knows its members, since all of it is immutable."""
    separator, null = f"left({text}::text, {len(SEPARATOR)})", f"left({text}::text, 1)"
    return f"(string_to_array({text}::text, {separator}, {null}))[2:]"


class any_of(ColumnElement[bool]):  # noqa: N801 - it reads as SQL
    """`column = any(keys)`, with `keys` the name of a parameter that holds a list of strings."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[str], keys: str) -> None:
        self.column = column
        self.keys: BindParameter[str] = bindparam(keys, type_=Text())

    def self_group(self, against: object = None) -> any_of:
        """Stand as it is: `… = 1`, which SQLAlchemy would add for SQLite, keeps an index from being used."""
        del against
        return self


@compiles(any_of, "postgresql")
def _any_of_postgresql(element: any_of, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} = any({unpacked(compiler.process(element.keys, **kw))})"


@compiles(any_of, "sqlite")
def _any_of_sqlite(element: any_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, keys = compiler.process(element.column, **kw), compiler.process(element.keys, **kw)
    return f"{column} in (select value from json_each({keys}))"


class _KeyRows(FunctionElement[Any]):
    inherit_cache = False

    def __init__(self, parameter: str, columns: tuple[str, ...], *, placed: bool) -> None:
        super().__init__()
        self.columns_of_keys = columns
        self.placed = placed
        self.whole: BindParameter[str] = bindparam(parameter, type_=Text())
        self.parts = [bindparam(f"{parameter}{PART}{i}", type_=Text()) for i in range(len(columns))]


@compiles(_KeyRows, "postgresql")
def _key_rows_postgresql(element: _KeyRows, compiler: SQLCompiler, **kw: Any) -> str:
    arrays = ", ".join(unpacked(compiler.process(part, **kw)) for part in element.parts)
    columns = ", ".join(element.columns_of_keys)
    if not element.placed:
        return f"(select * from unnest({arrays}) as u({columns}))"
    place = f"(ordinality - 1)::text as {PLACE}"
    return f"(select {place}, {columns} from unnest({arrays}) with ordinality as u({columns}))"


@compiles(_KeyRows, "sqlite")
def _key_rows_sqlite(element: _KeyRows, compiler: SQLCompiler, **kw: Any) -> str:
    picked = [
        f"json_extract(value, '$[{i}]') as {column}" for i, column in enumerate(element.columns_of_keys)
    ]
    if element.placed:
        picked.insert(0, f"cast(key as text) as {PLACE}")
    return f"(select {', '.join(picked)} from json_each({compiler.process(element.whole, **kw)}))"


def key_rows(parameter: str, *columns: str, placed: bool = False) -> TableValuedAlias:
    """Return a table of keys to join: the parameter holds a list of tuples of strings, one member per column.

    If they are placed, the first column is `place`: where in the list the key is, from 0, as a text.
    """
    rows = _KeyRows(parameter, columns, placed=placed)
    return rows.table_valued(*((PLACE, *columns) if placed else columns), name=parameter)


class Either:
    """One question in two spellings, where the databases share none."""

    def __init__(self, *, postgresql: Select[Any], sqlite: Select[Any]) -> None:
        self.postgresql = postgresql
        self.sqlite = sqlite

    def then(self, made: Callable[[Subquery], Select[Any]]) -> Either:
        """Ask for what is made of the answer, in either spelling."""
        return Either(
            postgresql=made(self.postgresql.subquery("page")), sqlite=made(self.sqlite.subquery("page"))
        )


def first_of_each(keys: TableValuedAlias, children: Select[Any], table: FromClause) -> Either:
    """Ask for the limited `children` of every key, at the price of those children alone.

    `children` selects rows of `table`, is ordered and limited, and names columns of `keys` in its conditions.
    The answer's columns are the key's first one, then the table's. PostgreSQL has LATERAL; SQLite can't correlate
    a table expression, but a subquery in a condition it can.
    """
    key = next(iter(keys.c))
    lateral = children.with_only_columns(*table.c).correlate(keys).lateral("child")
    rows = table.alias("child")
    inner: Select[Any] = children.with_only_columns(literal_column(f"{table.name}.rowid")).correlate(keys)  # type: ignore[attr-defined]
    return Either(
        postgresql=select(key, *lateral.c).select_from(keys.join(lateral, true())),
        sqlite=select(key, *rows.c).select_from(
            keys.join(rows, literal_column("child.rowid", Integer()).in_(inner))
        ),
    )


def first_links_of_each(keys: TableValuedAlias, links: Select[Any]) -> Either:
    """Ask for the limited `links` of every placed key, each thing that is linked once, at the price of the links alone.

    `links` selects one column, the linked ids, is ordered and limited, and names columns of `keys` in its conditions.
    The answer has the `id`, the key's `root`, and as `places` the places of the keys, separated by commas.
    """
    [linked] = links.selected_columns
    links = links.with_only_columns(linked.label("id")).correlate(keys)
    places = func.string_agg(keys.c[PLACE], literal_column("','")).label("places")
    lateral = links.lateral("link")
    # What SQLite can correlate: a list for each key, taken apart again.
    ids = select(func.json_group_array(links.subquery("link").c.id)).scalar_subquery()
    listed = select(*keys.c, ids.label("ids")).subquery(keys.name)
    each = func.json_each(listed.c.ids).table_valued("value", name="each")
    return Either(
        postgresql=select(lateral.c.id, keys.c.root, places)
        .select_from(keys.join(lateral, true()))
        .group_by(lateral.c.id, keys.c.root),
        sqlite=select(
            each.c.value.label("id"), listed.c.root, func.group_concat(listed.c[PLACE]).label("places")
        )
        .select_from(listed.join(each, true()))
        .group_by(each.c.value, listed.c.root),
    )


def first_of_all(
    keys: TableValuedAlias, children: Select[Any], table: FromClause, *, descending: bool
) -> Either:
    """Ask for the first of the `children` of all keys together, each once, at the price of those of every key.

    The arguments are those of `first_of_each`; the children are ordered by id, so or descending, and limited by the
    parameter `limit`. The answer's columns are the table's.
    """
    found = table.alias("found")
    each = first_of_each(keys, children, table)

    def merged(one: Select[Any]) -> Select[Any]:
        key = one.with_only_columns(one.selected_columns.id, one.selected_columns.root_id)
        merged = select(found).where(tuple_(found.c.id, found.c.root_id).in_(key))
        return merged.order_by(found.c.id.desc() if descending else found.c.id).limit(bindparam("limit"))

    return Either(postgresql=merged(each.postgresql), sqlite=merged(each.sqlite))


class _Hidden(ColumnElement[Any]):
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], *, everywhere: bool) -> None:
        self.column = column
        self.everywhere = everywhere
        self.type = column.type

    def self_group(self, against: object = None) -> _Hidden:
        """Stand as it is: the operators that hide a column bind tighter than those it is compared by."""
        del against
        return self


def looked_up(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Keep SQLite, which guesses how many rows there are, from beginning with the index of a column."""
    return _Hidden(column, everywhere=False)


def unordered(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Keep a database from going through an index in the order of a text, hoping to meet what is wanted soon."""
    return _Hidden(column, everywhere=True)


@compiles(_Hidden, "postgresql")
def _hidden_postgresql(element: _Hidden, compiler: SQLCompiler, **kw: Any) -> str:
    column: str = compiler.process(element.column, **kw)
    return f"({column} || '')" if element.everywhere else column


@compiles(_Hidden, "sqlite")
def _hidden_sqlite(element: _Hidden, compiler: SQLCompiler, **kw: Any) -> str:
    return f"+{compiler.process(element.column, **kw)}"


class member_equals(ColumnElement[bool]):  # noqa: N801 - it reads as SQL
    """A member of a JSON column equals a value, as JSON has it: 1 is 1.0, and neither "1" nor true.

    The path is a parameter that holds a list of names without quotes or backslashes, each of a member of an object;
    the value is one that holds a text, a number, a truth value or null as JSON.
    """

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[Any], path: str, value: str) -> None:
        self.column = column
        self.path: BindParameter[str] = bindparam(path, type_=Text())
        self.value: BindParameter[str] = bindparam(value, type_=Text())

    def self_group(self, against: object = None) -> member_equals:
        """Stand as it is, like `any_of`."""
        del against
        return self


@compiles(member_equals, "postgresql")
def _member_equals_postgresql(element: member_equals, compiler: SQLCompiler, **kw: Any) -> str:
    column, names = compiler.process(element.column, **kw), compiler.process(element.path, **kw)
    # Strict, since a lax path goes into arrays; and silent, since most objects lack the member.
    steps = f"select string_agg('.\"' || name || '\"', '' order by n) from unnest({unpacked(names)})"
    path = f"('strict $' || ({steps} with ordinality as u(name, n)))::jsonpath"
    found = f"jsonb_path_query_first(({column})::jsonb, {path}, silent => true)"
    return f"({found} = ({compiler.process(element.value, **kw)}::text)::jsonb)"


@compiles(member_equals, "sqlite")
def _member_equals_sqlite(element: member_equals, compiler: SQLCompiler, **kw: Any) -> str:
    column, names = compiler.process(element.column, **kw), compiler.process(element.path, **kw)
    path = f"(select '$.' || group_concat('\"' || value || '\"', '.') from json_each({names}))"
    value = compiler.process(element.value, **kw)
    kinds = (f"replace(json_type({each}), 'integer', 'real')" for each in (f"{column}, {path}", value))
    return f"({' = '.join(kinds)} and json_extract({column}, {path}) is json_extract({value}, '$'))"
