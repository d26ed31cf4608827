"""The database that dies, is restarted in order, loses its standby, or goes on with that."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.schedule import FaultKind
from benchmarks.chaos.sites.installation import Installation


@contextmanager
def killed(there: Installation, _target: str, _: random.Random) -> Iterator[None]:
    """The primary and all its backends are killed, and it recovers afterwards."""
    there.centre.postgres.kill()
    yield
    there.centre.postgres.start()


@contextmanager
def restarted(there: Installation, _target: str, _: random.Random) -> Iterator[None]:
    """The primary ends in order, which ends all connections, and starts again."""
    there.centre.postgres.stop()
    yield
    there.centre.postgres.start()


@contextmanager
def promoted(there: Installation, _target: str, _: random.Random) -> Iterator[None]:
    """The primary is killed and its standby promoted; the dead one becomes a standby afterwards."""
    there.centre.postgres.fail_over()
    yield
    there.centre.postgres.mend()


@contextmanager
def without_standby(there: Installation, _target: str, _: random.Random) -> Iterator[None]:
    """The standby is killed, and all commits wait for a new one."""
    there.centre.postgres.lose_standby()
    yield
    there.centre.postgres.mend()


_DATABASE = ("database",)

FAULTS = (
    Fault(FaultKind("kill of PostgreSQL", _DATABASE, 1.5, busies="process"), killed),
    Fault(FaultKind("restart of PostgreSQL", _DATABASE, 1.0, (0.2, 3.0), "process"), restarted),
    Fault(FaultKind("promotion of the standby", _DATABASE, 2.0, (3.0, 12.0), "process"), promoted),
    Fault(FaultKind("loss of the standby", _DATABASE, 1.0, (1.0, 6.0), "process"), without_standby),
)
