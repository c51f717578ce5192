"""The catalogue's rules for one root, over plain dictionaries: what the engine's answers are compared with.

It knows no SQL, no transactions and no batches of statements: it goes through the items one by one.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from db.commands import Create, Delete, OnConflict, OnError, Target, Update

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.commands import Command

Fields = dict[str, Any]

ROOT = "scope_root"
KEYS: Mapping[str, tuple[str, ...]] = {
    "scope": ("parent_scope_id", "external_id"),
    "resource_type": ("scope_id", "key"),
    "resource": ("scope_id", "resource_type_id", "external_resource_id"),
    "tag_group": ("scope_id", "key"),
    "tag": ("tag_group_id", "identifier"),
    "tag_assignment": ("tag_id", "resource_id"),
}
USERS: Mapping[str, list[tuple[str, str]]] = {
    "scope": [
        ("resource_type", "scope_id"),
        ("tag_group", "scope_id"),
        ("tag", "scope_id"),
        ("resource", "scope_id"),
        ("tag_assignment", "scope_id"),
        ("scope", "parent_scope_id"),
    ],
    "resource_type": [("resource", "resource_type_id")],
}
FOLLOWERS: Mapping[str, list[tuple[str, str]]] = {
    "tag_group": [("tag_assignment", "tag_group_id"), ("tag", "tag_group_id")],
    "tag": [("tag_assignment", "tag_id")],
    "resource": [("tag_assignment", "resource_id")],
}
REQUIRED = {"name", "label"}


@dataclass
class Fate:
    """What the model expects of an item."""

    outcome: str
    codes: list[str] = field(default_factory=list)
    thing: Fields | None = None


def failed(*codes: str) -> Fate:
    return Fate("failed", list(codes))


class Model:
    """All objects of a root, by noun and id."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Fields]] = {noun: {} for noun in KEYS}
        self.reach = ROOT

    def run(self, command: Command, reach: str, names: list[str | None], *, dry_run: bool = False) -> list[Fate]:
        """Do what a command says; `names` are the ids that the server gave to items without one."""
        before, self.reach = deepcopy(self.things), reach
        noun = command.noun
        match command:
            case Create():
                fates = self._create(command, names)
            case Update():
                held = {self.key(str(noun.namespace), each): each["id"] for each in self.all(noun)}
                fates = [self._update(noun, item, held) for item in command.items]
            case Delete():
                fates = self._delete(noun, command.items)
        told = deepcopy(fates)
        refused = command.on_error is OnError.REJECT_ALL and any(fate.codes for fate in fates)
        if refused:
            told = [fate if fate.codes else Fate("rolled_back") for fate in told]
        if refused or dry_run:
            self.things = before
        return told

    # What there is

    def all(self, noun: Any) -> list[Fields]:
        return list(self.things[str(noun.namespace)].values())

    def chain(self, scope: str | None) -> list[str]:
        """Return a scope and those above it."""
        chain: list[str] = []
        while scope is not None:
            chain.append(scope)
            scope = self.things["scope"][scope]["parent_scope_id"]
        return chain

    def reaches(self, scope: str) -> bool:
        return scope in self.things["scope"] and self.reach in self.chain(scope)

    def reached(self, noun: str, thing: Fields) -> bool:
        home = {"scope": "id", "tag_assignment": "resource_scope_id"}.get(noun, "scope_id")
        return self.reaches(thing[home])

    def key(self, noun: str, thing: Fields) -> tuple[object, ...] | None:
        values = tuple(thing[name] for name in KEYS[noun])
        if noun == "scope" and None in values:
            return None
        return tuple(value.lower() for value in values) if noun == "resource_type" else values

    def locked(self, noun: str, before: Fields | None, after: Fields | None) -> bool:
        if noun == "tag":
            thing = before or after
            assert thing is not None
            return bool(self.things["tag_group"][thing["tag_group_id"]]["is_locked"])
        if noun != "tag_group" or before is None or not before["is_locked"]:
            return False
        return after is None or {**after, "is_locked": True, "changed": 0} != {**before, "changed": 0}

    # Creates

    def _create(self, command: Create[Any], names: list[str | None]) -> list[Fate]:
        noun = str(command.noun.namespace)
        items = [
            {name: getattr(item, name) for name in item.__struct_fields__}  # type: ignore[union-attr]  # no faults here
            for item in command.items
        ]
        brought = [item["id"] for item in items]
        for index, item in enumerate(items):
            item["id"] = item["id"] or names[index] or f"new{index}"
        known = set(self.things[noun])
        planned = {item["id"]: item for item in reversed(items)}
        meet = self._insert if command.on_conflict is OnConflict.ERROR else self._meet
        drafts: list[Fields | list[str]] = [self._draft(noun, item, planned) for item in items]
        batch = _Batch(command.on_conflict, {}, [], {}, {})
        fates = [
            failed(*draft) if isinstance(draft, list) else meet(noun, draft, own_id, batch)
            for draft, own_id in zip(drafts, brought, strict=True)
        ]
        if noun == "scope":
            self._drop_orphans(items, drafts, fates, known, planned)
        if noun == "tag_assignment":
            self._keep_limits(fates)
        return fates

    def _draft(self, noun: str, item: Fields, planned: dict[str, Fields]) -> Fields | list[str]:
        thing = {**item, "changed": False}
        scopes = self.things["scope"]
        match noun:
            case "scope":
                if planned.get(item["id"]) is item and _circles(item["id"], planned):
                    return ["invalid_value"]
                return thing if self._has_place(item, planned) else ["unknown_reference"]
            case "tag_group":
                thing["is_locked"] = bool(item["is_locked"])
                del thing["tags"]
                return thing if self.reaches(item["scope_id"]) else ["unknown_reference"]
            case "resource_type":
                return thing if self.reaches(item["scope_id"]) else ["unknown_reference"]
            case "resource" | "tag":
                kind, name = ("resource_type", "resource_type_id") if noun == "resource" else ("tag_group", "tag_group_id")
                if not self.reaches(item["scope_id"]):
                    return ["unknown_reference"]
                usable = self._usable(kind, item[name], item["scope_id"])
                return thing if usable else ["unknown_reference"]
        resource = self.things["resource"].get(item["resource_id"])
        if resource is None or not self.reaches(resource["scope_id"]):
            return ["unknown_reference"]
        home = resource["scope_id"]
        tag = self._usable("tag", item["tag_id"], home)
        scope = item["scope_id"] or home
        fits = scope in scopes and self.reaches(scope) and scope in self.chain(home)
        faults = ["unknown_reference"] * ((tag is None) + (not fits))
        if tag is None or faults:
            return faults
        return {**thing, "scope_id": scope, "tag_group_id": tag["tag_group_id"], "resource_scope_id": home}

    def _usable(self, noun: str, thing_id: str, scope: str) -> Fields | None:
        thing = self.things[noun].get(thing_id)
        return thing if thing and thing["scope_id"] in self.chain(scope) else None

    def _has_place(self, item: Fields, planned: dict[str, Fields]) -> bool:
        parent = item["parent_scope_id"]
        if parent in self.things["scope"]:
            return self.reaches(parent)
        return parent in planned and not _circles(parent, planned) and self._has_place(planned[parent], planned)

    def _insert(self, noun: str, draft: Fields, own_id: str | None, batch: _Batch) -> Fate:
        if self.locked(noun, None, draft):
            return failed("locked")
        key = self.key(noun, draft)
        if (own_id and own_id in batch.ids) or (key and key in batch.keys):
            return failed("duplicate_in_batch")
        if own_id:
            batch.ids[own_id] = draft
        if key:
            batch.keys[key] = draft["id"]
        if own_id and own_id in self.things[noun]:
            return failed("id_taken")
        if key and any(self.key(noun, other) == key for other in self.things[noun].values()):
            return failed("already_exists")
        self.things[noun][draft["id"]] = draft
        return Fate("created", thing=draft)

    def _meet(self, noun: str, draft: Fields, own_id: str | None, batch: _Batch) -> Fate:
        by_id = self.things[noun].get(own_id) if own_id else None
        key = self.key(noun, draft)
        with_key = [other for other in self.things[noun].values() if key and self.key(noun, other) == key]
        by_key = with_key[0] if with_key else None
        met = by_id or by_key
        if met is None:
            if self.locked(noun, None, draft):
                return failed("locked")
            self.things[noun][draft["id"]] = draft
            batch.made.append(draft)
            return Fate("created", thing=draft)
        if not any(met is made for made in batch.made) and not self.reached(noun, met):
            return failed("id_taken" if met is by_id else "already_exists")
        if batch.on_conflict is OnConflict.SKIP:
            return Fate("unchanged", thing=met)
        if (by_key and by_key is not met) or (own_id and own_id != met["id"]):
            return failed("already_exists")
        given = {
            name: value
            for name, value in draft.items()
            if value is not None and name not in {"id", "changed", "tag_group_id", "resource_scope_id"} - set(batch.shown(noun))
        }
        return self._change(noun, met, given, batch.left)

    def _drop_orphans(
        self,
        items: list[Fields],
        drafts: list[Fields | list[str]],
        fates: list[Fate],
        known: set[str],
        planned: dict[str, Fields],
    ) -> None:
        """Fail scopes whose parent in the batch came to nothing, and take them back."""
        position = {id(item): index for index, item in enumerate(items)}
        changed = True
        while changed:
            changed = False
            for index, item in enumerate(items):
                parent = item["parent_scope_id"]
                if isinstance(drafts[index], list) or fates[index].codes or parent in known:
                    continue
                above = fates[position[id(planned[parent])]]
                if above.codes or (above.thing and above.thing["id"] != parent):
                    gone = fates[index].thing if fates[index].outcome == "created" else None
                    fates[index] = failed("unknown_reference")
                    changed = True
                    if gone:
                        del self.things["scope"][gone["id"]]
                        for other, fate in enumerate(fates):
                            if fate.thing is gone:
                                fates[other] = failed("unknown_reference")

    def _keep_limits(self, fates: list[Fate]) -> None:
        for index in reversed(range(len(fates))):
            thing = fates[index].thing
            if fates[index].outcome != "created" or thing is None:
                continue
            limit = self.things["tag_group"][thing["tag_group_id"]]["max_applied_per_target"]
            same = [
                each
                for each in self.things["tag_assignment"].values()
                if (each["resource_id"], each["tag_group_id"]) == (thing["resource_id"], thing["tag_group_id"])
            ]
            if limit is not None and len(same) > limit:
                del self.things["tag_assignment"][thing["id"]]
                for other, fate in enumerate(fates):
                    if fate.thing is thing:
                        fates[other] = failed("limit_reached")

    # Changes and deletes

    def _change(self, noun: str, thing: Fields, given: Fields, held: dict[Any, str]) -> Fate:
        after, faults = dict(thing), []
        for name, value in given.items():
            if name == "is_locked" and value is None:
                value = False
            if name in {"data", "meta"} and value is not None:
                old = thing[name] if isinstance(thing[name], dict) else {}
                value = {k: v for k, v in {**old, **value}.items() if not (k in value and value[k] is None)}
            if name in REQUIRED and value is None:
                faults.append("missing_field")
            elif value != thing[name] and name not in MUTABLE[noun]:
                faults.append("immutable_field")
            after[name] = value
        if faults:
            return failed(*faults)
        if after == thing:
            return Fate("unchanged", thing=thing)
        if self.locked(noun, thing, after):
            return failed("locked")
        old_key, new_key = self.key(noun, thing), self.key(noun, after)
        if new_key and held.get(new_key, thing["id"]) != thing["id"]:
            return failed("already_exists")
        for key in (old_key, new_key):
            if key:
                held[key] = thing["id"]
        thing.update(after, changed=True)
        return Fate("updated", thing=thing)

    def _find(self, noun: str, target: Target) -> Fields | Fate:
        thing = self.things[noun].get(target.id)
        if thing is None or not self.reached(noun, thing):
            return failed("not_found")
        if target.if_match is not None and "stale" in target.if_match:
            return failed("precondition_failed")
        return thing

    def _update(self, noun: Any, item: Any, held: dict[Any, str]) -> Fate:
        name = str(noun.namespace)
        thing = self._find(name, item.target)
        if isinstance(thing, Fate):
            return thing
        given = {each: getattr(item.change, each) for each in item.change.__struct_fields__}
        given = {each: value for each, value in given.items() if value is not UNSET}
        if item.replace:
            given = {**dict.fromkeys(MUTABLE[name]), **given}
            for each in ("data", "meta"):
                if isinstance(given.get(each), dict):
                    thing_before = thing[each] if isinstance(thing[each], dict) else {}
                    given[each] = {**dict.fromkeys(thing_before), **given[each]}
        fate = self._change(name, thing, given, held)
        return Fate(fate.outcome, fate.codes, deepcopy(fate.thing))

    def _delete(self, noun: Any, items: Any) -> list[Fate]:
        name, seen = str(noun.namespace), set()
        fates: list[Fate] = []
        for item in items:
            thing = self._find(name, item)
            if isinstance(thing, Fate):
                fates.append(thing)
            elif item.id in seen:
                fates.append(failed("duplicate_in_batch"))
            elif self.locked(name, thing, None):
                fates.append(failed("locked"))
            else:
                fates.append(Fate("deleted", thing=thing))
            seen.add(item.id)
        changed = True
        while changed:
            changed = False
            going = {fate.thing["id"] for fate in fates if fate.thing}
            for index, fate in enumerate(fates):
                if fate.thing and self._in_use(name, fate.thing["id"], going):
                    fates[index], changed = failed("in_use"), True
        for fate in fates:
            if fate.thing:
                del self.things[name][fate.thing["id"]]
                for other, column in FOLLOWERS.get(name, ()):
                    kept = {k: v for k, v in self.things[other].items() if v[column] != fate.thing["id"]}
                    self.things[other] = kept
        return fates

    def _in_use(self, noun: str, thing_id: str, going: set[str]) -> bool:
        return any(
            each[column] == thing_id and not (other == noun and each["id"] in going)
            for other, column in USERS.get(noun, ())
            for each in self.things[other].values()
        )


MUTABLE: Mapping[str, set[str]] = {
    "scope": {"name", "external_id", "meta"},
    "resource_type": {"name", "plural_key", "description", "category", "schema", "external_id_field", "display_name_path"},
    "resource": {"display_name", "data"},
    "tag_group": {"name", "description", "max_applied_per_target", "is_locked"},
    "tag": {"label"},
    "tag_assignment": set(),
}


@dataclass
class _Batch:
    """What a create's earlier items did."""

    on_conflict: OnConflict
    ids: dict[str, Fields]
    made: list[Fields]
    keys: dict[tuple[object, ...], str]
    left: dict[Any, str]
    """The keys that objects had or took when they were changed in this batch, and whose they are."""

    @staticmethod
    def shown(noun: str) -> tuple[str, ...]:
        return ("tag_group_id",) if noun == "tag" else ()


def _circles(scope_id: str, planned: dict[str, Fields]) -> bool:
    """Tell whether an item is its own ancestor."""
    current = planned[scope_id]["parent_scope_id"]
    for _ in planned:
        if current == scope_id:
            return True
        if current not in planned:
            return False
        current = planned[current]["parent_scope_id"]
    return False
