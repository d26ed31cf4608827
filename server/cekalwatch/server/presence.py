"""Who is connected: cameras with their last heartbeat, and notifier agents. In memory; it starts empty."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from cekalwatch.server.domain.clock import Clock


class ViewState(StrEnum):
    """How a camera's view looks to its client."""

    UNSPECIFIED = "UNSPECIFIED"
    OK = "OK"
    NO_FRAMES = "NO_FRAMES"


class SpoolState(StrEnum):
    """How the spool on a camera host's disk does, as the contract has it."""

    UNSPECIFIED = "UNSPECIFIED"
    READY = "READY"
    DISK_FULL = "DISK_FULL"
    READ_ONLY = "READ_ONLY"
    FAILED = "FAILED"


@dataclass(frozen=True)
class SpoolStatus:
    """What waits on a camera host's disk; `size` in bytes."""

    state: SpoolState = SpoolState.UNSPECIFIED
    depth: int = 0
    size: int = 0
    age_s: float = 0.0


@dataclass(frozen=True)
class DropCounts:
    """Crops that a camera client lost, by the reason."""

    no_room: int = 0
    too_old: int = 0
    unreadable: int = 0


@dataclass(frozen=True)
class Heartbeat:
    """A camera client's figures, as `Heartbeat` of the contract states them; the age is in seconds."""

    frames_per_second: float = 0.0
    dropped_total: int = 0
    outbox_depth: int = 0
    outbox_age_s: float = 0.0
    view_state: ViewState = ViewState.UNSPECIFIED
    spool: SpoolStatus = SpoolStatus()
    drops: DropCounts = DropCounts()


@dataclass(frozen=True)
class CameraPresence:
    """What is known of one camera."""

    streams: int = 0
    last_heard_at: datetime | None = None
    heartbeat: Heartbeat = Heartbeat()


class Presence:
    """Keeps count of streams; only the event loop's thread uses it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cameras: dict[str, CameraPresence] = {}
        self._agents: Counter[str] = Counter()

    def camera_came(self, camera_id: str) -> None:
        """Count a stream of that camera."""
        known = self.camera(camera_id)
        self._cameras[camera_id] = replace(known, streams=known.streams + 1, last_heard_at=self._clock.now())

    def camera_went(self, camera_id: str) -> None:
        """Stop counting a stream of that camera."""
        known = self.camera(camera_id)
        self._cameras[camera_id] = replace(known, streams=known.streams - 1)

    def heard(self, camera_id: str, heartbeat: Heartbeat) -> None:
        """Keep a camera's newest heartbeat."""
        self._cameras[camera_id] = replace(self.camera(camera_id), last_heard_at=self._clock.now(), heartbeat=heartbeat)

    def camera(self, camera_id: str) -> CameraPresence:
        """Return what is known of a camera."""
        return self._cameras.get(camera_id, CameraPresence())

    def agent_came(self, agent_id: str) -> None:
        """Count a subscription of that agent."""
        self._agents[agent_id] += 1

    def agent_went(self, agent_id: str) -> None:
        """Stop counting a subscription of that agent."""
        self._agents[agent_id] -= 1
        if not self._agents[agent_id]:
            del self._agents[agent_id]

    @property
    def agents(self) -> frozenset[str]:
        """The agents that are subscribed."""
        return frozenset(self._agents)
