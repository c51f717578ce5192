"""Uploads the dependency graph, and follows it until only those wait whose requirements aren't installed."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from demo.catalogue import SCOPE
from demo.client import BATCH
from demo.projects import DEFINITION, PROJECT, storable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from demo.client import Client

Item = dict[str, Any]

BATCHES = 5
# Long enough to look around in the explorer while they wait.
DEPENDENCY_WAIT_S = 3_600
SETTLE_LIMIT_S = 30.0
LOOK_EVERY_S = 0.05
DEFINITIONS = "/partner/schema-definitions"
RECORDS = f"/api/resources/{PROJECT}"
SHOWN_NAMES = 10


@dataclass
class Uploaded:
    """What became of the records so far, and what should."""

    records: Sequence[Item]
    storable: set[str]
    """The names of those that the metadata says can be stored."""
    accepted: int = 0
    seconds: float = 0.0
    batches: list[Item] = field(default_factory=list)
    """The status of each batch, with the records that wait."""

    def count(self, fate: str) -> int:
        """Return how many records met a fate: `successful`, `pending` or `failed`."""
        return sum(batch["progress"][f"{fate}Records"] for batch in self.batches)

    @property
    def waiting(self) -> dict[str, list[str]]:
        """What each record that waits waits for."""
        return {
            record["resourceExternalId"]: [each["externalId"] for each in record["missingDependencies"]]
            for batch in self.batches
            for record in batch.get("pendingResources", ())
        }

    @property
    def missing(self) -> Counter[str]:
        """The names that aren't among the records, and how many records wait for each."""
        names = {each["name"] for each in self.records}
        return Counter(name for wanted in self.waiting.values() for name in wanted if name not in names)

    @property
    def expected(self) -> set[str]:
        """The names of those that the metadata says must wait."""
        return {each["name"] for each in self.records} - self.storable

    @property
    def agrees(self) -> bool:
        """Whether exactly those wait that must, and all others are stored."""
        return self.waiting.keys() == self.expected and self.count("successful") == len(self.storable)

    @property
    def disagreement(self) -> str:
        """How what became of the records differs from what the metadata says."""
        if all(batch["status"] == "queued" for batch in self.batches):
            return "nothing applies the uploads: with SHEAF_UPLOAD_ENGINE=false `sheaf worker` must run"
        counts = [
            f"{self.count(fate):,} {word} instead of {should:,}"
            for word, fate, should in (
                ("stored", "successful", len(self.storable)),
                ("waiting", "pending", len(self.expected)),
                ("failed", "failed", 0),
            )
        ]
        others = sorted(self.waiting.keys() ^ self.expected)
        named = f"; what waits differs by {', '.join(others[:SHOWN_NAMES])}" if others else ""
        return f"after {self.seconds:.0f} s {', '.join(counts)}{named}"


async def upload(client: Client, records: Sequence[Item], progress: Callable[[Uploaded], None]) -> Uploaded:
    """Define the type and upload records in several batches; return once they have settled.

    `progress` hears how they get on.
    """
    await _define(client)
    uploaded = Uploaded(records, storable(records, await _stored(client)))
    size = min(BATCH, math.ceil(len(records) / BATCHES))
    began = time.perf_counter()
    ids = []
    for start in range(0, len(records), size):
        body = {"resources": records[start : start + size]}
        path = f"{RECORDS}/batch?dependencyWaitTimeout={DEPENDENCY_WAIT_S}"
        promise = await _ask(client, "POST", path, body)
        uploaded.accepted += promise["recordCount"]
        ids.append(promise["batchId"])
        progress(uploaded)
    while True:
        uploaded.batches = [
            await _ask(client, "GET", f"/api/batches/{batch_id}?includePendingDetails=true")
            for batch_id in ids
        ]
        uploaded.seconds = time.perf_counter() - began
        progress(uploaded)
        if uploaded.agrees or uploaded.seconds > SETTLE_LIMIT_S:
            return uploaded
        await asyncio.sleep(LOOK_EVERY_S)


async def _define(client: Client) -> None:
    defined = await _ask(client, "GET", DEFINITIONS)
    known = any(each["name"] == PROJECT for each in defined)
    await _ask(client, "POST", f"{DEFINITIONS}/{PROJECT}" if known else DEFINITIONS, DEFINITION)


async def _stored(client: Client) -> list[str]:
    """Return the names of the projects that earlier loads stored."""
    names: list[str] = []
    cursor = ""
    while True:
        page = await _ask(client, "GET", f"{RECORDS}?limit=100{cursor}")
        names += [each["resourceExternalId"] for each in page["results"]]
        if not page["pagination"]["hasNextPage"]:
            return names
        cursor = f"&cursor={page['pagination']['cursor']}"


async def _ask(client: Client, method: str, path: str, body: Item | None = None) -> Any:
    """Return the data of an answer in the upload dialect, about the demo's scope."""
    sent = b"" if body is None else orjson.dumps(body)
    return orjson.loads(await client.ask(method, path, sent, scope_id=SCOPE))["data"]
