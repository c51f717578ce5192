"""The mutations of any noun: items in, one command in one transaction, a report out."""

import json
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec
import strawberry
from strawberry import UNSET

from db import engine, idempotency
from db.commands import Command, Create, Delete, OnConflict, OnError, Update, Updating
from db.nouns import Noun, RowT
from db.outcomes import Report
from db.scopes import SCOPES
from db.shapes import MAX_ITEMS, Change, NewItem
from graphql_schema.context import Info
from graphql_schema.errors import BadArgument
from graphql_schema.fields import resolved_by
from graphql_schema.inputs import DeleteInput, Items, bounded, encodable, target, typed
from graphql_schema.pagination import given
from graphql_schema.results import Answer, answer

T = TypeVar("T")

OnErrorArgument = Annotated[
    OnError, strawberry.argument(description="What a faulty item does to the others.")
]
OnConflictArgument = Annotated[
    OnConflict, strawberry.argument(description="What to do with an item that meets a stored object.")
]
DryRun = Annotated[
    bool, strawberry.argument(description="Do everything but store it: the outcomes are what they would be.")
]
IdempotencyKey = Annotated[
    str | None,
    strawberry.argument(
        description="The same call with the same key within 24 hours stores nothing again and gets the first "
        f"answer; another call with it is refused. 1 to {idempotency.MAX_KEY_CHARACTERS} characters. "
        "A dry run ignores it."
    ),
]


def items_of(input_type: type, description: str, *, name: str = "input", limit: int = MAX_ITEMS) -> Any:
    """Return the annotation of a mutation's `input`: items that arrive as plain dicts."""
    told = f"{description}: up to {limit:,}."
    return Annotated[
        Items, strawberry.argument(name=name, description=told, graphql_type=list[input_type])  # type: ignore[valid-type]  # a type made at run time
    ]


def creates(noun: Noun[RowT], shape: type[NewItem], input_type: type, description: str) -> Any:
    """Declare the mutation that creates objects of a noun."""
    items_type = items_of(input_type, "What to create")

    async def resolve(
        info: Info,
        items: items_type,  # type: ignore[valid-type]  # a type made at run time
        *,
        on_error: OnErrorArgument = OnError.REJECT_ALL,
        on_conflict: OnConflictArgument = OnConflict.ERROR,
        dry_run: DryRun = False,
        idempotency_key: IdempotencyKey = UNSET,
    ) -> Answer:
        command = Create(noun, typed(bounded(items), shape), on_error, on_conflict)
        return answer(await perform(info, command, items, dry_run=dry_run, key=given(idempotency_key)))

    return resolved_by(resolve, description)


def updates(noun: Noun[RowT], shape: type[Change], input_type: type, description: str) -> Any:
    """Declare the mutation that changes objects of a noun."""
    items_type = items_of(input_type, "What to change")

    async def resolve(
        info: Info,
        items: items_type,  # type: ignore[valid-type]  # a type made at run time
        *,
        on_error: OnErrorArgument = OnError.REJECT_ALL,
        dry_run: DryRun = False,
        idempotency_key: IdempotencyKey = UNSET,
    ) -> Answer:
        changes = typed([_change(item) for item in bounded(items)], shape)
        targets = map(target, items)
        command = Update(noun, [Updating(*each) for each in zip(targets, changes, strict=True)], on_error)
        return answer(await perform(info, command, items, dry_run=dry_run, key=given(idempotency_key)))

    return resolved_by(resolve, description)


def deletes(noun: Noun[RowT], description: str) -> Any:
    """Declare the mutation that deletes objects of a noun."""
    items_type = items_of(DeleteInput, "What to delete")

    async def resolve(
        info: Info,
        items: items_type,  # type: ignore[valid-type]  # a type made at run time
        *,
        on_error: OnErrorArgument = OnError.REJECT_ALL,
        dry_run: DryRun = False,
        idempotency_key: IdempotencyKey = UNSET,
    ) -> Answer:
        command = Delete(noun, [target(item) for item in bounded(items)], on_error)
        return answer(await perform(info, command, items, dry_run=dry_run, key=given(idempotency_key)))

    return resolved_by(resolve, description)


async def perform(
    info: Info, command: Command, items: Items, *, dry_run: bool, key: str | None
) -> Report[Any]:
    """Execute a command, or return what its key has for an answer; what was read before is forgotten."""
    context = info.context
    try:
        if key is None or dry_run:
            return await engine.run(context.database, context.writer, command, dry_run=dry_run)
        on_conflict = command.on_conflict if isinstance(command, Create) else None
        once = key_of(info, key, [items, command.on_error, on_conflict])
        recorded, _ = await engine.run_once(context.database, context.writer, command, once, _rendered)
        return _reports(command.noun).decode(recorded.body)
    finally:
        await context.forget(roots_too=command.noun is SCOPES)


def _change(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in {"id", "ifMatch"}}


def key_of(info: Info, key: str, arguments: object) -> idempotency.Key:
    """Tie a key to its caller, the mutation and all that decides what it does."""
    if not 1 <= len(key) <= idempotency.MAX_KEY_CHARACTERS or not encodable(key):
        detail = f"must have 1 to {idempotency.MAX_KEY_CHARACTERS} characters, none of them a lone surrogate"
        raise BadArgument("idempotencyKey", detail)
    return idempotency.Key.of(
        info.context.writer, key, b"graphql", info.field_name.encode(), _canonical(arguments)
    )


def _canonical(value: object) -> bytes:
    """Return bytes that are the same for the same arguments, whatever they hold."""
    try:
        return msgspec.json.encode(value, order="sorted")
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, sort_keys=True).encode()


def _rendered(report: Report[Any]) -> idempotency.Answer:
    return idempotency.Answer(200, {}, msgspec.json.encode(report))


@cache
def _reports(noun: Noun[Any]) -> msgspec.json.Decoder[Report[Any]]:
    return msgspec.json.Decoder(Report[noun.row])  # type: ignore[name-defined]  # a type made at run time
