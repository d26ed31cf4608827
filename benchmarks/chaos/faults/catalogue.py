"""All kinds of faults."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.chaos.faults import database, lines, lists, processes
from benchmarks.chaos.faults.fault import Fault

FAULTS: Mapping[str, Fault] = {
    fault.kind.name: fault for module in (processes, lines, database, lists) for fault in module.FAULTS
}
