"""The database that dies, or is restarted in order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.port import Port
from benchmarks.chaos.schedule import FaultKind


@contextmanager
def killed(port: Port, _target: str, _: random.Random) -> Iterator[None]:
    """PostgreSQL and all its backends are killed, and it recovers afterwards."""
    port.cluster.kill()
    yield
    port.cluster.start()


@contextmanager
def restarted(port: Port, _target: str, _: random.Random) -> Iterator[None]:
    """PostgreSQL ends in order, which ends all connections, and starts again."""
    port.cluster.stop()
    yield
    port.cluster.start()


_DATABASE = ("database",)

FAULTS = (
    Fault(FaultKind("kill of PostgreSQL", _DATABASE, 1.5, busies="process"), killed),
    Fault(FaultKind("restart of PostgreSQL", _DATABASE, 1.0, (0.2, 3.0), busies="process"), restarted),
)
