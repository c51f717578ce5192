"""Uploads to test with: types that refer to each other, batches of records, and the engine's turns by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from db import engine, reads
from db.access import SYSTEM
from db.batches import BATCHES, BatchRow, Kind, NewBatch
from db.commands import Create
from db.resource_types import RESOURCE_TYPES, NewResourceType
from db.resources import RESOURCES, NewResource, ResourceRow
from db.scopes import SCOPES, NewScope
from db.uploads import progress, settling, turns
from tests.factories import create

if TYPE_CHECKING:
    from db.database import Database

Record = Mapping[str, Any]

SCOPE = "scope_acme"
PRODUCT = {
    "type": "object",
    "properties": {
        "sku": {"type": ["string", "integer"]},
        "title": {"type": "string", "maxLength": 20},
        "price": {"type": "number", "minimum": 0},
        "maker": {"$ref": "schemas/maker"},
        "part_of": {"$ref": "reach:schemas/PRODUCT"},
        "parts": {"type": "array", "items": {"$ref": "schemas/product"}},
        "size": {"type": "object", "properties": {"w": {"type": "integer"}, "h": {"type": "integer"}}},
        "first": {"type": "string"},
        "second": {"type": "string"},
    },
    "required": ["sku"],
}
MAKER = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


async def types(database: Database) -> None:
    """Create a scope, and products that refer to makers and to each other."""
    await create(database, SCOPES, NewScope(id=SCOPE, name="Acme"))
    await create(
        database,
        RESOURCE_TYPES,
        NewResourceType(
            id="resource_type_maker", scope_id=SCOPE, key="maker", name="Maker", schema=MAKER,
            external_id_field="name",
        ),
        NewResourceType(
            id="resource_type_product", scope_id=SCOPE, key="product", name="Product", schema=PRODUCT,
            external_id_field="sku", display_name_path="$.title",
        ),
    )  # fmt: skip


async def accept(
    database: Database,
    records: list[Any],
    type_name: str = "product",
    *,
    scope_id: str = SCOPE,
    **options: Any,
) -> str:
    """Accept a batch, and return its id."""
    new = NewBatch(
        scope_id=scope_id,
        type_name=type_name,
        kind=options.pop("kind", Kind.INGEST),
        body=options.pop("body", None) or json.dumps(records),
        total=len(records),
        **options,
    )
    (row,) = await create(database, BATCHES, new)
    batch_id: str = row.id
    return batch_id


async def work(database: Database) -> None:
    """Take the engine's turns until there is nothing to do."""
    while (
        await database.write("settle_waiting_records", settling.settle_due)
        or await database.write("apply_batch", turns.apply_next) is not None
    ):
        pass


async def upload(
    database: Database, records: list[Any], type_name: str = "product", **options: Any
) -> BatchRow:
    """Accept a batch, and work until it has been applied."""
    batch_id = await accept(database, records, type_name, **options)
    await work(database)
    return await batch(database, batch_id)


async def batch(database: Database, batch_id: str) -> BatchRow:
    """Return a batch as it is now."""
    async with database.read("test") as reader:
        row = await reads.by_id(reader, SYSTEM, BATCHES, batch_id)
    assert row is not None
    return row


def counts(row: BatchRow) -> tuple[str, int, int, int]:
    """Return a batch's status, and how many of its records succeeded, failed and wait."""
    return row.status, row.succeeded, row.failed, row.waiting


async def faults(database: Database, row: BatchRow) -> dict[int, list[tuple[str, str]]]:
    """Return the codes and pointers of each failed record of a batch."""
    async with database.read("test") as reader:
        failed = await progress.failures(reader, row)
    return {
        each.record_index: [(str(fault.code), fault.pointer) for fault in progress.faults_of(each)]
        for each in failed
    }


async def waits_for(database: Database, row: BatchRow) -> dict[str, list[str]]:
    """Return what each waiting record of a batch waits for, by external id."""
    async with database.read("test") as reader:
        found = await progress.waiting(reader, [(row.id, row.root_id)])
    return {
        each.external_id: [f"{target.type_key} {target.external_id}" for target in each.missing]
        for each in found.get((row.id, row.root_id), ())
    }


async def stored(database: Database) -> dict[str, Any]:
    """Return the data of all resources by external id."""
    async with database.read("test") as reader:
        page = await reads.page(reader, SYSTEM, RESOURCES, reads.Selection(), reads.Page(limit=1_000))
    return {row.external_resource_id: json.loads(row.data or "null") for row in page.rows}


async def create_product(database: Database, **data: Any) -> ResourceRow:
    """Create a product through the catalogue's door."""
    new = NewResource(resource_type_id="resource_type_product", scope_id=SCOPE, data=data)
    (row,) = await create(database, RESOURCES, new)
    return row  # type: ignore[no-any-return]  # a noun's rows are its own


async def refused(database: Database, *items: NewResource) -> list[list[tuple[str, str]]]:
    """Create resources that are refused, and return each one's faults."""
    report = await engine.run(database, SYSTEM, Create(RESOURCES, items))
    assert not report.committed
    return [[(str(fault.code), fault.pointer) for fault in result.faults] for result in report.results]
