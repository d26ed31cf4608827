"""Programs that die, hang, or are upgraded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.machines.process import Lives
from benchmarks.chaos.schedule import FaultKind
from benchmarks.chaos.sites.installation import Installation
from benchmarks.chaos.sites.plans import HOSTS, PCS, SERVERS


def _program(there: Installation, target: str) -> Lives:
    return next(program for program in there.programs if program.name == target)


@contextmanager
def killed(there: Installation, target: str, _: random.Random) -> Iterator[None]:
    """A power cut: the program is killed, and started again afterwards."""
    host = there.site_of(target).hosts.get(target)
    if host:
        host.kill()
    else:
        _program(there, target).kill()
    yield
    _program(there, target).launch()


@contextmanager
def hung(there: Installation, target: str, _: random.Random) -> Iterator[None]:
    """The program is suspended, and continues afterwards."""
    program = _program(there, target)
    program.freeze()
    yield
    program.thaw()


@contextmanager
def upgraded(there: Installation, target: str, _: random.Random) -> Iterator[None]:
    """The server ends in order, its clients go to the others if there are any, and it starts again."""
    program = _program(there, target)
    program.end()
    yield
    program.launch()


FAULTS = (
    Fault(FaultKind("kill of a server", SERVERS, 3.0, busies="process"), killed),
    Fault(FaultKind("kill of a capture host", HOSTS, 2.0, busies="process"), killed),
    Fault(FaultKind("kill of a PC's notifier", PCS, 3.0, (0.5, 5.0), busies="process"), killed),
    Fault(FaultKind("hang of a server", SERVERS, 2.0, (1.0, 15.0), busies="process"), hung),
    Fault(FaultKind("hang of a capture host", HOSTS, 1.0, busies="process"), hung),
    Fault(FaultKind("hang of a PC's notifier", PCS, 1.0, (1.0, 15.0), busies="process"), hung),
    Fault(FaultKind("upgrade of a server", SERVERS, 2.0, (0.5, 2.0), busies="process"), upgraded),
)
