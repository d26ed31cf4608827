"""Counters without a PC that would ring: whoever passes there is seen by the supervisors only."""

from __future__ import annotations

from dataclasses import dataclass

from cekalwatch.contract.values.troubles import OF_COUNTERS, TroubleKind
from cekalwatch.server.cluster.attendance import Attendance
from cekalwatch.server.health.alarms.board import Findings, fault


@dataclass(frozen=True)
class CounterAlarms:
    """The rule for all counters, at the server that looks for all."""

    attendance: Attendance

    def look(self) -> Findings | None:
        """Return the counters without a PC; None while that is not known."""
        if (cameras := self.attendance.unattended) is None:
            return None
        counters = sorted({(one.site, one.counter) for one in cameras})
        return Findings(
            [fault(TroubleKind.COUNTER_WITHOUT_PC, f"{site}/{counter}", site, counter) for site, counter in counters],
            lambda kind, _: kind in OF_COUNTERS,
        )
