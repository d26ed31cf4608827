"""Programs that die, hang, or are upgraded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.machines.process import Lives
from benchmarks.chaos.port import HOSTS, PCS, SERVERS, Port
from benchmarks.chaos.schedule import FaultKind

_PCS = tuple(plan.name for plan in PCS)


def _program(port: Port, target: str) -> Lives:
    for kept in (port.servers, port.hosts, port.pcs):
        if target in kept:
            program: Lives = kept[target].program
            return program
    raise KeyError(target)


@contextmanager
def killed(port: Port, target: str, _: random.Random) -> Iterator[None]:
    """A power cut: the program is killed, and started again afterwards."""
    if target in port.hosts:
        port.hosts[target].kill()
    else:
        _program(port, target).kill()
    yield
    _program(port, target).launch()


@contextmanager
def hung(port: Port, target: str, _: random.Random) -> Iterator[None]:
    """The program is stopped where it is, and goes on afterwards."""
    program = _program(port, target)
    program.freeze()
    yield
    program.thaw()


@contextmanager
def upgraded(port: Port, target: str, _: random.Random) -> Iterator[None]:
    """The server ends in order, its clients go to the others, and it starts again."""
    server = port.servers[target]
    server.program.end()
    yield
    server.program.launch()


FAULTS = (
    Fault(FaultKind("kill of a server", SERVERS, 3.0, busies="process"), killed),
    Fault(FaultKind("kill of a capture host", tuple(HOSTS), 2.0, busies="process"), killed),
    Fault(FaultKind("kill of a PC's notifier", _PCS, 3.0, (0.5, 5.0), busies="process"), killed),
    Fault(FaultKind("hang of a server", SERVERS, 2.0, (1.0, 15.0), busies="process"), hung),
    Fault(FaultKind("hang of a capture host", tuple(HOSTS), 1.0, busies="process"), hung),
    Fault(FaultKind("hang of a PC's notifier", _PCS, 1.0, (1.0, 15.0), busies="process"), hung),
    Fault(FaultKind("upgrade of a server", SERVERS, 2.0, (0.5, 2.0), busies="process"), upgraded),
)
