"""Whether a listed traveller who passes now would ring at a place: one answer, which every screen shows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.readiness import Readiness, ReadinessFault
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.presence import AgentPresence


@dataclass(frozen=True)
class ReadinessGauge:
    """Reading it costs little, and does not block; any thread may read."""

    chain: Callable[[], ReadinessFault | None]
    """Where captures stop on their way to the screens; None while they get through."""
    late_s: Callable[[], float]
    """How late alerts come, seconds, while faces come faster than they are recognised; else 0."""
    blind: Callable[[], Collection[str]]
    """The cameras that see nobody, or were never heard, at any server."""
    attended: Callable[[], Collection[str]]
    """The cameras at whose counters a PC would ring, at any server, as of a second ago."""
    agents: Callable[[], Mapping[str, AgentPresence]]
    """The agents that are subscribed here now."""
    freshness: Callable[[], Freshness]
    cameras: Collection[Camera]
    repeat_period_s: float
    """How often, in seconds, each screen gets the answer."""

    def of(self, place: AlertFilter) -> Readiness:
        """Return the answer for what a screen watches: a counter rings while a camera and a PC of it are left."""
        if fault := self.chain():
            return Readiness(fault, (), self.repeat_period_s, nobody=True)
        ours = {one for one in self.cameras if place.wants(one)}
        missing = {ReadinessFault.CAMERA: self._blind(ours), ReadinessFault.PC: self._without_pc(ours)}
        found = [fault for fault, cameras in missing.items() if cameras]
        enough = [fault for fault in found if missing[fault] == ours]
        if self.late_s():
            found.append(ReadinessFault.LATE)
        freshness = self.freshness()
        if freshness.outdated:
            found.append(ReadinessFault.LIST)
            enough += [] if freshness.active_subjects else [ReadinessFault.LIST]
        lost = set().union(*missing.values())
        fault = next(iter(enough or found), None)
        counters = sorted({one.counter for one in missing.get(fault, ())}) if fault else ()
        return Readiness(fault, tuple(counters), self.repeat_period_s, nobody=bool(enough or (ours and lost == ours)))

    def _blind(self, cameras: Collection[Camera]) -> set[Camera]:
        blind = self.blind()
        return {one for one in cameras if one.camera_id in blind}

    def _without_pc(self, cameras: Collection[Camera]) -> set[Camera]:
        attended = self.attended()
        if not (missing := {one for one in cameras if one.camera_id not in attended}):
            return missing
        return {one for one in missing if not any(each.attends(one) for each in self.agents().values())}
