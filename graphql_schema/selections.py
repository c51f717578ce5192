"""Which objects a list query means: the arguments that all nouns share, and those of one."""

from functools import partial
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
    scope_id: str | None, with_descendants: bool, ids: list[strawberry.ID] | None, **filters: str | None
) -> Selection:
    """Return what the arguments of a list query select; `filters` by the names that the noun has for them."""
    scope_id, ids = given(scope_id), given(ids)
    if ids is not None and len(ids) > MAX_IDS:
        raise BadArgument("ids", f"can name {MAX_IDS} objects, not {len(ids):,}")
    texts = {name: text for name, text in filters.items() if text is not None and text is not UNSET}
    for name, text in [("scopeId", scope_id or ""), *(("ids", each) for each in ids or ()), *texts.items()]:
        if "\0" in text or not encodable(text):
            raise BadArgument(name, "must not contain the character U+0000 or a lone surrogate")
    return Selection(scope_id, with_descendants, texts, None if ids is None else tuple(ids))


def listing(info: Info, noun: Noun[RowT], selected: Selection, page: Page) -> Listing:
    """Return the list of the objects that are selected."""
    loaders, key = info.context.loaders, ListPage(noun, selected, page)
    return Listing(partial(loaders.slice_of_list.load, key), partial(loaders.size_of_list.load, key))
