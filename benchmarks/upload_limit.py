"""The limit of an upload: decode, validate, keep the payload, insert resources and references; nobody is told.

`python -m benchmarks.upload_limit URL prepare` makes what the records refer to;
`python -m benchmarks.upload_limit URL ROUND FIRST COUNT` uploads, and prints when it began and ended.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import jsonschema_rs
import msgspec

from benchmarks import uploads
from db.database import Transaction, open_database
from db.ids import Namespace, new_ids
from db.tables import batch_payloads, resource_references, resources

NOW = "2026-01-01T00:00:00Z"
STAMPS = (NOW, "limit", None, None, "revision", "scope_a")
_decode = msgspec.json.Decoder(dict[str, list[dict[str, Any]]]).decode
_encode = msgspec.json.encode


def schema() -> dict[str, Any]:
    """Return the products' schema with its references as what they must be."""
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(uploads.TYPES["product"]))
    made["properties"]["maker"] = {"type": ["string", "integer"]}
    return made


async def prepare(url: str) -> None:
    """Insert the resources that records refer to."""
    database = open_database(url)
    rows = [
        (f"resource_m{i}", "resource_type_maker", "scope_a", f"m{i}", None, "{}", *STAMPS) for i in range(100)
    ]

    async def work(tx: Transaction) -> None:
        await tx.insert(resources, rows)

    await database.write("limit", work)
    await database.close()


async def upload(url: str, number: str, first: int, count: int) -> tuple[float, float]:
    """Upload some batches, two at a time, and return when that began and ended."""
    database = open_database(url)
    validator = jsonschema_rs.Draft7Validator(schema(), validate_formats=True)
    bodies = [
        _encode({"resources": uploads.records(f"{number}-{k}", uploads.RECORDS)})
        for k in range(first, first + count)
    ]

    async def keep(tx: Transaction, key: str, body: bytes) -> None:
        await tx.insert(batch_payloads, [(key, "scope_a", body.decode())])

    async def one(index: int, body: bytes) -> None:
        async def accept(tx: Transaction) -> None:
            await keep(tx, f"batch_{number}_{first + index}", body)

        await database.write("limit", accept)
        ids = new_ids(Namespace.RESOURCE, uploads.RECORDS)
        rows: list[tuple[Any, ...]] = []
        links: list[tuple[Any, ...]] = []
        for record in _decode(body)["resources"]:
            if not validator.is_valid(record):
                raise ValueError(record)
            own, maker, sku = next(ids), record["maker"], record["sku"]
            text = _encode(record).decode()
            rows.append((own, "resource_type_product", "scope_a", sku, None, text, *STAMPS))
            target = f"resource_{maker}"
            links.append(
                (own + "/maker", "scope_a", own, "/maker", "resource_type_maker", maker, target, "scope_a")
            )

        async def store(tx: Transaction) -> None:
            await tx.insert(resources, rows)
            await tx.insert(resource_references, links)

        await database.write("limit", store)

    queue = list(enumerate(bodies))
    began = time.time()

    async def lane() -> None:
        while queue:
            await one(*queue.pop(0))

    await asyncio.gather(lane(), lane())
    ended = time.time()
    await database.close()
    return began, ended


if __name__ == "__main__":
    if sys.argv[2] == "prepare":
        asyncio.run(prepare(sys.argv[1]))
    else:
        print(*asyncio.run(upload(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
