"""The catalogue in memory, which the engine's answers are compared with.

It knows no SQL, no transactions and no batches of statements: it goes through the items one by one.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from db.commands import Create, Delete, OnConflict, OnError, Update
from tests.db.rules import Fate, Fields, Rules, failed

if TYPE_CHECKING:
    from db.commands import OfItems


@dataclass
class _Batch:
    """What a create's earlier items did."""

    on_conflict: OnConflict
    claims: set[tuple[object, ...]] = field(default_factory=set)
    made: list[Fields] = field(default_factory=list)
    left: dict[Any, str] = field(default_factory=dict)
    """The keys that objects had or took when they were changed in this batch, and whose they are."""


class Model(Rules):
    """Does what commands say."""

    def run(
        self, command: OfItems, reach: str, names: list[str | None], *, dry_run: bool = False
    ) -> list[Fate]:
        """Do what a command says; `names` are the ids that the server gave to items without one."""
        before, self.reach, self.touched = deepcopy(self.things), reach, set()
        fates = self._do(command, names)
        told = deepcopy(fates)
        refused = command.on_error is OnError.REJECT_ALL and any(fate.codes for fate in fates)
        if refused:
            told = [fate if fate.codes else Fate("rolled_back") for fate in told]
        if refused or dry_run:
            self.things = before
        return told

    def _do(self, command: OfItems, names: list[str | None]) -> list[Fate]:
        noun = command.noun
        match command:
            case Create():
                return self._create(command, names)
            case Update():
                held = {self.key(str(noun.namespace), each): each["id"] for each in self.all(noun)}
                return [self._update(noun, item, held) for item in command.items]
            case Delete():
                return self._delete(noun, command.items)

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
        drafts = [self._draft(noun, item, planned) for item in items]
        batch = _Batch(command.on_conflict)
        if command.on_conflict is OnConflict.ERROR:
            fates = [self._claim(noun, draft, own, batch) for draft, own in zip(drafts, brought, strict=True)]
            self._drop_orphans(items, fates, known, planned)
            fates = [self._insert(noun, fate) for fate in fates]
        else:
            fates = [
                self._meet(noun, draft, {**item, "id": own}, batch)
                for draft, item, own in zip(drafts, items, brought, strict=True)
            ]
        self._drop_orphans(items, fates, known, planned)
        if noun == "tag_assignment":
            self._keep_limits(fates)
        return fates

    def _draft(self, noun: str, item: Fields, planned: dict[str, Fields]) -> Fields | list[str]:
        thing = {**item, "changed": False}
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
                kind = "resource_type" if noun == "resource" else "tag_group"
                if not self.reaches(item["scope_id"]):
                    return ["unknown_reference"]
                usable = self._usable(kind, item[f"{kind}_id"], item["scope_id"])
                return thing if usable else ["unknown_reference"]
            case _:
                return self._draft_assignment(item)

    def _draft_assignment(self, item: Fields) -> Fields | list[str]:
        resource = self.things["resource"].get(item["resource_id"])
        if resource is None or not self.reaches(resource["scope_id"]):
            return ["unknown_reference"]
        home = resource["scope_id"]
        tag = self._usable("tag", item["tag_id"], home)
        scope = item["scope_id"] or home
        fits = self.reaches(scope) and scope in self.chain(home)
        faults = ["unknown_reference"] * ((tag is None) + (not fits))
        if tag is None or faults:
            return faults
        derived = {"scope_id": scope, "tag_group_id": tag["tag_group_id"], "resource_scope_id": home}
        return {**item, **derived, "changed": False}

    def _usable(self, noun: str, thing_id: str, scope: str) -> Fields | None:
        thing = self.things[noun].get(thing_id)
        return thing if thing and thing["scope_id"] in self.chain(scope) else None

    def _has_place(self, item: Fields, planned: dict[str, Fields]) -> bool:
        parent = item["parent_scope_id"]
        if parent in self.things["scope"]:
            return self.reaches(parent)
        return (
            parent in planned and not _circles(parent, planned) and self._has_place(planned[parent], planned)
        )

    def _claim(self, noun: str, draft: Fields | list[str], own_id: str | None, batch: _Batch) -> Fate:
        if isinstance(draft, list):
            return failed(*draft)
        if self.locked(noun, None, draft):
            return failed("locked")
        key = self.key(noun, draft)
        claims: set[tuple[object, ...]] = {("id", own_id)} if own_id else set()
        claims |= {("key", *key)} if key else set()
        if claims & batch.claims:
            return failed("duplicate_in_batch")
        batch.claims |= claims
        return Fate("created", thing=draft)

    def _insert(self, noun: str, fate: Fate) -> Fate:
        if fate.thing is None:
            return fate
        if fate.thing["id"] in self.things[noun]:
            return failed("id_taken")
        if self._with_key(noun, fate.thing):
            return failed("already_exists")
        self.things[noun][fate.thing["id"]] = fate.thing
        return fate

    def _with_key(self, noun: str, thing: Fields) -> Fields | None:
        key = self.key(noun, thing)
        same = [other for other in self.things[noun].values() if key and self.key(noun, other) == key]
        return same[0] if same else None

    def _meet(self, noun: str, draft: Fields | list[str], item: Fields, batch: _Batch) -> Fate:
        if isinstance(draft, list):
            return failed(*draft)
        own_id = item["id"]
        by_id = self.things[noun].get(own_id) if own_id else None
        by_key = self._with_key(noun, draft)
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
            name: value for name, value in item.items() if value is not None and name not in {"id", "tags"}
        }
        return self._change(noun, met, given, batch.left)

    def _drop_orphans(
        self, items: list[Fields], fates: list[Fate], known: set[str], planned: dict[str, Fields]
    ) -> None:
        """Fail scopes whose parent in the batch came to nothing, and take them back."""
        position = {id(item): index for index, item in enumerate(items)}
        changed = True
        while changed:
            changed = False
            for index, item in enumerate(items):
                parent = item.get("parent_scope_id")
                if parent is None or fates[index].codes or parent in known:
                    continue
                above = fates[position[id(planned[parent])]]
                if above.codes or (above.thing and above.thing["id"] != parent):
                    gone = fates[index].thing if fates[index].outcome == "created" else None
                    fates[index] = failed("unknown_reference")
                    changed = True
                    if gone:
                        if self.things["scope"].get(gone["id"]) is gone:
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
                if (each["resource_id"], each["tag_group_id"])
                == (thing["resource_id"], thing["tag_group_id"])
            ]
            if limit is not None and len(same) > limit:
                del self.things["tag_assignment"][thing["id"]]
                for other, fate in enumerate(fates):
                    if fate.thing is thing:
                        fates[other] = failed("limit_reached")


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
