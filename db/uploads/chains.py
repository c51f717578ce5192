"""What becomes of records, given all that is stored: merged in their order, and stored in sets that need no others."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from db.data_rules.known import ResourceKey
from db.data_rules.resources import missing_target
from db.errors import Code, Fault
from db.shapes import MAX_DATA_BYTES

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from db.batches import WaitingRow
    from db.definitions import Definition, ReferenceFound
    from db.resources import ResourceRow

_encode = msgspec.json.encode


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
        data: dict[str, Any] = {}
        if self.row is not None and self.row.data is not None:
            decoded = msgspec.json.decode(self.row.data)
            data = decoded if isinstance(decoded, dict) else {}
        states: list[State] = []
        for step in self.steps:
            if step.faults:
                continue
            if self._refuses(step, states):
                continue
            state = self._merged(step, data)
            if state is not None:
                states.append(state)
                data = state.data
        self.states = states
        self.reached = len(states)

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
    """Fail, where nothing may wait, the first step of each chain that misses something; whether there was one.

    What waited before goes on waiting.
    """
    there = {chain.key for chain in chains if chain.reached or chain.row is not None}
    found = False
    for chain in chains:
        left = [state for state in chain.states[chain.reached :] if state.step is not chain.waiter]
        if not left:
            continue
        found = True
        missing = [
            each
            for each in left[0].references
            if (key := chain.needs(each)) not in stored and key not in there
        ]
        left[0].step.faults = tuple(missing_target(each) for each in missing[:20])
        chain.evaluate()
    return found


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
