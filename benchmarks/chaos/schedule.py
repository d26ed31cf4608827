"""Which fault comes when, drawn from a seed: the same seed gives the same faults. Pure: no processes, no clock."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

FAULTS_A_DAY = 100
"""Number of faults after which everything is set up again, so that a failure can be replayed in minutes."""
FAULTS_A_STRETCH = 25
"""Number of faults after which all are repaired and their results checked."""
PAUSE_S = (1.0, 4.0)
"""Shortest and longest time from one fault to the next."""
HOLD_S = (1.0, 8.0)
"""Shortest and longest time for which a fault lasts, unless its kind says otherwise."""


@dataclass(frozen=True)
class FaultKind:
    """What may happen, and to whom."""

    name: str
    targets: tuple[str, ...]
    """What it happens to, one at a time: `server-1`, `host-2`, `database`."""
    weight: float = 1.0
    """How often it is drawn, beside the others."""
    hold_s: tuple[float, float] = HOLD_S
    busies: str = ""
    """What of its target has this fault and no other at the same time: faults of one process exclude each other."""


@dataclass(frozen=True)
class PlannedFault:
    """A fault of the schedule."""

    number: int
    """In its day, from 1."""
    at_s: float
    """From the beginning of its stretch."""
    kind: str
    target: str
    hold_s: float
    seed: int
    """For what the fault itself draws."""

    @property
    def end_s(self) -> float:
        """When it is mended."""
        return self.at_s + self.hold_s

    def __str__(self) -> str:
        return f"fault {self.number}: {self.kind} of {self.target} for {self.hold_s:.1f} s"


@dataclass(frozen=True)
class Day:
    """The faults of one life of the installation, in stretches."""

    seed: int
    number: int
    """From 1."""
    stretches: tuple[tuple[PlannedFault, ...], ...]

    @property
    def faults(self) -> int:
        """How many there are."""
        return sum(map(len, self.stretches))


def day(seed: int, number: int, faults: int, kinds: Sequence[FaultKind]) -> Day:
    """Draw a day of `faults` faults. Days of a seed do not depend on each other. Raises ValueError without kinds."""
    if not kinds:
        raise ValueError("there is no kind of fault to draw from")
    chance = random.Random(f"{seed}/{number}")  # noqa: S311  # a schedule, no secret
    stretches = []
    for first in range(1, faults + 1, FAULTS_A_STRETCH):
        count = min(FAULTS_A_STRETCH, faults - first + 1)
        stretches.append(_stretch(chance, first, count, kinds))
    return Day(seed, number, tuple(stretches))


def days(seed: int, rounds: int, kinds: Sequence[FaultKind]) -> list[Day]:
    """Draw as many days as `rounds` faults need."""
    numbers = range(1, -(-rounds // FAULTS_A_DAY) + 1)
    return [day(seed, number, min(FAULTS_A_DAY, rounds - (number - 1) * FAULTS_A_DAY), kinds) for number in numbers]


def _stretch(chance: random.Random, first: int, count: int, kinds: Sequence[FaultKind]) -> tuple[PlannedFault, ...]:
    busy_until: dict[tuple[str, str], float] = {}
    planned: list[PlannedFault] = []
    at_s = 0.0
    while len(planned) < count:
        at_s += chance.uniform(*PAUSE_S)
        free = [
            (kind, targets)
            for kind in kinds
            if (targets := [one for one in kind.targets if busy_until.get((kind.busies, one), 0.0) <= at_s])
        ]
        if not free:
            continue
        (kind, targets), *_ = chance.choices(free, [kind.weight for kind, _ in free])
        target, hold_s = chance.choice(targets), chance.uniform(*kind.hold_s)
        busy_until[kind.busies, target] = at_s + hold_s
        fault = PlannedFault(
            first + len(planned), round(at_s, 2), kind.name, target, round(hold_s, 2), chance.randrange(2**32)
        )
        planned.append(fault)
    return tuple(planned)
