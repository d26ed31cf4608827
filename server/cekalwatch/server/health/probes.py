"""The parts of the server report here: which devices are connected, and how long each step takes.

This module knows no metrics library.
"""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.cameras import Heartbeat
from cekalwatch.contract.values.captures import is_wrong
from cekalwatch.contract.values.gates import GateAsk
from cekalwatch.contract.values.orders import Direction
from cekalwatch.server.domain.captures import CameraClock, Capture
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import Code
from cekalwatch.wire.identity import Identity

Measure = Callable[[float], object]
"""Records a duration in seconds; any thread may call it."""
BatchMeasure = Callable[[int, float], object]
"""Records the size of a batch, and its duration in seconds; any thread may call it."""


def unmeasured(*_: float) -> None:
    """Record nothing."""


@dataclass(frozen=True)
class Metrics:
    """Callbacks that record how long each step takes. The default does nothing."""

    receipt: Measure = unmeasured
    """From the arrival of a capture to its receipt."""
    decision: Measure = unmeasured
    """From the time of the picture to the decision whether it alerts."""
    event: Measure = unmeasured
    """From the time of the picture to the commit of its alert event."""
    acknowledgement: Measure = unmeasured
    """From the commit of an event to its acknowledgement by an agent."""
    commit: Measure = unmeasured
    """One commit of the database."""
    batch: Callable[[str], BatchMeasure] = lambda _: unmeasured
    """Returns the callback for a batch worker, by its name."""


NO_METRICS = Metrics()


@contextmanager
def timed(measure: Measure) -> Iterator[None]:
    """Record how long the block takes, also when it raises."""
    begun_s = time.perf_counter()
    try:
        yield
    finally:
        measure(time.perf_counter() - begun_s)


log = structlog.get_logger()

MAX_PASSAGES = 200
"""Of one camera, from which the share of fit ones is reported: hours at a quiet counter, minutes in a crowd."""
TWICE_TIMES = 3
"""How many streams of one device at one address take each other's place within `TWICE_WITHIN` when there are two: a
line that breaks makes fewer."""
TWICE_WITHIN = timedelta(minutes=2)
TWICE_TOLD_FOR = timedelta(hours=1)
ENDING_TOLD_FOR = timedelta(minutes=10)
"""How long a camera counts as one whose crops end decoders; it can end one a minute."""
MAX_REJECTIONS = 100
"""Refused cameras that are remembered; a caller may claim any name, so the number is bounded."""


@dataclass(frozen=True)
class CameraPresence:
    """The presence of one camera."""

    streams: int = 0
    last_heard_at: datetime | None = None
    gone_at: datetime | None = None
    """When its last stream ended; None when it had none."""
    heartbeat: Heartbeat | None = None
    """The last one, also of an earlier stream."""
    heartbeats: int = 0
    """Number of heartbeats since it connected."""
    dropped_at: datetime | None = None
    """When a heartbeat last reported crops that were lost since the one before."""
    clock_ahead: timedelta | None = None
    """How far its clock was ahead of the server's at its last heartbeat (negative: behind), without the time on the
    network; None when it has not reported it."""
    last_face_at: datetime | None = None
    """When the newest face was taken that had arrived by the last heartbeat."""
    passages: int = 0
    """Number of its last passages here that `passages_fit` is counted from, at most `MAX_PASSAGES`."""
    passages_fit: int = 0
    """Passages of which a face was fit for an alert."""


@dataclass(frozen=True)
class AgentPresence:
    """What a subscribed agent watches; empty fields mean everything."""

    site: str = ""
    counters: frozenset[str] = frozenset()
    direction: Direction | None = None
    supervises: bool = False
    """Whether a supervisor is signed in at its device."""
    officer: bool = False
    """The same of an officer."""
    people: frozenset[str] = frozenset()
    """Keys of the officers and supervisors who are signed in there."""

    @property
    def is_for_supervisors(self) -> bool:
        """Whether alerts that have gone to the supervisors reach somebody here."""
        return self.supervises or not self.counters

    def attends(self, camera: Camera) -> bool:
        """Whether it would ring for a traveller at `camera` before anything escalates.

        One without counters is the PC of all of them, unless it is a supervisor's.
        """
        is_own = bool(self.counters) or not self.supervises
        return is_own and AlertFilter(self.site, self.counters, self.direction).wants(camera)


@dataclass(frozen=True)
class GatePresence:
    """The gate of a counter, at the server that tells it."""

    told_at: datetime
    """When the server last sent it a message, whether it answered or not."""
    heard_at: datetime
    """When it answered last, or this server began to tell it."""
    asks: GateAsk | None = None
    """What the last notice asked that it took; None while it has taken none."""
    hold_ends_at: datetime | None = None
    """When its hold ends if nothing happens."""
    problem: str = ""
    """Why it did not take the last notice; empty if it took it."""


@dataclass(frozen=True)
class ServerRun:
    """A server that shares the database, from its start to its end, with its load."""

    run_id: str
    """Its key, made at its start."""
    name: str
    """As the audit trail calls it."""
    address: str
    """Where it listens, as HOST:PORT."""
    version: str
    """Of the program."""
    model_version: str
    """Of the templates that it searches."""
    law: Mapping[str, str]
    """The settings that decide about orders there, by name."""
    started_at: datetime
    captures_waiting: int = 0
    """Captures that wait for their embedding."""
    captures_per_second: float = 0.0
    """Since its last report."""
    gates: Mapping[str, GatePresence] = field(default_factory=dict)
    """The gates that it has told, by name."""


@dataclass(frozen=True)
class ReportedRun:
    """A server's run, with its last report."""

    run: ServerRun
    seen_at: datetime
    """When it reported last, by the database's clock."""
    alive: bool
    """Whether that was only a moment ago."""
    clock_ahead: timedelta | None
    """How far its clock was ahead of the database's (negative: behind); None where both are this machine's."""
    cameras: Mapping[str, CameraPresence]
    """The cameras that it has heard."""
    agents: Mapping[str, AgentPresence]
    """The agents that are subscribed there."""


@dataclass(frozen=True)
class Rejection:
    """A camera was refused."""

    at: datetime
    site: str
    """Of its certificate; empty where it has none."""
    reason: Code


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
