"""Counters without a PC that would ring or where an exercise failed, and devices that are there twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cekalwatch.contract.values.alarms import OF_COUNTERS, OF_DEVICES, OF_EXERCISES, AlarmKind
from cekalwatch.server.cluster.attendance import Attendance
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.exercises import FAILED
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.health.alarms.board import Findings, condition
from cekalwatch.server.storage.exercises.store import ExerciseStore

FAILED_FOR: Final = timedelta(days=7)
"""How long a failed exercise is an alarm where no other one follows."""


@dataclass(frozen=True)
class CounterAlarms:
    """The rule for all counters, at the server that looks for all."""

    attendance: Attendance

    def look(self) -> Findings | None:
        """Return the counters without a PC; None while that is not known."""
        if (cameras := self.attendance.unattended) is None:
            return None
        counters = sorted({(one.site, one.counter) for one in cameras})
        awaited = {f"{one.site}/{one.counter}" for one in self.attendance.awaited}
        return Findings(
            [condition(AlarmKind.COUNTER_WITHOUT_PC, f"{site}/{counter}", site, counter) for site, counter in counters],
            lambda kind, about: kind in OF_COUNTERS and about not in awaited,
        )


@dataclass(frozen=True)
class ExerciseAlarms:
    """The rule for exercises that did not reach a screen in time, or were judged as another person (domain rule 16).

    The newest one at a camera counts.
    """

    store: ExerciseStore
    clock: Clock

    def look(self) -> Findings:
        """Return the cameras whose newest exercise has failed."""
        newest = self.store.newest_results(self.clock.now() - FAILED_FOR)
        return Findings(
            [
                condition(AlarmKind.EXERCISE_FAILED, one.camera_id, one.site, one.counter, stage=one.stage)
                for one in newest
                if one.end in FAILED
            ],
            lambda kind, _: kind in OF_EXERCISES,
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
            [condition(AlarmKind.DEVICE_TWICE, about, site) for about, site in sorted(twice.items())],
            lambda kind, about: kind in OF_DEVICES and (before is None or about in before or about in twice),
        )
