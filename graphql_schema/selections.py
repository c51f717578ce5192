"""Which objects a list query means: the arguments that all nouns share, and those of one."""

from collections.abc import Mapping
from typing import Annotated

import strawberry
from strawberry import UNSET

from db.nouns import Noun, RowT
from db.reads import Page, Selection
from graphql_schema.context import Info
from graphql_schema.errors import BadArgument
from graphql_schema.inputs import encodable
from graphql_schema.loaders import ListPage
from graphql_schema.nodes import MAX_IDS
from graphql_schema.pagination import Listing, given

InScope = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="Only what is in exactly this scope. Without it the list has everything that is readable."
    ),
]
WithDescendants = Annotated[
    bool, strawberry.argument(description="With `scopeId`: also what is in the scopes below.")
]
Ids = Annotated[
    list[strawberry.ID] | None,
    strawberry.argument(
        description=f"Only the objects with these ids, up to {MAX_IDS}; others are left out."
    ),
]


def selection(
    scope_id: str | None,
    with_descendants: bool,
    ids: list[strawberry.ID] | None,
    filters: Mapping[str, str | None],
    lists: Mapping[str, list[strawberry.ID] | None] | None = None,
) -> Selection:
    """Return what the arguments of a list query select; `filters` by the names that the noun has for them."""
    scope_id, ids = given(scope_id), given(ids)
    chosen = {name: each for name, each in (lists or {}).items() if each is not None and each is not UNSET}
    texts = {name: text for name, text in filters.items() if text is not None and text is not UNSET}
    named = {"ids": ids or [], **chosen}
    for name, each in named.items():
        if len(each) > MAX_IDS:
            raise BadArgument(name, f"can name {MAX_IDS} objects, not {len(each):,}")
    several = [(name, one) for name, each in named.items() for one in each]
    for name, text in [("scopeId", scope_id or ""), *several, *texts.items()]:
        if "\0" in text or not encodable(text):
            raise BadArgument(name, "must not contain the character U+0000 or a lone surrogate")
    wanted = {**texts, **{name: tuple(each) for name, each in chosen.items()}}
    return Selection(scope_id, with_descendants, wanted, None if ids is None else tuple(ids))


def listing(info: Info, noun: Noun[RowT], selected: Selection, page: Page) -> Listing:
    """Return the list of the objects that are selected."""
    loaders, key = info.context.loaders, ListPage(noun, selected, page)
    return Listing(loaders.slice_of_list, loaders.size_of_list, key)
