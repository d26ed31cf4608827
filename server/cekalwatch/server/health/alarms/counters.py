"""Counters without a PC that would ring, where only supervisors see who passes; and devices that are there twice."""

from __future__ import annotations

from dataclasses import dataclass

from cekalwatch.contract.values.troubles import OF_COUNTERS, OF_DEVICES, TroubleKind
from cekalwatch.server.cluster.attendance import Attendance
from cekalwatch.server.health.alarms.board import Findings, fault
from cekalwatch.server.health.probes import Presence


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


class DeviceAlarms:
    """The rule for devices of which there are two, at each server for those that it serves."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._told: frozenset[str] | None = None
        """What this server has told; None before its first look, which ends what was told before its start."""

    def look(self) -> Findings:
        """Return the devices whose key somebody else seems to have."""
        twice = {f"{one.site}/{one.role}/{one.name}": one.site for one in self._presence.twice}
        before, self._told = self._told, (self._told or frozenset()) | twice.keys()
        return Findings(
            [fault(TroubleKind.DEVICE_TWICE, about, site) for about, site in sorted(twice.items())],
            lambda kind, about: kind in OF_DEVICES and (before is None or about in before or about in twice),
        )
