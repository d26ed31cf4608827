"""Clocks of capture hosts and of the port's server that somebody sets: their programs have their clocks injected."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.schedule import FaultKind
from benchmarks.chaos.sites.installation import Installation
from benchmarks.chaos.sites.plans import HOSTS, PORT_SERVER

JUMPS_S = (-7200.0, -90.0, -10.0, -3.0, 3.0, 10.0, 90.0, 7200.0)


@contextmanager
def set_wrong(there: Installation, target: str, chance: random.Random) -> Iterator[None]:
    """A capture host's clock jumps, and jumps back."""
    host = there.site_of(target).hosts[target]
    host.set_clock(_jump_s(chance))
    yield
    host.set_clock(0.0)


@contextmanager
def server_set_wrong(there: Installation, _target: str, chance: random.Random) -> Iterator[None]:
    """The clock of the port's server jumps, and jumps back."""
    ahead_s = _jump_s(chance)
    with there.port.truth.clock_changes(ahead_s):
        there.port.set_clock(ahead_s)
        yield
        there.port.set_clock(0.0)


def _jump_s(chance: random.Random) -> float:
    return chance.choice(JUMPS_S) * chance.uniform(0.9, 1.1)


_LONG = (1.0, 15.0)

FAULTS = (
    Fault(FaultKind("wrong clock of a capture host", HOSTS, 1.5, _LONG, "clock"), set_wrong),
    Fault(FaultKind("wrong clock of the port's server", (PORT_SERVER,), 1.5, _LONG, "clock"), server_set_wrong),
)
