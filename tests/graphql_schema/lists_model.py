"""A random catalogue of resources, random arguments of a list, and what Python says such a list has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from db.resources import RESOURCES, ResourceRow
from db.tag_assignments import TAG_ASSIGNMENTS, TagAssignmentRow

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from db.database import Transaction

COUNT = 90
ROOT = "scope_acme"
ABOVE = {
    "scope_acme": None,
    "scope_engineering": ROOT,
    "scope_platform": "scope_engineering",
    "scope_sales": ROOT,
}
TYPES = ("resource_type_document", "resource_type_ticket")
TAGS = ("tag_high", "tag_low", "tag_security", "tag_billing")
# Longer than what the index has of a name.
LONG = "Long " * 12 + "abcd"
NAMES = (
    None, "A", "A\x01", "Al", "Alpha", "alpha", "Alpha%", "Alp_a", "Ålpha", "B'\"\\", " ", "~", "\x01",
    "\U0010ffff", "\U0010ffff\U0010ffff", "\ud7ff", "\ue000",
    LONG, LONG + "a", LONG + "b", LONG + "\U0010ffff", LONG + "\x01", LONG[:-1] + "e",
)  # fmt: skip
PREFIXES = (
    "", "A", "Al", "Alpha", "a", "Å", "B'", "\U0010ffff", "\ud7ff", "\x01", "none",
    LONG[:10], LONG, LONG + "a", LONG + "\U0010ffff",
)  # fmt: skip
PARTS = ("l", "pha", "%", "_", "'", '"\\', LONG[-6:], "\U0010ffff", "\x01", "none")
# As clients may write it: a number has more than one spelling.
DATA = (
    None, "{}", '{"a":1}', '{"a":1.0}', '{"a":10e-1}', '{"a":"1"}', '{"a":true}', '{"a":null}', '{"a":0.1}',
    '{"a":{"b":"x"}}', '{"a":{"b":0}}', '{"a":[1]}', '{"a":{"0":1}}', '{"a b":"x","a":2}', '{"é":false}',
    '[{"a":1}]', '"a"', "7", '{"":"x"}', '{"a":9007199254740993}', '{"a":""}', '{"a.b":1}', '{"$":1}',
)  # fmt: skip
MEMBERS: tuple[tuple[tuple[str, ...], Any], ...] = (
    (("a",), 1), (("a",), 1.0), (("a",), "1"), (("a",), True), (("a",), False), (("a",), None), (("a",), 0.1),
    (("a", "b"), "x"), (("a", "b"), 0), (("a", "0"), 1), (("0", "a"), 1), (("a b",), "x"), (("é",), False),
    (("",), "x"), (("none",), None), (("a",), 9007199254740993), (("a",), ""), (("a.b",), 1), (("$",), 1),
)  # fmt: skip
TIMES = tuple(f"2026-01-0{day}T00:00:0{second}Z" for day in (1, 2) for second in (0, 1))
FIELDS: dict[str, Callable[[ResourceRow], str]] = {
    "ID": lambda row: row.id,
    "DISPLAY_NAME": lambda row: row.display_name or "",
    "EXTERNAL_RESOURCE_ID": lambda row: row.external_resource_id,
    "CREATED_AT": lambda row: row.created_at,
    "UPDATED_AT": lambda row: row.updated_at or row.created_at,
}


@dataclass
class Model:
    """What is stored."""

    rows: list[ResourceRow] = field(default_factory=list)
    tags: dict[str, set[str]] = field(default_factory=dict)

    def listed(self, arguments: dict[str, Any], reach: str) -> list[str]:
        """Return the ids of the list that arguments mean to a caller of a scope."""
        if "scopeId" in arguments and not _is_below(arguments["scopeId"], reach):
            # What is out of reach looks like what doesn't exist.
            return []
        found = [
            row
            for row in self.rows
            if _is_below(row.scope_id, reach)
            and all(self._holds(row, name, value, arguments) for name, value in arguments.items())
        ]
        order = arguments.get("orderBy") or {"field": "ID"}
        of = FIELDS[order["field"]]
        found.sort(
            key=lambda row: (of(row).encode(), row.id.encode()), reverse=order.get("direction") == "DESC"
        )
        return [row.id for row in found]

    def _holds(self, row: ResourceRow, name: str, value: Any, arguments: dict[str, Any]) -> bool:
        name_of, changed, tags = row.display_name, row.updated_at or row.created_at, self.tags[row.id]
        holds: dict[str, Callable[[], bool]] = {
            "scopeId": lambda: (
                _is_below(row.scope_id, value) if arguments.get("withDescendants") else row.scope_id == value
            ),
            "ids": lambda: row.id in value,
            "resourceTypeId": lambda: row.resource_type_id == value,
            "externalResourceId": lambda: row.external_resource_id == value,
            "tagId": lambda: value in tags,
            "tagsAny": lambda: bool(tags & set(value)),
            "tagsAll": lambda: tags >= set(value),
            "tagsNone": lambda: not tags & set(value),
            "displayNamePrefix": lambda: name_of is not None and name_of.startswith(value),
            "displayNameContains": lambda: name_of is not None and value in name_of,
            "createdSince": lambda: row.created_at >= value,
            "createdBefore": lambda: row.created_at < value,
            "updatedSince": lambda: changed >= value,
            "updatedBefore": lambda: changed < value,
            "data": lambda: all(_has(row.data, each["path"], each["equals"]) for each in value),
        }
        return name not in holds or holds[name]()


def _is_below(scope: str | None, reach: str) -> bool:
    return scope is not None and (scope == reach or _is_below(ABOVE.get(scope), reach))


def _has(data: str | None, pointer: str, wanted: object) -> bool:
    found: Any = None if data is None else msgspec.json.decode(data)
    for step in pointer.split("/")[1:]:
        if not isinstance(found, dict) or step not in found:
            return False
        found = found[step]
    return isinstance(found, bool) is isinstance(wanted, bool) and found == wanted


def random_model(chance: random.Random) -> Model:
    """Return resources whose ids, names, keys and times meet each other in every order, with random tags."""
    model = Model()
    for index, number in enumerate(chance.sample(range(10 * COUNT), COUNT)):
        changed = chance.choice((None, *TIMES))
        model.rows.append(
            ResourceRow(
                f"resource_{chance.choice('aA_-.9')}{number}",
                TYPES[index % 2],
                chance.choice(tuple(ABOVE)),
                f"same-{index % 3}" if index < 3 else f"{chance.choice('xX')}{number}",
                chance.choice(NAMES),
                chance.choice(DATA),
                chance.choice(TIMES),
                "s",
                changed,
                changed and "s",
                "r",
                ROOT,
            )
        )
    # An external id that several resources share, each with a scope and type of its own.
    shared = [(scope, kind) for scope in ABOVE for kind in TYPES]
    for row, (scope, kind) in zip(list(model.rows), shared, strict=False):
        model.rows.remove(row)
        model.rows.append(
            msgspec.structs.replace(row, scope_id=scope, resource_type_id=kind, external_resource_id="shared")
        )
    model.tags = {row.id: set(chance.sample(TAGS, chance.choice((0, 0, 1, 2, 4)))) for row in model.rows}
    return model


async def store(tx: Transaction, model: Model) -> None:
    """Store a model as it is, with times that no clock gives."""
    groups = {"tag_high": "tag_group_priority", "tag_low": "tag_group_priority"}
    assignments = [
        TagAssignmentRow(
            id=f"tag_assignment_{index}_{tag}",
            tag_id=tag,
            resource_id=row.id,
            scope_id=row.scope_id,
            created_at=TIMES[0],
            created_by="s",
            updated_at=None,
            updated_by=None,
            revision="r",
            root_id=ROOT,
            tag_group_id=groups.get(tag, "tag_group_topic"),
            resource_scope_id=row.scope_id,
        )
        for index, row in enumerate(model.rows)
        for tag in sorted(model.tags[row.id])
    ]
    for table, rows in ((RESOURCES.table, model.rows), (TAG_ASSIGNMENTS.table, assignments)):
        values: list[Any] = [msgspec.structs.astuple(row) for row in rows]
        assert await tx.insert(table, values) is None


def random_arguments(chance: random.Random, model: Model) -> dict[str, Any]:
    """Return some of the arguments of a list of resources, seldom more than three."""

    def tags() -> list[str]:
        return chance.choices((*TAGS, "tag_none"), k=chance.choice((0, 1, 1, 2, 2, 5)))

    def members() -> list[dict[str, Any]]:
        some = chance.sample(MEMBERS, chance.choice((1, 1, 1, 2)))
        return [{"path": "".join(f"/{step}" for step in path), "equals": value} for path, value in some]

    row = chance.choice(model.rows)
    choices: dict[str, Callable[[], Any]] = {
        "scopeId": lambda: chance.choice((*ABOVE, "scope_none")),
        "ids": lambda: [each.id for each in chance.sample(model.rows, 20)] + ["resource_none"],
        "resourceTypeId": lambda: chance.choice(TYPES),
        "externalResourceId": lambda: chance.choice((row.external_resource_id, "shared", "none")),
        "tagId": lambda: chance.choice((*TAGS, "tag_none")),
        "tagsAny": tags,
        "tagsAll": tags,
        "tagsNone": tags,
        "displayNamePrefix": lambda: chance.choice(PREFIXES),
        "displayNameContains": lambda: chance.choice(PARTS),
        "createdSince": lambda: chance.choice(TIMES),
        "createdBefore": lambda: chance.choice(TIMES),
        "updatedSince": lambda: chance.choice(TIMES),
        "updatedBefore": lambda: chance.choice(TIMES),
        "data": members,
    }
    names = chance.sample(sorted(choices), chance.choice((0, 1, 1, 1, 2, 2, 3)))
    arguments = {name: choices[name]() for name in names}
    if "scopeId" in arguments and chance.random() < 0.5:
        arguments["withDescendants"] = True
    if chance.random() < 0.7:
        arguments["orderBy"] = {
            "field": chance.choice(tuple(FIELDS)),
            "direction": chance.choice(("ASC", "DESC")),
        }
    return arguments
