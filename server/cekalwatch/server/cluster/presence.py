"""Which cameras and agents are connected to this server; its parts report here."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from cekalwatch.contract.values.cameras import Heartbeat
from cekalwatch.contract.values.captures import is_wrong
from cekalwatch.server.domain.captures import CameraClock, Capture
from cekalwatch.server.domain.presence import MAX_PASSAGES, AgentPresence, CameraPresence, GatePresence, Rejection
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import Code
from cekalwatch.wire.identity import Identity

log = structlog.get_logger()

TWICE_TIMES = 3
"""How many streams of one device at one address take each other's place within `TWICE_WITHIN` when there are two: a
line that breaks makes fewer."""
TWICE_WITHIN = timedelta(minutes=2)
TWICE_TOLD_FOR = timedelta(hours=1)
ENDING_TOLD_FOR = timedelta(minutes=10)
"""How long a camera counts as one whose crops end decoders; it can end one a minute."""
MAX_REJECTIONS = 100
"""Refused cameras that are remembered; a caller may claim any name, so the number is bounded."""


class RecentPassages:
    """The last passages of one camera, and whether a face of each was fit for an alert."""

    def __init__(self) -> None:
        self._fit: OrderedDict[str, bool] = OrderedDict()
        self.last_face_at: datetime | None = None

    def note(self, capture: Capture) -> None:
        """Count a face."""
        self._fit[capture.passage] = self._fit.get(capture.passage, False) or capture.fit
        if len(self._fit) > MAX_PASSAGES:
            self._fit.popitem(last=False)
        self.last_face_at = max(capture.captured_at, self.last_face_at or capture.captured_at)

    @property
    def count(self) -> int:
        """Number of passages."""
        return len(self._fit)

    @property
    def fit(self) -> int:
        """Number of passages with a fit face."""
        return sum(self._fit.values())


class Presence:
    """Counts open streams; the event loop's thread writes, and any thread may read."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cameras: dict[str, CameraPresence] = {}
        self._rejections: dict[str, Rejection] = {}
        self._agents: dict[str, list[Callable[[], AgentPresence]]] = {}
        self._clocks: dict[str, CameraClock] = {}
        self._passages: defaultdict[str, RecentPassages] = defaultdict(RecentPassages)
        self._displaced: dict[Identity, tuple[datetime, ...]] = {}
        self._twice: dict[Identity, datetime] = {}
        self._ending: dict[str, datetime] = {}
        self.gates: dict[str, GatePresence] = {}
        """The gates that this server has told, by name, as their extension reports them."""

    def now(self) -> datetime:
        """Return the server's time."""
        return self._clock.now()

    def camera_connected(self, camera_id: str) -> None:
        """Count a stream of that camera."""
        known = self.camera(camera_id)
        self._cameras[camera_id] = replace(
            known, streams=known.streams + 1, last_heard_at=self._clock.now(), heartbeats=0
        )
        self._rejections.pop(camera_id, None)

    def follow_clock(self, camera_id: str, clock: CameraClock) -> None:
        """Use `clock` for this camera from now on."""
        self._clocks[camera_id] = clock
        known = self.camera(camera_id)
        _log_clock(camera_id, known.clock_ahead, clock.ahead)
        self._cameras[camera_id] = replace(known, clock_ahead=clock.ahead)

    def camera_disconnected(self, camera_id: str) -> None:
        """Stop counting a stream of that camera."""
        known = self.camera(camera_id)
        self._cameras[camera_id] = replace(known, streams=known.streams - 1, gone_at=self._clock.now())

    def camera_rejected(self, camera_id: str, site: str, reason: Code) -> None:
        """Remember that a camera was refused."""
        if len(self._rejections) >= MAX_REJECTIONS and camera_id not in self._rejections:
            del self._rejections[min(self._rejections, key=lambda one: self._rejections[one].at)]
        self._rejections[camera_id] = Rejection(self._clock.now(), site, reason)

    def face_received(self, capture: Capture) -> None:
        """Count a face of a camera; `CameraPresence` has it from the next heartbeat on."""
        self._passages[capture.camera.camera_id].note(capture)

    def heartbeat_received(self, camera_id: str, heartbeat: Heartbeat) -> None:
        """Keep a camera's newest heartbeat."""
        known, now = self.camera(camera_id), self._clock.now()
        # The first one of a stream may be that of a new program, which counts anew.
        lost = known.heartbeats > 0 and known.heartbeat and heartbeat.dropped_total > known.heartbeat.dropped_total
        clock = self._clocks.get(camera_id)
        ahead = clock.ahead if clock else None
        _log_clock(camera_id, known.clock_ahead, ahead)
        recent = self._passages[camera_id]
        self._cameras[camera_id] = replace(
            known,
            last_face_at=recent.last_face_at,
            passages=recent.count,
            passages_fit=recent.fit,
            clock_ahead=ahead,
            last_heard_at=now,
            heartbeat=heartbeat,
            heartbeats=known.heartbeats + 1,
            dropped_at=now if lost else known.dropped_at,
        )

    def camera(self, camera_id: str) -> CameraPresence:
        """Return the presence of a camera."""
        return self._cameras.get(camera_id, CameraPresence())

    @property
    def cameras(self) -> Mapping[str, CameraPresence]:
        """The present presence of all cameras."""
        return dict(self._cameras)

    @property
    def rejections(self) -> Mapping[str, Rejection]:
        """The cameras that were refused and have not connected since, by the key that they claimed."""
        return dict(self._rejections)

    @contextmanager
    def agent_connected(self, agent_id: str, watches: Callable[[], AgentPresence] = AgentPresence) -> Iterator[None]:
        """Count a subscription of that agent for the time of the block; `watches` tells what it watches at present."""
        self._agents.setdefault(agent_id, []).append(watches)
        try:
            yield
        finally:
            self._agents[agent_id].remove(watches)
            if not self._agents[agent_id]:
                del self._agents[agent_id]

    def displaced(self, device: Identity, elsewhere: bool) -> None:
        """Note that another stream of a device took the place of its last one, from another address or the same."""
        now = self._clock.now()
        lately = (*(one for one in self._displaced.get(device, ()) if now - one < TWICE_WITHIN), now)
        self._displaced[device] = lately[-TWICE_TIMES:]
        if elsewhere or len(lately) >= TWICE_TIMES:
            self._twice[device] = now

    @property
    def twice(self) -> frozenset[Identity]:
        """The devices of which there were two within the last hour."""
        now = self._clock.now()
        return frozenset(one for one, at in self._twice.copy().items() if now - at < TWICE_TOLD_FOR)

    def ended_decoders(self, camera_id: str) -> None:
        """Note that crops of a camera of ours have just ended too many decoders; any thread may call it."""
        self._ending[camera_id] = self._clock.now()

    @property
    def ending_decoders(self) -> frozenset[str]:
        """The cameras whose crops end decoders again and again."""
        now = self._clock.now()
        return frozenset(one for one, at in self._ending.copy().items() if now - at < ENDING_TOLD_FOR)

    @property
    def agents(self) -> Mapping[str, AgentPresence]:
        """The agents that are subscribed, each by its newest subscription."""
        subscriptions = [(agent_id, tuple(some)) for agent_id, some in self._agents.copy().items()]
        return {agent_id: some[-1]() for agent_id, some in subscriptions if some}


def _log_clock(camera_id: str, before: timedelta | None, ahead: timedelta | None) -> None:
    was_wrong, wrong = (one is not None and is_wrong(one) for one in (before, ahead))
    if wrong and ahead is not None and not was_wrong:
        log.warning("camera_clock_wrong", camera_id=camera_id, ahead_s=round(ahead.total_seconds(), 1))
    elif was_wrong and not wrong:
        log.info("camera_clock_right", camera_id=camera_id)
