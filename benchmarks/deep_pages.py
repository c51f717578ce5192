"""Pages of a million resources: deep in the list beside its first and its last page, on both databases."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks import million
from benchmarks.servers import databases
from db import cursors, resources
from db.access import Principal, Reach, Role
from db.database import open_database
from db.reads import Order, Page, Selection, children, page
from db.resources import RESOURCES, ResourceRow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from db.database import Database, Reader
    from db.reads import Edge, Slice

LIMIT = 100
ROUNDS = 25
TARGET = 1.5
BY_NAME = Order(("display_name",))
# How far in a page is, in hundredths of all: forwards and backwards, and the names there.
FAR_IN, FAR_BACK = (85, "name 19"), (10, "name 11")
LATE = (95, "")

CALLERS = {
    "the root": Principal("s", Role.READER, Reach(million.ROOT, million.ROOT, "p0/")),
    "half of it": Principal("s", Role.READER, Reach(million.ROOT, *million.SUBTREE)),
}
SELECTIONS = {
    "scope": Selection(scope_id="scope_1"),
    "scope, type": Selection(scope_id="scope_1", filters={"resourceTypeId": "resource_type_0"}),
    "type": Selection(filters={"resourceTypeId": "resource_type_0"}),
    "tag": Selection(filters={"tagId": "tag_0"}),
    "tags any": Selection(filters={"tagsAny": ("tag_0", "tag_1")}),
    "tags any, few": Selection(filters={"tagsAny": ("tag_2", "tag_3")}),
    "external id": Selection(filters={"externalResourceId": "shared"}),
    "name prefix, 11 %": Selection(filters={"displayNamePrefix": "name 1"}),
    "name prefix, 0.1 %": Selection(filters={"displayNamePrefix": "name 123 "}),
    "name prefix, at the end": Selection(filters={"displayNamePrefix": "late"}),
    "name prefix, by name": Selection(filters={"displayNamePrefix": "name 1"}, order=BY_NAME),
    "all": Selection(),
    "all, by name": Selection(order=BY_NAME),
}
EDGES = {
    "Scope.resources": (resources.BY_SCOPE, "scope_1"),
    "ResourceType.resources": (resources.BY_RESOURCE_TYPE, "resource_type_0"),
    "Tag.resources": (resources.BY_TAG, "tag_0"),
}


@dataclass(frozen=True)
class Pages:
    """A list, and the times of four of its pages."""

    name: str
    read: Callable[[Reader, Page], Awaitable[Slice[ResourceRow]]]
    wanted: dict[str, Page]
    times_ms: dict[str, list[float]] = field(default_factory=dict)

    async def measure(self, database: Database) -> None:
        """Read the pages in turns, after a first time that doesn't count."""
        for round_number in range(ROUNDS + 1):
            for name, wanted in self.wanted.items():
                async with database.read("benchmark") as reader:
                    began = time.perf_counter()
                    await self.read(reader, wanted)
                    took_ms = (time.perf_counter() - began) * 1_000
                if round_number:
                    self.times_ms.setdefault(name, []).append(took_ms)

    def ratio(self, deep: str, beside: str) -> float:
        """Return how many times as long one page takes as another, by their medians."""
        return statistics.median(self.times_ms[deep]) / statistics.median(self.times_ms[beside])

    def __str__(self) -> str:
        """Return a line of the table."""
        medians = "".join(f"{statistics.median(times):>10.2f}" for times in self.times_ms.values())
        ratios = f"{self.ratio('deep', 'first'):>10.2f}{self.ratio('deep back', 'last'):>10.2f}"
        return f"{self.name:<40}{medians}{ratios}"


def _wanted(fingerprint: str, count: int, selection: Selection | None = None) -> dict[str, Page]:
    late = selection is not None and selection.filters.get("displayNamePrefix") == "late"
    by_name = selection is not None and selection.order is BY_NAME
    far_in, far_back = (
        cursors.encode(
            fingerprint,
            _Place(million.resource_id(count // 100 * hundredths)),
            name if by_name else "",
            hides_root=False,
        )
        for hundredths, name in ((LATE, LATE) if late else (FAR_IN, FAR_BACK))
    )
    return {
        "first": Page(LIMIT),
        "deep": Page(LIMIT, after=far_in),
        "last": Page(LIMIT, backward=True),
        "deep back": Page(LIMIT, before=far_back, backward=True),
    }


@dataclass(frozen=True)
class _Place:
    """What a cursor tells of a resource."""

    id: str
    root_id: str = million.ROOT


def lists(count: int = million.RESOURCES) -> list[Pages]:
    """Return all that is measured in a catalogue of so many resources."""

    def of_list(name: str, caller: Principal, selection: Selection) -> Pages:
        async def read(reader: Reader, wanted: Page) -> Slice[ResourceRow]:
            return await page(reader, caller, RESOURCES, selection, wanted)

        fingerprint = cursors.fingerprint(RESOURCES.namespace, selection.fingerprint)
        return Pages(name, read, _wanted(fingerprint, count, selection))

    def of_edge(name: str, caller: Principal, edge: Edge[Any], parent: str) -> Pages:
        async def read(reader: Reader, wanted: Page) -> Slice[ResourceRow]:
            return (await children(reader, caller, edge, [(parent, million.ROOT)], wanted))[0]

        fingerprint = cursors.fingerprint(edge.noun.namespace, edge.column, edge.link)
        return Pages(name, read, _wanted(fingerprint, count))

    return [
        each
        for title, caller in CALLERS.items()
        for each in (
            *(of_list(f"{name}, in {title}", caller, selection) for name, selection in SELECTIONS.items()),
            *(of_edge(f"{name}, in {title}", caller, *edge) for name, edge in EDGES.items()),
        )
    ]


async def measured(url: str) -> list[Pages]:
    """Measure all lists on a database."""
    database = open_database(url)
    found = lists()
    try:
        for each in found:
            await each.measure(database)
            print(each, flush=True)
    finally:
        await database.close()
    return found


def main() -> None:
    """Measure on both databases and print."""
    for kind in ("sqlite", "postgresql"):
        with databases(kind) as make_database:
            url = make_database()
            million.fill(url)
            print(
                f"\n{kind}: pages of {LIMIT} of {million.RESOURCES:,} resources, medians of {ROUNDS} in ms;"
                f" target: deep / first and deep back / last at most {TARGET}\n"
            )
            headings = ("first", "deep", "last", "deep back", "ratio", "ratio")
            print("".join([" " * 40, *(f"{heading:>10}" for heading in headings)]))
            asyncio.run(measured(url))
