"""Clocks of capture hosts that somebody sets; the camera client has its clock injected, so that the bench can."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.port import HOSTS, Port
from benchmarks.chaos.schedule import FaultKind

JUMPS_S = (-7200.0, -90.0, -10.0, -3.0, 3.0, 10.0, 90.0, 7200.0)


@contextmanager
def set_wrong(port: Port, target: str, chance: random.Random) -> Iterator[None]:
    """A capture host's clock jumps, and jumps back."""
    host = port.hosts[target]
    host.set_clock(chance.choice(JUMPS_S) * chance.uniform(0.9, 1.1))
    yield
    host.set_clock(0.0)


FAULTS = (Fault(FaultKind("wrong clock of a capture host", tuple(HOSTS), 1.5, (1.0, 15.0), "clock"), set_wrong),)
