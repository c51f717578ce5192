"""The catalogue's rules for one root, over plain dictionaries: reach, keys, locks, changes and deletes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.commands import Target

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


MUTABLE: Mapping[str, set[str]] = {
    "scope": {"name", "external_id", "meta"},
    "resource_type": {
        "name",
        "plural_key",
        "description",
        "category",
        "schema",
        "external_id_field",
        "display_name_path",
    },
    "resource": {"display_name", "data"},
    "tag_group": {"name", "description", "max_applied_per_target", "is_locked"},
    "tag": {"label"},
    "tag_assignment": set(),
}


@dataclass
class Fate:
    """What the model expects of an item."""

    outcome: str
    codes: list[str] = field(default_factory=list)
    thing: Fields | None = None


def failed(*codes: str) -> Fate:
    return Fate("failed", list(codes))


class Rules:
    """All objects of a root, by noun and id, and what may be done to them."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Fields]] = {noun: {} for noun in KEYS}
        self.reach = ROOT
        self.touched: set[str] = set()
        """The ids that the command at hand has updated: what was their current revision is so no more."""

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

    def _change(self, noun: str, thing: Fields, given: Fields, held: dict[Any, str]) -> Fate:
        after = {**thing, **{name: _settled(thing[name], name, value) for name, value in given.items()}}
        changed = [name for name in given if after[name] != thing[name]]
        faults = ["missing_field" for name in given if name in REQUIRED and after[name] is None]
        faults += ["immutable_field" for name in changed if name not in MUTABLE[noun]]
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
        self.touched.add(thing["id"])
        return Fate("updated", thing=thing)

    def _find(self, noun: str, target: Target) -> Fields | Fate:
        thing = self.things[noun].get(target.id)
        if thing is None or not self.reached(noun, thing):
            return failed("not_found")
        stale = {"stale", "current"} if target.id in self.touched else {"stale"}
        if target.if_match is not None and target.if_match & stale:
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
        while True:
            going = {fate.thing["id"] for fate in fates if fate.thing}
            kept = [i for i, f in enumerate(fates) if f.thing and self._in_use(name, f.thing["id"], going)]
            if not kept:
                break
            for index in kept:
                fates[index] = failed("in_use")
        for fate in fates:
            if fate.thing:
                self._remove(name, fate.thing["id"])
        return fates

    def _remove(self, noun: str, thing_id: str) -> None:
        del self.things[noun][thing_id]
        for other, column in FOLLOWERS.get(noun, ()):
            kept = {k: v for k, v in self.things[other].items() if v[column] != thing_id}
            self.things[other] = kept

    def _in_use(self, noun: str, thing_id: str, going: set[str]) -> bool:
        return any(
            each[column] == thing_id and not (other == noun and each["id"] in going)
            for other, column in USERS.get(noun, ())
            for each in self.things[other].values()
        )


def _settled(before: Any, name: str, value: Any) -> Any:
    """Return what a field becomes: null unlocks, and objects are patched."""
    if name == "is_locked":
        return bool(value)
    if name not in {"data", "meta"} or value is None:
        return value
    old = before if isinstance(before, dict) else {}
    return {k: v for k, v in {**old, **value}.items() if not (k in value and value[k] is None)}
