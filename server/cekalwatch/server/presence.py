"""Who is connected: cameras with their last heartbeat, and notifier agents. In memory; it starts empty."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from cekalwatch.server.domain.clock import Clock
from cekalwatch.wire.vocabulary.capture import Heartbeat, ViewState

NO_EVENT = frozenset({ViewState.UNSPECIFIED, ViewState.TURNED_AWAY})
"""The view is not judged, or the camera was asked to turn: neither starts nor ends a problem."""
MAX_EVENTS = 100

log = structlog.get_logger()


@dataclass(frozen=True)
class ViewEvent:
    """A camera's view became unusable, or usable again."""

    at: datetime
    camera_id: str
    view_state: ViewState


@dataclass(frozen=True)
class CameraPresence:
    """What is known of one camera."""

    streams: int = 0
    last_heard_at: datetime | None = None
    heartbeat: Heartbeat = field(default_factory=Heartbeat)


class Presence:
    """Counts open streams; only the event loop's thread uses it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cameras: dict[str, CameraPresence] = {}
        self._agents: Counter[str] = Counter()
        self._views: dict[str, ViewState] = {}
        """The state in each camera's last event; without one, the view counts as usable."""
        self._view_events: deque[ViewEvent] = deque(maxlen=MAX_EVENTS)

    def camera_connected(self, camera_id: str) -> None:
        """Count a stream of that camera."""
        known = self.camera(camera_id)
        self._cameras[camera_id] = replace(known, streams=known.streams + 1, last_heard_at=self._clock.now())

    def camera_disconnected(self, camera_id: str) -> None:
        """Stop counting a stream of that camera."""
        known = self.camera(camera_id)
        self._cameras[camera_id] = replace(known, streams=known.streams - 1)

    def heartbeat_received(self, camera_id: str, heartbeat: Heartbeat) -> None:
        """Keep a camera's newest heartbeat, and record an event when its view became unusable or usable."""
        now, state = self._clock.now(), heartbeat.view_state
        self._cameras[camera_id] = replace(self.camera(camera_id), last_heard_at=now, heartbeat=heartbeat)
        if state in NO_EVENT or state is self._views.get(camera_id, ViewState.OK):
            return
        self._views[camera_id] = state
        self._view_events.appendleft(ViewEvent(now, camera_id, state))
        if state is ViewState.OK:
            log.info("camera_view_usable", camera_id=camera_id)
        else:
            log.warning("camera_view_unusable", camera_id=camera_id, view_state=state.value)

    def camera(self, camera_id: str) -> CameraPresence:
        """Return what is known of a camera."""
        return self._cameras.get(camera_id, CameraPresence())

    @property
    def view_events(self) -> tuple[ViewEvent, ...]:
        """The last events of views, newest first."""
        return tuple(self._view_events)

    def agent_connected(self, agent_id: str) -> None:
        """Count a subscription of that agent."""
        self._agents[agent_id] += 1

    def agent_disconnected(self, agent_id: str) -> None:
        """Stop counting a subscription of that agent."""
        self._agents[agent_id] -= 1
        if not self._agents[agent_id]:
            del self._agents[agent_id]

    @property
    def agents(self) -> frozenset[str]:
        """The agents that are subscribed."""
        return frozenset(self._agents)
