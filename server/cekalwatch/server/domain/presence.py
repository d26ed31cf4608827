"""Which cameras, agents, gates and servers are present, and what they have reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.cameras import Heartbeat
from cekalwatch.contract.values.gates import GateAsk
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.errors import Code

MAX_PASSAGES = 200
"""Of one camera, from which the share of fit ones is reported: hours at a quiet counter, minutes in a crowd."""


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
class AgentPresence(AlertFilter):
    """What a subscribed agent watches. `supervises`: a supervisor is signed in at its device."""

    officer: bool = False
    """Whether an officer is."""
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
        return is_own and self.wants(camera)

    def reaches(self, camera: Camera) -> bool:
        """Whether an alert at `camera` reaches somebody here, at once or when it has gone to the supervisors."""
        return self.attends(camera) or (self.is_for_supervisors and self.site in {"", camera.site})


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
