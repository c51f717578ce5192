"""What becomes of records, given all that is stored: merged in their order, and stored in sets that need no others."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from db.data_rules.known import ResourceKey
from db.data_rules.resources import missing_target, other_id
from db.errors import Code, Fault
from db.shapes import MAX_DATA_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator

    from db.batches import WaitingRow
    from db.definitions import Definition, ReferenceFound
    from db.resources import ResourceRow

_encode = msgspec.json.encode

MAX_TOLD = 20


class Stake(NamedTuple):
    """A record of a batch that shares the fate of a step."""

    batch_id: str
    record_index: int


@dataclass(slots=True)
class Step:
    """One record of a batch, or one that waits: what is to be merged into what is stored."""

    patch: dict[str, Any]
    stakes: list[Stake] = field(default_factory=list)
    must_be_new: bool = False
    must_exist: bool = False
    faults: tuple[Fault, ...] = ()
    references: list[ReferenceFound] | None = None
    """What the patch by itself refers to, once that was looked for."""
    stored: bool = False
    parked: bool = False


class State(NamedTuple):
    """What a resource's data is after a step."""

    step: Step
    data: dict[str, Any]
    text: str
    references: list[ReferenceFound]


@dataclass(slots=True)
class Chain:
    """All steps for one resource, in order."""

    key: ResourceKey
    definition: Definition
    by: str
    steps: list[Step] = field(default_factory=list)
    row: ResourceRow | None = None
    """As stored before."""
    waiting: WaitingRow | None = None
    """What waits for this resource already; its step is the first."""
    states: list[State] = field(default_factory=list)
    result: ResourceRow | None = None
    """As stored in the end, if it was stored or is as it was."""
    reached: int = 0
    """How many of the states can be stored; the last one of them is."""

    @property
    def waits_no_more(self) -> bool:
        """Whether what waited before was stored or failed."""
        return self.waiting is not None and (self.steps[0].stored or bool(self.steps[0].faults))

    def evaluate(self) -> None:
        """Merge the steps that are good so far, and judge what each makes of the data."""
        self.states = []
        self._go_on(self.steps, ())
        self.reached = len(self.states)

    def give_up(self, gone: Collection[ResourceKey]) -> list[State]:
        """Fail the new steps beyond what is reached that refer to what never comes, and return what they had made."""
        left = [state.step for state in self.states[self.reached :]]
        del self.states[self.reached :]
        return self._go_on(left, gone)

    def unresolved(self) -> list[State]:
        """Return the states that miss something, but for what waited before."""
        return [state for state in self.states[self.reached :] if state.step is not self.waiter]

    def _go_on(self, steps: Iterable[Step], gone: Collection[ResourceKey]) -> list[State]:
        """Merge more steps into the last state, and return what those would make that need what is gone."""
        states = self.states
        data = states[-1].data if states else self._stored_data()
        refused: list[State] = []
        for step in steps:
            if step.faults or self._refuses(step, states):
                continue
            state = self._merged(step, data)
            if state is None:
                continue
            if gone and step is not self.waiter and (faults := self.lacks(state, gone)):
                step.faults = faults
                refused.append(state)
                continue
            states.append(state)
            data = state.data
        return refused

    def lacks(self, state: State, gone: Collection[ResourceKey]) -> tuple[Fault, ...]:
        """Tell what of the things that never come a state refers to."""
        lost = [each for each in state.references if (key := self.needs(each)) in gone and key != self.key]
        return tuple(missing_target(each) for each in lost[:MAX_TOLD])

    def _stored_data(self) -> dict[str, Any]:
        if self.row is None or self.row.data is None:
            return {}
        decoded = msgspec.json.decode(self.row.data)
        return decoded if isinstance(decoded, dict) else {}

    def needs(self, found: ReferenceFound) -> ResourceKey:
        """Return what a value of this resource's data refers to."""
        return ResourceKey(self.key.root_id, found.external_id, self.key.scope_id, found.target_type_id)

    def needed(self) -> Iterator[ResourceKey]:
        """Yield what the data refers to in the last state that may be stored."""
        if self.reached:
            for found in self.states[self.reached - 1].references:
                yield self.needs(found)

    def _refuses(self, step: Step, states: list[State]) -> bool:
        exists = self.row is not None
        name = self.key.external_id
        if step.must_be_new and (exists or any(state.step is not self.waiter for state in states)):
            step.faults = (Fault(Code.ALREADY_EXISTS, "", f"a record {name!r} exists"),)
        elif step.must_exist and not (exists or states):
            step.faults = (Fault(Code.NOT_FOUND, "", f"there is no record {name!r}"),)
        return bool(step.faults)

    @property
    def waiter(self) -> Step | None:
        """The step of what waits already."""
        return self.steps[0] if self.waiting is not None else None

    def _merged(self, step: Step, data: dict[str, Any]) -> State | None:
        if None in step.patch.values():
            merged = {name: value for name, value in {**data, **step.patch}.items() if value is not None}
        else:
            merged = {**data, **step.patch} if data else step.patch
        faults = self.definition.faults(merged)
        encoded = _encode(merged)
        if len(encoded) > MAX_DATA_BYTES:
            detail = f"data has {len(encoded):,} bytes; the limit is {MAX_DATA_BYTES:,}"
            faults = (*faults, Fault(Code.TOO_LARGE, "/data", detail))
        if step is self.waiter:
            # The type may have changed since it was parked.
            faults = (*faults, *other_id(self.definition, self.key.external_id, merged))
        if faults:
            step.faults = faults
            return None
        return State(step, merged, encoded.decode(), self._references(step, merged))

    def _references(self, step: Step, merged: dict[str, Any]) -> list[ReferenceFound]:
        if merged is step.patch and step.references is not None:
            return step.references
        return self.definition.references(merged)


def resolve(chains: Iterable[Chain], stored: Container[ResourceKey]) -> None:
    """Find the largest set of records that can be stored: whose targets are stored, or in the set.

    The greatest fixpoint: all are in it at first, and what misses something goes back to the state before, or out.
    """
    by_key = {chain.key: chain for chain in chains}
    waited_for: dict[ResourceKey, list[Chain]] = {}
    pending = deque(by_key.values())

    def is_there(key: ResourceKey) -> bool:
        if key in stored:
            return True
        chain = by_key.get(key)
        return chain is not None and (chain.reached > 0 or chain.row is not None)

    while pending:
        chain = pending.popleft()
        before = chain.reached
        while chain.reached:
            needed = list(chain.needed())
            if all(map(is_there, needed)):
                for key in needed:
                    if key not in stored:
                        waited_for.setdefault(key, []).append(chain)
                break
            chain.reached -= 1
        if before and not chain.reached and chain.row is None:
            pending.extend(waited_for.pop(chain.key, ()))


def fail_unresolved(chains: Iterable[Chain], stored: Container[ResourceKey]) -> bool:
    """Fail, where nothing may wait, the steps that miss what never comes; whether any step missed something.

    What waited before goes on waiting. A record of the batch may come yet while it has steps that didn't fail.
    """
    there = {chain.key for chain in chains if chain.reached or chain.row is not None}
    left = {chain.key: chain for chain in chains if chain.unresolved()}
    coming = {key for key in left if key not in there}
    needing: dict[ResourceKey, dict[ResourceKey, Chain]] = {}
    for chain in left.values():
        for state in chain.unresolved():
            for key in map(chain.needs, state.references):
                if key not in stored and key not in there and key != chain.key:
                    needing.setdefault(key, {})[chain.key] = chain
    pending = deque(key for key in needing if key not in coming)
    gone = set(pending)
    refused: list[tuple[Chain, State]] = []
    while pending:
        for chain in needing.get(pending.popleft(), {}).values():
            refused += [(chain, state) for state in chain.give_up(gone)]
            if chain.key in coming and not chain.unresolved():
                coming.remove(chain.key)
                gone.add(chain.key)
                pending.append(chain.key)
    for chain, state in refused:
        # What came to be gone later is told too.
        state.step.faults = chain.lacks(state, gone)
    return bool(left)


def missing(
    chain: Chain, stored: Container[ResourceKey], there: Container[ResourceKey]
) -> list[ReferenceFound]:
    """Return what the last state of a chain refers to and is neither stored, nor in the set, nor the chain's own."""
    if chain.reached == len(chain.states):
        return []
    last = chain.states[-1]
    return [
        each
        for each in last.references
        if (key := chain.needs(each)) not in stored and key not in there and key != chain.key
    ]
