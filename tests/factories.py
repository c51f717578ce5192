"""A small catalogue to test with: `scope_acme`, what is below it, and callers of every reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from db import engine, tables
from db.access import SYSTEM, Principal, Reach, Role
from db.commands import Create
from db.outcomes import Outcome
from db.reads import by_id
from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.resources import RESOURCES, NewResource
from db.scopes import SCOPES, NewScope
from db.tag_groups import TAG_GROUPS, NewTagGroup
from db.tags import TAGS, NewTag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from db.database import Database
    from db.nouns import Noun
    from db.outcomes import Report
    from db.shapes import NewItem


async def create(
    database: Database, noun: Noun[Any], *items: NewItem, caller: Principal = SYSTEM
) -> list[Any]:
    """Create objects that nothing speaks against, and return their rows."""
    report = await engine.run(database, caller, Create(noun, items))
    assert [result.outcome for result in report.results] == [Outcome.CREATED] * len(items), report
    return [result.row for result in report.results]


async def scope_acme(database: Database, *, root: str = "scope_acme") -> None:
    """Create a root with two scopes below it, and one below the first of these."""
    await create(
        database,
        SCOPES,
        NewScope(id=root, name="Acme", external_id=f"{root}-external"),
        NewScope(id="scope_engineering", parent_scope_id=root, name="Engineering", external_id="eng"),
        NewScope(id="scope_platform", parent_scope_id="scope_engineering", name="Platform"),
        NewScope(id="scope_sales", parent_scope_id=root, name="Sales", external_id="sales"),
    )


async def catalogue(database: Database, *, root: str = "scope_acme") -> None:
    """Create `scope_acme` with types, tag groups and tags for all its scopes."""
    await scope_acme(database, root=root)
    caller = await caller_in(database, root, root=root)
    await create(
        database,
        RESOURCE_TYPES,
        NewResourceType(id="resource_type_document", scope_id=root, key="document", name="Document"),
        NewResourceType(id="resource_type_ticket", scope_id="scope_engineering", key="ticket", name="Ticket"),
        caller=caller,
    )
    await create(
        database,
        TAG_GROUPS,
        NewTagGroup(
            id="tag_group_priority", scope_id=root, key="priority", name="Priority", max_applied_per_target=1
        ),
        NewTagGroup(id="tag_group_topic", scope_id=root, key="topic", name="Topic"),
        NewTagGroup(id="tag_group_frozen", scope_id=root, key="frozen", name="Frozen", is_locked=True),
        caller=caller,
    )
    await create(
        database,
        TAGS,
        new_tag("high", "tag_group_priority", scope_id=root),
        new_tag("low", "tag_group_priority", scope_id=root),
        new_tag("security", "tag_group_topic", scope_id=root),
        new_tag("billing", "tag_group_topic", scope_id=root),
        caller=caller,
    )


def new_tag(identifier: str, tag_group_id: str, *, scope_id: str = "scope_acme") -> NewTag:
    """Return a tag whose id and label are made of its identifier."""
    return NewTag(
        id=f"tag_{identifier}",
        scope_id=scope_id,
        tag_group_id=tag_group_id,
        identifier=identifier,
        label=identifier.capitalize(),
    )


def new_resource(external_id: str, **fields: Any) -> NewResource:
    """Return a document in `scope_engineering`, unless told otherwise."""
    place = {"scope_id": "scope_engineering", "resource_type_id": "resource_type_document"}
    return NewResource(external_resource_id=external_id, **{**place, **fields})


async def resources(database: Database, *names: str, caller: Principal = SYSTEM, **fields: Any) -> None:
    """Create resources named `resource_{name}`."""
    items = [new_resource(name, id=f"resource_{name}", **fields) for name in names]
    await create(database, RESOURCES, *items, caller=caller)


async def caller_in(
    database: Database,
    scope_id: str,
    *,
    root: str = "scope_acme",
    role: Role = Role.ADMIN,
    subject: str = "alice",
) -> Principal:
    """Return a caller whose token is for a scope."""
    everywhere = Principal(subject="test", role=Role.READER, reach=Reach(root, root, ""))
    async with database.read("test") as reader:
        scope = await by_id(reader, everywhere, SCOPES, scope_id)
    assert scope is not None, scope_id
    return Principal(subject=subject, role=role, reach=Reach(scope.root_id, scope.id, scope.path))


def fates(report: Report[Any]) -> list[str]:
    """Return each item's outcome in a word: `created`, or for a faulty one the codes of its faults."""
    return [
        " ".join(f"{fault.code}{fault.pointer}" for fault in result.faults) or result.outcome.value
        for result in report.results
    ]


def ids(rows: Iterable[Any]) -> list[str | None]:
    """Return the ids of rows, `None` for a miss."""
    return [row and row.id for row in rows]


async def stored(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that is stored, to show that a refused call changed nothing."""
    async with database.read("test") as reader:
        return {
            table.name: sorted((tuple(row) for row in await reader.fetch(select(table), {})), key=repr)
            for table in tables.metadata.sorted_tables
        }


def rows_of(report: Report[Any]) -> list[Any]:
    """Return each item's row, `None` for a faulty one."""
    return [result.row for result in report.results]
