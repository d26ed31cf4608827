"""Whether a listed traveller who passes now would ring at a place: one answer, which every screen shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cekalwatch.contract.values.alarms import BLIND, OF_COUNTERS
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.readiness import Readiness, ReadinessFault
from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.watchlist.freshness import FreshnessGauge


@dataclass(frozen=True)
class ReadinessGauge:
    """Reading it costs little, and does not block; any thread may read."""

    chain: Callable[[], ReadinessFault | None]
    """Where captures stop on their way to the screens; None while they get through."""
    alarms: Callable[[], tuple[StoredAlarm, ...]]
    """Those that are open."""
    freshness: FreshnessGauge
    cameras: Mapping[str, Camera]
    """All cameras, by key."""
    repeat_period_s: float
    """How often, in seconds, each screen gets the answer."""

    def of(self, place: AlertFilter) -> Readiness:
        """Return the answer for what a screen watches."""
        fault, counters = self.chain(), set[str]()
        if fault is None and (counters := self._blind(place)):
            fault = ReadinessFault.CAMERA
        if fault is None and (counters := self._without_pc(place)):
            fault = ReadinessFault.PC
        if fault is None and self.freshness.now().outdated:
            fault = ReadinessFault.LIST
        return Readiness(fault, tuple(sorted(counters)), self.repeat_period_s)

    def _blind(self, place: AlertFilter) -> set[str]:
        named = (self.cameras.get(one.condition.about) for one in self.alarms() if one.condition.kind in BLIND)
        return _counters(place, (one for one in named if one))

    def _without_pc(self, place: AlertFilter) -> set[str]:
        named = (one.condition for one in self.alarms() if one.condition.kind in OF_COUNTERS)
        missing = {(one.site, one.counter) for one in named}
        return _counters(place, (one for one in self.cameras.values() if (one.site, one.counter) in missing))


def _counters(place: AlertFilter, cameras: Iterable[Camera]) -> set[str]:
    return {one.counter for one in cameras if place.wants(one)}
