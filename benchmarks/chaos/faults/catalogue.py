"""All kinds of faults."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.chaos.faults import certificates, clocks, database, disks, lines, lists, models, processes, rows
from benchmarks.chaos.faults.fault import Fault

FAULTS: Mapping[str, Fault] = {
    fault.kind.name: fault
    for module in (processes, lines, database, lists, certificates, clocks, rows, models, disks)
    for fault in module.FAULTS
}
