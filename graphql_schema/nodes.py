"""What all objects of the catalogue have in common, and how they are found by id."""

from collections.abc import Awaitable, Sequence
from operator import attrgetter
from typing import Annotated, Any, ClassVar

import strawberry
from strawberry import Parent

from db.batches import BATCHES
from db.ids import Namespace, namespace_of
from db.nouns import Noun
from db.resource_types import RESOURCE_TYPES
from db.resources import RESOURCES
from db.scopes import SCOPES
from db.tag_assignments import TAG_ASSIGNMENTS
from db.tag_groups import TAG_GROUPS
from db.tags import TAGS
from graphql_schema.context import Info
from graphql_schema.errors import BadArgument
from graphql_schema.executor import BREADTH_FIRST, Batched, Keyed, by_class
from graphql_schema.fields import resolved_by, stored
from graphql_schema.key_loaders import KeyLoader
from graphql_schema.loaders import Loaders
from graphql_schema.scalars import DateTime

MAX_IDS = 100

NOUNS: dict[Namespace, Noun[Any]] = {
    noun.namespace: noun
    for noun in (SCOPES, RESOURCE_TYPES, RESOURCES, TAG_GROUPS, TAGS, TAG_ASSIGNMENTS, BATCHES)
}

Id = Annotated[strawberry.ID, strawberry.argument(name="id", description="The object's id.")]


def _etag(row: Parent[Any]) -> str:
    return f'"{row.revision}"'


@strawberry.interface(description="An object of the catalogue, known by its id.")
class Node:
    row: ClassVar[type]

    id: strawberry.ID = stored(
        "The id: the kind of object, `_`, and what the client or the server chose. "
        "It is unique within its root scope and never changes."
    )

    etag: str = resolved_by(
        _etag,
        "The ETag of the object's present state, in quotes: made anew at each change, never reused.",
    )

    @classmethod
    @by_class
    def is_type_of(cls, value: object, _info: object) -> bool:
        """Tell a row's type: resolvers return rows, not instances of the types that show them."""
        return isinstance(value, cls.row)


@strawberry.type
class Stamped:
    """When and by whom an object was made and changed."""

    created_at: DateTime = stored("When the object was created.")
    created_by: str = stored("Who created the object: the subject of the token.")
    updated_at: DateTime | None = stored("When the object was last changed, `null` if it never was.")
    updated_by: str | None = stored("Who last changed the object, `null` if it never was changed.")


def to_one(noun: Noun[Any], column: str, description: str) -> Any:
    """Declare an edge to the object whose id a column holds; `null` where that is out of reach."""

    def resolve(row: Parent[Any], info: Info) -> Awaitable[Any] | None:
        wanted = getattr(row, column)
        return None if wanted is None else info.context.loaders.by_id(noun).load(wanted)

    def load_all(info: Info, wanted: list[str]) -> Awaitable[Sequence[object]] | Sequence[object]:
        return info.context.loaders.by_id(noun).load_many(wanted)

    return resolved_by(resolve, description, metadata={BREADTH_FIRST: Keyed(attrgetter(column), load_all)})


def found_by_id(noun: Noun[Any], description: str) -> Any:
    """Declare the query of one object of a noun."""

    def resolve(info: Info, wanted: Id) -> Awaitable[Any] | None:
        return load(info.context.loaders, wanted, noun)

    def resolve_all(
        parents: list[Any], info: Info, wanted: str
    ) -> Awaitable[Sequence[object]] | Sequence[object]:
        # The root is the only parent.
        loader = _loader(info.context.loaders, wanted, noun)
        return loader.load_many([wanted]) if loader else [None] * len(parents)

    return resolved_by(resolve, description, metadata={BREADTH_FIRST: Batched(resolve_all)})


def load(loaders: Loaders, wanted: str, only: Noun[Any] | None = None) -> Awaitable[Any] | None:
    """Ask for an object by id, of any noun or only of one; `None` for an id of something else."""
    loader = _loader(loaders, wanted, only)
    return loader.load(wanted) if loader else None


def _loader(loaders: Loaders, wanted: str, only: Noun[Any] | None) -> KeyLoader[str, Any] | None:
    namespace = namespace_of(wanted)
    noun = NOUNS.get(namespace) if namespace else None
    return loaders.by_id(noun) if noun and only in {None, noun} else None


def _node(info: Info, wanted: Id) -> Awaitable[Any] | None:
    return load(info.context.loaders, wanted)


def _nodes(
    info: Info,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description=f"Up to {MAX_IDS} ids.")],
) -> Sequence[Awaitable[Any] | None]:
    loaders = info.context.loaders
    if len(ids) > MAX_IDS:
        raise BadArgument("ids", f"can name {MAX_IDS} objects, not {len(ids):,}")
    return [load(loaders, wanted) for wanted in ids]


@strawberry.type
class NodeQueries:
    node: Node | None = resolved_by(_node, "Any object by its id, `null` if none is in reach.")
    nodes: list[Node | None] = resolved_by(
        _nodes,
        "Objects of any kind by their ids, in the order of the ids, `null` for each that isn't in reach.",
    )
