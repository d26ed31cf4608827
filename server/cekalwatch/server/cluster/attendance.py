"""Which counters have a PC that would ring, at any server of the database, and which PCs have gone a moment ago.

Each server looks; the leader lets alerts of a counter without a PC go on at once, and claims of PCs that are gone end.
It goes by elapsed time, and knows no alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from cekalwatch.contract.values.adjudication import Escalation
from cekalwatch.contract.values.cameras import CameraReference
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.presence import AgentPresence
from cekalwatch.server.foundation.clock import Clock

AWAY_AFTER_S: Final = 5.0
"""A PC whose subscription has ended may come back within this time before it counts as away."""
STARTS_WITHIN_S: Final = 10.0
"""How long PCs have to come after this server has begun to look."""
STALE_AFTER_S: Final = 10.0
"""After a longer time without a look the database was away: it begins anew."""


@dataclass(frozen=True)
class _Seen:
    """What was seen up to the last look; the times are those of `Clock.elapsed_s`."""

    began_s: float
    looked_s: float
    agents: Mapping[str, float] = field(default_factory=dict)
    """When each agent was subscribed last."""
    cameras: Mapping[str, float] = field(default_factory=dict)
    """When a PC attended each camera last."""
    watched: Mapping[str, AgentPresence] = field(default_factory=dict)
    """What each present agent watches."""


class Attendance:
    """Follows the PCs of the counters at `cameras`. One thread looks, any may ask."""

    def __init__(self, cameras: Iterable[Camera], whole: Callable[[], WholePresence], clock: Clock) -> None:
        """`whole` reads which agents are subscribed; it blocks, and raises StorageError."""
        self._cameras = tuple(cameras)
        self._whole, self._clock = whole, clock
        self._seen: _Seen | None = None

    def look(self) -> None:
        """Read which PCs are there. Raises StorageError."""
        watched, now_s, before = self._whole().watched, self._clock.elapsed_s(), self._seen
        if before is None or now_s - before.looked_s > STALE_AFTER_S:
            before = _Seen(now_s, now_s)
        lately = {name: at for name, at in before.agents.items() if now_s - at < 60 * STALE_AFTER_S}
        attended = (one.camera_id for one in self._cameras if any(each.attends(one) for each in watched.values()))
        self._seen = _Seen(
            before.began_s,
            now_s,
            lately | dict.fromkeys(watched, now_s),
            {**before.cameras, **dict.fromkeys(attended, now_s)},
            watched,
        )

    @property
    def attended(self) -> frozenset[str]:
        """The cameras at whose counters a PC would ring, or did a moment ago; none before the first look."""
        seen = self._seen
        if seen is None:
            return frozenset()
        return frozenset(name for name, at_s in seen.cameras.items() if seen.looked_s - at_s < AWAY_AFTER_S)

    @property
    def awaited(self) -> tuple[Camera, ...]:
        """The cameras at whose counters no PC has been yet, while PCs have time to come."""
        seen = self._seen
        if seen is None or seen.looked_s - seen.began_s >= STARTS_WITHIN_S:
            return ()
        return tuple(one for one in self._cameras if one.camera_id not in seen.cameras)

    @property
    def unattended(self) -> tuple[Camera, ...] | None:
        """The cameras at whose counters no PC would ring; None while that is not known."""
        seen = self._seen
        if seen is None or self._clock.elapsed_s() - seen.looked_s > STALE_AFTER_S:
            return None
        known = self.attended | {one.camera_id for one in self.awaited}
        return tuple(one for one in self._cameras if one.camera_id not in known)

    def next_place(self, camera: CameraReference) -> Escalation:
        """Return where an alert that nobody has claimed belongs while its traveller is at `camera`."""
        if self._seen is None or camera not in {one.place for one in self.unattended or ()}:
            return Escalation.COUNTER
        near = (one for one in self._seen.watched.values() if one.site in {"", camera.site})
        return Escalation.SUPERVISOR if any(one.is_for_supervisors for one in near) else Escalation.SITE

    def attending(self, camera: Camera) -> frozenset[str]:
        """Return the agents that would ring for a traveller at `camera`, as of the last look."""
        return (
            frozenset(name for name, one in self._seen.watched.items() if one.attends(camera))
            if self._seen
            else frozenset()
        )

    def has_officer(self, site: str) -> bool:
        """Whether an officer is signed in at a PC of a site now. It reads, and raises StorageError."""
        return any(one.officer and one.site in {"", site} for one in self._whole().watched.values())

    def is_gone(self, agent_id: str, held_for: timedelta) -> bool:
        """Whether an agent has gone that was there `held_for` ago: that it is away since for longer than a connection
        takes to come back.

        One that never subscribed (a browser), or was away already (commands without a console), is not gone.
        """
        if self._seen is None or agent_id not in self._seen.agents:
            return False
        away_s = self._seen.looked_s - self._seen.agents[agent_id]
        return AWAY_AFTER_S <= away_s < held_for.total_seconds() + AWAY_AFTER_S
