"""Lines that are cut, silent, half-open, slow or doubled: all lines of one machine, or a server's to the database."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.chaos.faults.fault import Fault, Make
from benchmarks.chaos.machines.line import LineState
from benchmarks.chaos.port import HOSTS, PCS, SERVERS, Port
from benchmarks.chaos.schedule import FaultKind

_CLIENTS = (*HOSTS, *(plan.name for plan in PCS))
_TO_DATABASE = tuple(f"{name} to database" for name in SERVERS)
"""A server's lines to both nodes."""
_LONG = (2.0, 20.0)
"""Long enough that both ends notice, now and then."""


def _lines(state: LineState) -> Make:
    @contextmanager
    def made(port: Port, target: str, _: random.Random) -> Iterator[None]:
        if target in _TO_DATABASE:
            lines = [line for name, line in port.room.lines.items() if name.startswith(target)]
        else:
            lines = [line for line in port.lines_of(target) if " to database" not in line.name]
        for line in lines:
            line.be(state)
        yield
        for line in lines:
            line.be(LineState.OPEN)

    return made


FAULTS = (
    Fault(FaultKind("cut lines of a machine", (*_CLIENTS, *SERVERS), 2.0, busies="lines"), _lines(LineState.CUT)),
    Fault(FaultKind("silent lines of a machine", (*_CLIENTS, *SERVERS), 1.5, _LONG, "lines"), _lines(LineState.SILENT)),
    Fault(
        FaultKind("one-way lines of a machine", (*_CLIENTS, *SERVERS), 1.5, _LONG, "lines"), _lines(LineState.ONE_WAY)
    ),
    Fault(FaultKind("slow lines of a machine", (*_CLIENTS, *SERVERS), 1.0, _LONG, "lines"), _lines(LineState.SLOW)),
    Fault(
        FaultKind("doubled lines of a machine", (*_CLIENTS, *SERVERS), 1.0, busies="lines"), _lines(LineState.DOUBLED)
    ),
    Fault(FaultKind("cut line to the database", _TO_DATABASE, 1.0, busies="lines"), _lines(LineState.CUT)),
    Fault(FaultKind("silent line to the database", _TO_DATABASE, 1.0, _LONG, "lines"), _lines(LineState.SILENT)),
    Fault(FaultKind("slow line to the database", _TO_DATABASE, 0.5, busies="lines"), _lines(LineState.SLOW)),
)
