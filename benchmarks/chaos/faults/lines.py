"""Lines that are cut, silent, half-open, slow or doubled: a machine's, or a server's to the database or the centre."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.chaos.faults.fault import Fault, Make
from benchmarks.chaos.machines.line import LineState
from benchmarks.chaos.schedule import FaultKind
from benchmarks.chaos.sites.installation import Installation
from benchmarks.chaos.sites.plans import CENTRE, HOSTS, PCS, PORT_SERVER, SERVERS

_MACHINES = (*HOSTS, *PCS, *SERVERS)
_TO_DATABASE = tuple(f"{name} to database" for name in CENTRE.servers)
"""A server's lines to both nodes."""
TO_CENTRE = f"{PORT_SERVER} to server"
"""The port's lines to all servers of the centre."""
_LONG = (2.0, 20.0)
"""Long enough that both ends notice, now and then."""


def _lines(state: LineState) -> Make:
    @contextmanager
    def made(there: Installation, target: str, _: random.Random) -> Iterator[None]:
        if " to " in target:
            lines = [line for name, line in there.room.lines.items() if name.startswith(target)]
        else:
            lines = [line for line in there.lines_of(target) if " to database" not in line.name]
        for line in lines:
            line.be(state)
        yield
        for line in lines:
            line.be(LineState.OPEN)

    return made


cut = _lines(LineState.CUT)

FAULTS = (
    Fault(FaultKind("cut lines of a machine", _MACHINES, 2.0, busies="lines"), cut),
    Fault(FaultKind("silent lines of a machine", _MACHINES, 1.5, _LONG, "lines"), _lines(LineState.SILENT)),
    Fault(FaultKind("one-way lines of a machine", _MACHINES, 1.5, _LONG, "lines"), _lines(LineState.ONE_WAY)),
    Fault(FaultKind("slow lines of a machine", _MACHINES, 1.0, _LONG, "lines"), _lines(LineState.SLOW)),
    Fault(FaultKind("doubled lines of a machine", _MACHINES, 1.0, busies="lines"), _lines(LineState.DOUBLED)),
    Fault(FaultKind("cut line to the database", _TO_DATABASE, 1.0, busies="lines"), cut),
    Fault(FaultKind("silent line to the database", _TO_DATABASE, 1.0, _LONG, "lines"), _lines(LineState.SILENT)),
    Fault(FaultKind("slow line to the database", _TO_DATABASE, 0.5, busies="lines"), _lines(LineState.SLOW)),
    Fault(FaultKind("cut line to the centre", (TO_CENTRE,), 2.0, _LONG, "lines"), cut),
    Fault(FaultKind("silent line to the centre", (TO_CENTRE,), 1.0, _LONG, "lines"), _lines(LineState.SILENT)),
    Fault(FaultKind("one-way line to the centre", (TO_CENTRE,), 1.0, _LONG, "lines"), _lines(LineState.ONE_WAY)),
    Fault(FaultKind("slow line to the centre", (TO_CENTRE,), 1.0, _LONG, "lines"), _lines(LineState.SLOW)),
    Fault(FaultKind("doubled line to the centre", (TO_CENTRE,), 1.0, busies="lines"), _lines(LineState.DOUBLED)),
)
